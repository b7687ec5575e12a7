# SPDX-License-Identifier: LGPL-2.1-or-later
"""The settings of a VM: keywords here, options of hypermin(1) for the library.

One table turns the ones into the others.  hypermin_set() takes an option with its value,
and so does the command line, which starts sessions.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Union

AnyPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

# What hypermin_set() takes for a part of a disk's text that stands behind its name.
_DISK_WORD = re.compile(rb":(?:raw|qcow2|qed|vmdk|vdi|vhdx|vpc|block=[^:]*|serial=[^:]*)$")


@dataclass(frozen=True)
class Disk:
    """A disk image or block device.

    access is "ro", "rw" (what the guest writes is written to the image) or "snapshot" (it is
    dropped when the VM ends).  format is qemu's name; without one it is raw.  sector_size is
    in bytes.  serial is the serial number that the guest sees.
    """
    path: AnyPath
    access: Literal["ro", "rw", "snapshot"] = "ro"
    format: str | None = None
    sector_size: int | None = None
    serial: str | None = None

    def option(self) -> tuple[str, bytes]:
        text = os.fsencode(self.path)
        if not (self.format and self.sector_size and self.serial) and _DISK_WORD.search(text):
            raise ValueError(f"the end of the name of the disk {text!r} looks like a setting; "
                             f"give its format, sector size and serial number, too")
        if self.sector_size:
            text += b":block=%d" % self.sector_size
        if self.serial:
            text += b":serial=" + os.fsencode(self.serial)
        if self.format:
            text += b":" + os.fsencode(self.format)
        return "disk", text + b":" + self.access.encode()


@dataclass(frozen=True)
class Share:
    """A directory of the host in the guest, at the same path or at `place`.

    mode is "ro", "rw" (what the guest writes is written here) or "overlay" (it stays in the
    guest's memory).
    """
    path: AnyPath
    place: AnyPath | None = None
    mode: Literal["ro", "rw", "overlay"] = "ro"

    def option(self) -> tuple[str, bytes]:
        text = _escaped(self.path)
        if self.place is not None:
            text += b":" + _escaped(self.place)
        return {"ro": "share", "rw": "rw", "overlay": "overlay"}[self.mode], text


class Settings(TypedDict, total=False):
    """What a VM is made of and what it can reach, as keyword arguments.

    hypermin.h and hypermin(1) describe each under the same name, or the singular of it.
    Where a str is given for a disk or a share, it is read as on the command line:
    "disk.img:rw"; a Path is nothing but a name.
    """
    packages: Iterable[str]
    root: AnyPath
    image: str
    kernel: AnyPath
    modules: AnyPath
    appliance: AnyPath
    #: The port at which an appliance with an /init of its own is held.
    hold: str
    #: The name of a saved state.
    from_state: str
    cache_dir: AnyPath
    memory_mib: int
    cpus: int
    accel: str
    machine: str
    root_bus: str
    plain: bool
    fast: bool
    cold: bool
    strict: bool
    console: bool
    #: In seconds, as all times here.
    boot_timeout: float
    silence_timeout: float
    wait_memory: float
    #: The file that write_timeline() fills.
    timeline: AnyPath
    disks: Iterable[Disk | AnyPath]
    shares: Iterable[Share | AnyPath]
    #: The tree of the host, under an overlay.
    host: bool
    net: bool
    forward: Iterable[str]
    reach: Iterable[str]
    #: Words for the kernel's command line.
    append: Iterable[str]
    qemu_args: Iterable[str]
    #: "[PORT][:wait]", or True for the usual port.
    gdb: str | bool


# A name, and a value if it takes one.
Option = tuple[str, bytes | None]
_Conversion = Callable[[Any], Iterator[Option]]


def _escaped(path: AnyPath) -> bytes:
    return re.sub(rb"([\\:])", rb"\\\1", os.fsencode(path))


def _text(name: str) -> _Conversion:
    return lambda value: iter([(name, os.fsencode(value))])


def _number(name: str) -> _Conversion:
    return lambda value: iter([(name, b"%d" % value)])


def _seconds(name: str) -> _Conversion:
    return lambda value: iter([(name, b"%.3f" % value)])


def _each(name: str, kind: Callable[[Any], Disk | Share] | None = None) -> _Conversion:
    def convert(values: Any) -> Iterator[Option]:
        # One item in place of a list is a common slip, and can mean nothing else.
        if isinstance(values, (str, bytes, os.PathLike, Disk, Share)):
            values = [values]
        for value in values:
            if kind and isinstance(value, os.PathLike):
                value = kind(value)
            if isinstance(value, (Disk, Share)):
                yield value.option()
            else:
                yield name, os.fsencode(value)
    return convert


def _gdb(value: str | bool) -> Iterator[Option]:
    if value:
        yield "gdb", None if value is True else os.fsencode(value)


_FLAGS = ("plain", "fast", "cold", "strict", "console", "host", "net")
_CONVERSIONS: dict[str, _Conversion] = {
    "packages": _each("package"),
    "root": _text("root"),
    "image": _text("image"),
    "kernel": _text("kernel"),
    "modules": _text("modules"),
    "appliance": _text("appliance"),
    "hold": _text("hold"),
    "from_state": _text("from"),
    "cache_dir": _text("cache-dir"),
    "memory_mib": _number("memory"),
    "cpus": _number("cpus"),
    "accel": _text("accel"),
    "machine": _text("machine"),
    "root_bus": _text("root-bus"),
    "boot_timeout": _seconds("boot-timeout"),
    "silence_timeout": _seconds("silence-timeout"),
    "wait_memory": _seconds("wait-memory"),
    "timeline": _text("timeline"),
    "disks": _each("disk", Disk),
    "shares": _each("share", Share),
    "forward": _each("forward"),
    "reach": _each("reach"),
    "append": _each("append"),
    "qemu_args": _each("qemu-arg"),
    "gdb": _gdb,
}


def options(settings: Settings) -> list[Option]:
    """The options that stand for these settings, in the order of the keywords."""
    result: list[Option] = []
    for keyword, value in settings.items():
        if value is None:
            continue
        if keyword in _FLAGS:
            result.append((keyword, None if value else b"no"))
        elif keyword in _CONVERSIONS:
            result.extend(_CONVERSIONS[keyword](value))
        else:
            raise TypeError(f"there is no setting '{keyword}'")
    return result


def as_words(settings: Settings) -> list[bytes]:
    """The same for a command line."""
    return [b"--" + name.encode() + (b"" if value is None else b"=" + value)
            for name, value in options(settings) if name not in _FLAGS or value is None]
