# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMs, and sessions: VMs that other processes keep."""

import abc
import asyncio
import ctypes
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import _library
from ._command import (CommandOptions, CompletedProcess, Process, RunOptions, Words,
                       prepare_run)
from ._handle import Error, Future, Handle
from ._settings import AnyPath, Settings, as_words, options

if TYPE_CHECKING:
    from typing import Self, Unpack

T = TypeVar("T")


def _call(function: str, *arguments: Any) -> Callable[[Handle], Any]:
    """One call as work for a thread."""
    def work(handle: Handle) -> Any:
        return handle.call_locked(function, *arguments)
    return work


class Machine(abc.ABC):
    """What can be done in a VM and in a session."""

    @abc.abstractmethod
    def _begin(self, work: Callable[[Handle], T]) -> tuple[Handle, "Future[T]"]:
        """Do this in a thread, with a handle that stands for the VM."""

    def _do(self, work: Callable[[Handle], T]) -> T:
        handle, future = self._begin(work)
        return handle.wait(future)

    async def _do_async(self, work: Callable[[Handle], T]) -> T:
        handle, future = self._begin(work)
        return await handle.wait_async(future)

    @overload
    def run(self, args: Words, *, text: Literal[True],
            **given: "Unpack[RunOptions]") -> CompletedProcess[str]: ...

    @overload
    def run(self, args: Words, *, text: Literal[False] = False,
            **given: "Unpack[RunOptions]") -> CompletedProcess[bytes]: ...

    def run(self, args: Words, *, text: bool = False,
            **given: "Unpack[RunOptions]") -> CompletedProcess[Any]:
        """Run a command to its end, as subprocess.run() does: see RunOptions.

        args is a list of words; a str is a command without arguments, and never read by a
        shell.  NotExecuted: the command was not found or could not be started.
        """
        completed = self._do(prepare_run(args, text, given).execute)
        if given.get("check"):
            completed.check_returncode()
        return completed

    @overload
    async def run_async(self, args: Words, *, text: Literal[True],
                        **given: "Unpack[RunOptions]") -> CompletedProcess[str]: ...

    @overload
    async def run_async(self, args: Words, *, text: Literal[False] = False,
                        **given: "Unpack[RunOptions]") -> CompletedProcess[bytes]: ...

    async def run_async(self, args: Words, *, text: bool = False,
                        **given: "Unpack[RunOptions]") -> CompletedProcess[Any]:
        """run() for asyncio.  If the task is cancelled, the command is killed."""
        completed = await self._do_async(prepare_run(args, text, given).execute)
        if given.get("check"):
            completed.check_returncode()
        return completed

    @overload
    def popen(self, args: Words, *, text: Literal[True],
              **given: "Unpack[CommandOptions]") -> Process[str]: ...

    @overload
    def popen(self, args: Words, *, text: Literal[False] = False,
              **given: "Unpack[CommandOptions]") -> Process[bytes]: ...

    def popen(self, args: Words, *, text: bool = False,
              **given: "Unpack[CommandOptions]") -> Process[Any]:
        """Start a command, and go on: as subprocess.Popen()."""
        return Process(self._begin, args, text, given)

    def copy_in(self, source: AnyPath, target: AnyPath) -> None:
        """Copy a file or tree to an absolute path in the guest, as cp -a does.  Into a
        directory it is copied under its own name; "DIR/." is what is in a directory."""
        self._do(_call("copy_in", os.fsencode(source), os.fsencode(target)))

    async def copy_in_async(self, source: AnyPath, target: AnyPath) -> None:
        await self._do_async(_call("copy_in", os.fsencode(source), os.fsencode(target)))

    def copy_out(self, source: AnyPath, target: AnyPath, *, max_bytes: int = 0,
                 same_owner: bool = False) -> None:
        """The same from the guest.  Nothing but `target`, or the one entry in it, is
        written, and at most max_bytes of data, if that is not 0."""
        self._do(_call("copy_out", os.fsencode(source), os.fsencode(target),
                       max_bytes, same_owner))

    async def copy_out_async(self, source: AnyPath, target: AnyPath, *, max_bytes: int = 0,
                             same_owner: bool = False) -> None:
        await self._do_async(_call("copy_out", os.fsencode(source), os.fsencode(target),
                                   max_bytes, same_owner))


