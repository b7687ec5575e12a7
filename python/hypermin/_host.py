# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is on this host: sessions, the cache, and what a start needs."""

import ctypes
import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from . import _library
from ._handle import Handle
from ._library import Format, LogLevel, Severity, lib
from ._settings import AnyPath


# The log

_LOGGING_LEVELS = {LogLevel.WARNING: logging.WARNING, LogLevel.NOTICE: logging.INFO,
                   LogLevel.INFO: logging.DEBUG, LogLevel.DEBUG: logging.DEBUG}
# ctypes does not keep it.
_log_function = _library.LogFunction(0)


def log_to_logging(level: LogLevel, line: str) -> None:
    """Pass a line to the logger "hypermin" of Python: the default."""
    logging.getLogger("hypermin").log(_LOGGING_LEVELS[level], "%s", line)


def set_log(function: Callable[[LogLevel, str], object] | None = log_to_logging,
            level: LogLevel = LogLevel.NOTICE) -> None:
    """Pass what the library says to a function, up to this level; None: drop it.

    Notices say that long work begins or goes on, for a person who waits.  There is one log
    for the process; set it before other threads use the library.
    """
    global _log_function

    def pass_on(number: int, line: bytes, data: object) -> None:
        if function:
            function(LogLevel(number), os.fsdecode(line))

    new = _library.LogFunction(pass_on) if function else _library.LogFunction(0)
    lib.hypermin_set_log(new, None, level)
    _log_function = new


# Sessions

@dataclass(frozen=True)
class SessionInfo:
    """What is known of a session.  details has all that `hypermin list --json` says."""
    name: str
    #: In seconds since 1970.
    started: int
    #: Of the host, in bytes; None: unknown.
    memory: int | None
    disks: int
    commands: int
    #: What it was made from.
    origin: str
    details: dict[str, Any]


def sessions() -> list[SessionInfo]:
    """All sessions of this user, by name."""
    found = []

    def add(pointer: Any, details: bytes, data: object) -> None:
        item = pointer.contents
        found.append(SessionInfo(
            os.fsdecode(item.name), item.started, None if item.memory < 0 else item.memory,
            item.disks, item.commands, os.fsdecode(item.origin), json.loads(details)))

    Handle().call_long("list_sessions", _library.SessionFunction(add), None)
    return found


def stop_ready() -> int:
    """End all VMs of this user that wait for a run.  How many there were."""
    return int(Handle().call_long("stop_ready"))


# The cache

@dataclass(frozen=True)
class CacheItem:
    """Something that the cache keeps.  text says what verify() found wrong with it, or why
    collect() has removed it or keeps it."""
    kind: str
    key: str
    description: str
    #: On disk.
    bytes: int
    #: In seconds since 1970.
    last_use: int
    in_use: bool
    removed: bool
    text: str | None


_Items = list[CacheItem]


class Cache:
    """Where appliances, snapshots and saved states are kept; by default the user's own."""

    def __init__(self, directory: AnyPath | None = None):
        self._handle = Handle()
        if directory is not None:
            self._handle.call("set", b"cache-dir", os.fsencode(directory))

    @property
    def directory(self) -> str:
        return os.fsdecode(self._handle.call("cache_directory"))

    def _items(self, *call: Any, after: tuple[Any, ...] = ()) -> _Items:
        items: _Items = []

        def add(pointer: Any, text: bytes | None, data: object) -> None:
            item = pointer.contents
            items.append(CacheItem(
                os.fsdecode(item.kind), os.fsdecode(item.key), os.fsdecode(item.description),
                item.bytes, item.last_use, item.in_use, item.removed,
                None if text is None else os.fsdecode(text)))

        self._handle.call_long(*call, _library.CacheFunction(add), None, *after)
        return items

    def list(self) -> _Items:
        """Everything in it, by kind; of each kind what was used longest ago first."""
        return self._items("cache_list", after=(None,))

    def size(self) -> int:
        """On disk, in bytes, with shared blocks once."""
        size = ctypes.c_uint64()
        self._items("cache_list", after=(ctypes.byref(size),))
        return size.value

    def manifest(self, key: str) -> dict[str, Any]:
        """What is known of the one item whose key begins like this."""
        text = self._handle.call_for_text("cache_manifest", os.fsencode(key))
        manifest: dict[str, Any] = json.loads(text)
        return manifest

    def verify(self, *, repair: bool = False) -> _Items:
        """Read everything, and compare it to what was written.  What is damaged has a text,
        and is removed with `repair`."""
        return self._items("cache_verify", repair)

    def collect(self, *, max_bytes: int = 0, max_age: int = 0, everything: bool = False,
                force: bool = False) -> _Items:
        """Remove what is not in use, and is old or too much.  0: the default limits.  What
        was removed, or kept though it is due."""
        limits = _library.CacheLimits(max_bytes, max_age, everything, force)
        return self._items("cache_collect", ctypes.byref(limits))

    def remove_state(self, name: str) -> None:
        """Remove a saved state.  Error with errno EBUSY: VMs that go on from it run."""
        self._handle.call_long("remove_state", os.fsencode(name))


# The host, and appliances in directories

@dataclass(frozen=True)
class Finding:
    """Something that doctor() found, and what to do about it."""
    severity: Severity
    #: A word.
    topic: str
    text: str
    advice: str | None


def doctor() -> list[Finding]:
    """Look at everything on this host that a start needs."""
    findings = []

    def add(severity: int, topic: bytes, text: bytes, advice: bytes | None,
            data: object) -> None:
        findings.append(Finding(Severity(severity), os.fsdecode(topic), os.fsdecode(text),
                                None if advice is None else os.fsdecode(advice)))

    Handle().call_long("doctor", _library.DoctorFunction(add), None)
    return findings


def assemble(output: AnyPath, inputs: Iterable[AnyPath] = (), *,
             trees: Iterable[AnyPath] = (), format: Format = Format.EXT2,
             clamp_to: int | None = None, **given: Any) -> bool:
    """Make an appliance for a launcher of one's own, in a directory.  False: if_newer found
    nothing to do.  struct hypermin_assembly has the other keywords."""
    assembly = _library.Assembly(
        struct_size=ctypes.sizeof(_library.Assembly), output=os.fsencode(output),
        inputs=_library.words([os.fsencode(path) for path in inputs]),
        trees=_library.words([os.fsencode(path) for path in trees]), format=format,
        clamp_times=clamp_to is not None, clamp_to=clamp_to or 0)
    known = {name for name, *_ in _library.Assembly._fields_}
    for name, value in given.items():
        if name not in known:
            raise TypeError(f"assemble() has no keyword '{name}'")
        setattr(assembly, name, value if isinstance(value, int) else os.fsencode(value))
    made = ctypes.c_bool()
    Handle().call_long("assemble", ctypes.byref(assembly), ctypes.byref(made))
    return made.value


def find_program(name: str) -> str:
    """The path of one of hypermin's own programs: "hypermin", "hypermin-builder"."""
    return Handle().call_for_text("find_program", os.fsencode(name))