@dataclass(frozen=True)
class BlockDevice:
    """One of the guest's: "vda", its size in bytes, and whether it is read-only."""
    name: str
    size: int
    read_only: bool


class VM(Machine):
    """A VM of this process, made from the machine that it runs on.

        with hypermin.VM(packages=["lvm2"], disks=["pv.img"]) as vm:
            vm.run(["pvs"])

    Settings says what the keywords are.  The VM is started at the beginning of the with
    statement, or by start(), and ends with it.  With take_ready, start() takes a VM that
    waits (hypermin warm --ready), if there is one that fits; one command can run in that.
    One command runs at a time; others wait for it.
    """

    def __init__(self, *, take_ready: bool = False, **settings: "Unpack[Settings]"):
        self.settings = settings
        self._handle = Handle()
        self._is_running = False
        for name, value in options(settings):
            self._handle.call("set", name.encode(), value)
        self._handle.take_ready(take_ready)

    def _begin(self, work: Callable[[Handle], T]) -> tuple[Handle, "Future[T]"]:
        return self._handle, self._handle.submit(lambda: work(self._handle))

    # Its life

    def start(self) -> None:
        """Boot it, or resume it from a snapshot.  Builds the appliance first if need be."""
        self._handle.call_long("start")
        self._is_running = True

    def stop(self) -> None:
        """End it, and what runs in it, with nothing lost that was written to a disk."""
        self._handle.end_call()
        self._is_running = False
        self._handle.call_long("stop")

    def kill(self) -> None:
        """End it at once: a writable disk is left as after a power cut."""
        self._handle.end_call(patience=1)
        self._is_running = False
        self._handle.call("kill")

    def close(self) -> None:
        """Forget it; if it runs, it ends as by kill()."""
        self._is_running = False
        self._handle.close()

    def __enter__(self) -> "Self":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        try:
            if self._is_running:
                self.stop()
        except Error:
            # What the caller has to hear first is what went wrong before.
            if not error:
                raise
        finally:
            self.close()

    async def __aenter__(self) -> "Self":
        try:
            await self._handle.call_async("start")
        except BaseException:
            self.close()
            raise
        self._is_running = True
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        traceback: TracebackType | None) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, traceback)

    def interrupt(self, number: int) -> None:
        """Pass a signal to the command that runs.  Where none runs yet, and the second time,
        end the call that is under way, or give up the command.  From any thread."""
        self._handle.interrupt(number)

    def window_changed(self) -> None:
        """The terminal has a new size (SIGWINCH), or is ours again (SIGCONT)."""
        self._handle.window_changed()

    def block_devices(self) -> list[BlockDevice]:
        """Those of the guest, without the appliance's own."""
        array = ctypes.POINTER(_library.BlockDevice)()
        length = ctypes.c_size_t()
        self._handle.call("block_devices", ctypes.byref(array), ctypes.byref(length))
        try:
            return [BlockDevice(os.fsdecode(item.name), item.size, item.read_only)
                    for item in array[:length.value]]
        finally:
            _library.free(array)

    def console_tail(self, lines: int = 30) -> str:
        """The last lines of the guest's console."""
        return self._handle.call_for_text("console_tail", lines)

    def write_timeline(self) -> None:
        """Write what the setting `timeline` asked for, after the first command."""
        self._handle.call("write_timeline")

    # Before it is started

    def prepare(self) -> None:
        """Build the appliance, unless the cache has it."""
        self._handle.call_long("prepare")

    def is_prepared(self) -> bool:
        """Does a quick look show that the cache has the appliance?"""
        return bool(self._handle.call("is_prepared"))

    def export(self, directory: AnyPath, *, warm: bool = False) -> None:
        """Write the appliance to a directory, which is new, empty or an appliance.  With
        warm, VMs with it resume on other machines, too, from a snapshot that is with it."""
        self._handle.call_long("export_warm" if warm else "export", os.fsencode(directory))

    def warm(self, disks: int = 0, *, only_built: bool = False) -> bool:
        """Take a snapshot that VMs with these settings and so many disks resume from.
        False: there was one.  The VM itself is not started, and has no disks."""
        taken = ctypes.c_bool()
        self._handle.call_long("warm", disks, only_built, ctypes.byref(taken))
        return taken.value

    def qemu_command(self) -> str:
        """The command for a shell that starts such a VM by hand."""
        return self._handle.call_for_text("qemu_command")

    def gdb_command(self) -> str:
        """The command for a shell that starts gdb for it; see the setting `gdb`."""
        return self._handle.call_for_text("gdb_command")

    # For other processes

    def keep(self, name: str | None = None, *, idle: float = 0,
             ready: Callable[[str], object] | None = None) -> None:
        """Start it, and serve it as a session until somebody stops that, or until no
        command has run for so many seconds.  ready() is called with its name when it can be
        used; if it raises, the session ends.  Session.start() does this in a process of its
        own."""
        self._keep(ready, "keep", name and os.fsencode(name), round(idle * 1000))

    def keep_ready(self, count: int, *, idle: float = 0,
                   ready: Callable[[str], object] | None = None) -> bool:
        """Start a VM that waits for a start() that takes such a one; at most `count` of a
        kind wait.  True: it was taken, and has ended; the next one is a new VM object."""
        return bool(self._keep(ready, "keep_ready", count, round(idle * 1000)))

    def _keep(self, ready: Callable[[str], object] | None, *call: Any) -> Any:
        failure: list[BaseException] = []

        def on_ready(name: bytes, data: object) -> int:
            try:
                if ready:
                    ready(os.fsdecode(name))
                return 0
            except BaseException as error:
                failure.append(error)
                return -1

        try:
            return self._handle.call_long(*call, _library.ReadyFunction(on_ready), None)
        except Error:
            if failure:
                raise failure[0] from None
            raise


class Session(Machine):
    """A VM that a process of its own keeps, by name; any process of this user may use it.

    Session.start() starts one, Session.open() finds one that runs.  In a with statement, a
    session that was started there is stopped at the end; one that was opened goes on.  Any
    number of commands run at the same time, from any threads.
    """

    def __init__(self, name: str):
        self.name = name
        self._is_ours = False

    @classmethod
    def open(cls, name: str) -> "Self":
        """The session of this name.  Error with errno ENOENT: there is none."""
        session = cls(name)
        session._do(lambda handle: None)
        return session

    @classmethod
    def start(cls, name: str | None = None, *, idle: float | None = None,
              **settings: "Unpack[Settings]") -> "Self":
        """Start one: see Settings.  Without a name a free one is chosen.  It ends when no
        command has run for `idle` seconds."""
        program = Handle().call_for_text("find_program", b"hypermin")
        command = [os.fsencode(program), b"start"]
        if name is not None:
            command.append(b"--name=" + os.fsencode(name))
        if idle is not None:
            command.append(b"--idle=%.3f" % idle)
        process = subprocess.run(command + as_words(settings), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if process.returncode:
            message = os.fsdecode(process.stderr).strip()
            raise Error(message.removeprefix("hypermin: "))
        session = cls(os.fsdecode(process.stdout).strip())
        session._is_ours = True
        return session

    def _begin(self, work: Callable[[Handle], T]) -> tuple[Handle, "Future[T]"]:
        # A handle for each command, so that they don't wait for each other.
        handle = Handle()
        handle.call("open_session", os.fsencode(self.name))
        future = handle.submit(lambda: work(handle))
        future.add_done_callback(lambda _: handle.close())
        return handle, future

    def save(self, state: str, *, cache_dir: AnyPath | None = None) -> None:
        """Save all of its VM as a state of this name.  It stands still meanwhile, and then
        goes on.  VM(from_state=...) starts copies."""
        def work(handle: Handle) -> None:
            if cache_dir is not None:
                handle.call_locked("set", b"cache-dir", os.fsencode(cache_dir))
            handle.call_locked("save", os.fsencode(state))
        self._do(work)

    def stop(self) -> None:
        """End it for all, with nothing lost that was written to a disk."""
        self._do(_call("stop"))
        self._is_ours = False

    def kill(self) -> None:
        """End it at once: a writable disk is left as after a power cut."""
        self._do(_call("kill"))
        self._is_ours = False

    def __repr__(self) -> str:
        return f"Session({self.name!r})"

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self._is_ours:
            self.stop()
