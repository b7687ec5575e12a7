# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands in a VM: how they run, their streams, and what becomes of them."""

import concurrent.futures
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any, AnyStr, Generic, TypedDict, Union, cast

from . import _library
from ._handle import Error, Future, Handle
from ._library import Command, Outcome, Result, Status
from ._settings import AnyPath

Words = Union[AnyPath, Sequence[AnyPath]]
Stream = Union[None, int, IO[Any]]


class NotExecuted(Error):
    """There is no such command in the guest (status 127), or it can't be executed (126)."""

    def __init__(self, message: str, number: int, status: int):
        super().__init__(message, number)
        self.status = status


class CalledProcessError(subprocess.CalledProcessError, Error):
    """A command failed, and check was set."""
    errno = 0


class TimeoutExpired(subprocess.TimeoutExpired, Error):
    """A command's time was up.  It gets SIGTERM, and SIGKILL two seconds later."""
    errno = 0


class CompletedProcess(subprocess.CompletedProcess[AnyStr]):
    """What became of a command.  returncode is its exit status, or -N if signal N killed
    it; status is what a shell would say: 128 + N."""
    outcome: Outcome
    status: int

    def check_returncode(self) -> None:
        if self.returncode:
            raise CalledProcessError(self.returncode, self.args, self.stdout, self.stderr)


class CommandOptions(TypedDict, total=False):
    """How a command runs."""
    #: Descriptors, or files that have one; PIPE and DEVNULL.  By default a command has no
    #: input, and its output goes where that of this process does.
    stdin: Stream
    stdout: Stream
    #: STDOUT, too.
    stderr: Stream
    #: In seconds.
    timeout: float | None
    #: A directory of the guest.
    cwd: AnyPath | None
    #: Added to the guest's own environment.
    env: Mapping[str, str] | None
    #: NAME, UID, NAME:GROUP or UID:GID of the guest.
    user: str | None
    #: What runs in place of an image's entrypoint; "" for none.
    entrypoint: str | None
    #: The command gets a terminal; stdin and stdout have to be one.
    terminal: bool
    encoding: str
    errors: str


class RunOptions(CommandOptions, total=False):
    """The same for run()."""
    input: bytes | str | None
    #: The same as PIPE for stdout and stderr.
    capture_output: bool
    #: Raise CalledProcessError if the command fails.
    check: bool
    #: In a session: don't wait for it.
    detached: bool


class Execution(Generic[AnyStr]):
    """One command from its arguments to its result, which is the same for all who wait."""

    def __init__(self, args: Words, text: bool, given: RunOptions):
        self.args = args
        self.text = text
        self.encoding = given.get("encoding", "utf-8")
        self.errors = given.get("errors", "strict")
        self.timeout = given.get("timeout")
        self.command = Command(size=ctypes.sizeof(Command))
        command = [args] if isinstance(args, (str, bytes, os.PathLike)) else args
        self.command.argv = _library.words([os.fsencode(word) for word in command])
        env = given.get("env")
        if env is not None:
            self.command.env = _library.words(
                [os.fsencode(name) + b"=" + os.fsencode(env[name]) for name in env])
        self.command.cwd = _encoded(given.get("cwd"))
        self.command.user = _encoded(given.get("user"))
        self.command.entrypoint = _encoded(given.get("entrypoint"))
        self.command.terminal = given.get("terminal", False)
        self.command.detached = given.get("detached", False)
        if self.timeout is not None:
            self.command.timeout_ms = max(1, round(self.timeout * 1000))
        #: Files in memory, of the streams that have one.
        self.files: dict[str, IO[bytes]] = {}

    def file_for(self, name: str) -> IO[bytes]:
        self.files[name] = file = os.fdopen(os.memfd_create(name), "w+b")
        return file

    def open(self, descriptor: int, mode: str) -> IO[AnyStr]:
        """The end of a pipe."""
        if not self.text:
            return cast(IO[AnyStr], open(descriptor, mode + "b"))
        return cast(IO[AnyStr], open(descriptor, mode, encoding=self.encoding,
                                     errors=self.errors))

    def set_streams(self, streams: dict[str, Stream]) -> None:
        command = self.command
        command.stdin_fd = _descriptor(streams["stdin"], -1)
        command.stdout_fd = _descriptor(streams["stdout"], 1)
        command.stderr_fd = command.stdout_fd if streams["stderr"] == subprocess.STDOUT \
            else _descriptor(streams["stderr"], 2)

    def output(self, name: str) -> AnyStr | None:
        file = self.files.get(name)
        if not file:
            return None
        with file:
            file.seek(0)
            data = file.read()
        return cast(AnyStr, data.decode(self.encoding, self.errors) if self.text else data)

    def execute(self, handle: Handle) -> CompletedProcess[AnyStr]:
        """Run it; in a thread of the handle's."""
        result = Result()
        handle.call_locked("exec", ctypes.byref(self.command), ctypes.byref(result))
        outcome = Outcome(result.outcome)
        if outcome in (Outcome.NOT_FOUND, Outcome.NOT_EXECUTED):
            reason = handle.error()
            raise NotExecuted(str(reason), reason.errno, result.status)
        stdout, stderr = self.output("stdout"), self.output("stderr")
        if outcome == Outcome.TIMED_OUT:
            # As annotated there, it has bytes, but text in text mode.
            raise TimeoutExpired(self.args, self.timeout or 0, cast(Any, stdout),
                                 cast(Any, stderr))
        status = result.status
        completed: CompletedProcess[AnyStr] = CompletedProcess(
            self.args, Status.KILLED - status if outcome == Outcome.KILLED else status,
            stdout, stderr)
        completed.outcome, completed.status = outcome, status
        return completed


def _encoded(text: AnyPath | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def _descriptor(stream: Stream, default: int) -> int:
    if stream is None:
        return default
    if isinstance(stream, int):
        return -1 if stream == subprocess.DEVNULL else stream
    return stream.fileno()


def streams_of(given: CommandOptions) -> dict[str, Stream]:
    return {"stdin": given.get("stdin"), "stdout": given.get("stdout"),
            "stderr": given.get("stderr")}


def prepare_run(args: Words, text: bool, given: RunOptions) -> Execution[Any]:
    """With files in memory for PIPE: nobody has to read or write them meanwhile."""
    execution: Execution[Any] = Execution(args, text, given)
    streams = streams_of(given)
    if given.get("capture_output"):
        if streams["stdout"] is not None or streams["stderr"] is not None:
            raise ValueError("stdout and stderr may not be used with capture_output")
        streams["stdout"] = streams["stderr"] = subprocess.PIPE
    data = given.get("input")
    if data is not None:
        if streams["stdin"] is not None:
            raise ValueError("stdin and input may not both be used")
        streams["stdin"] = file = execution.file_for("stdin")
        file.write(data.encode(execution.encoding) if isinstance(data, str) else data)
        file.seek(0)
    for name in ("stdout", "stderr"):
        if streams[name] == subprocess.PIPE:
            streams[name] = execution.file_for(name)
    execution.set_streams(streams)
    return execution


class Process(Generic[AnyStr]):
    """A command that runs, as popen() returns it.

    stdin, stdout and stderr are our ends of its pipes, if those are PIPE.  A with statement
    waits for its end, and kills it if there is an exception.
    """

    def __init__(self, begin: Callable[[Callable[[Handle], Any]], tuple[Handle, Future[Any]]],
                 args: Words, text: bool, given: CommandOptions):
        self.args: Words = args
        self.stdin: IO[AnyStr] | None = None
        self.stdout: IO[AnyStr] | None = None
        self.stderr: IO[AnyStr] | None = None
        execution: Execution[AnyStr] = Execution(args, text, cast(RunOptions, given))
        streams = streams_of(given)
        # The command's ends, which the library leaves open.
        ends: list[int] = []
        for name, stream in streams.items():
            if stream == subprocess.PIPE:
                reading, writing = os.pipe()
                if name == "stdin":
                    ends.append(reading)
                    self.stdin = execution.open(writing, "w")
                else:
                    ends.append(writing)
                    setattr(self, name, execution.open(reading, "r"))
                streams[name] = ends[-1]

        def close_ends(ended: object) -> None:
            for end in ends:
                os.close(end)

        execution.set_streams(streams)
        try:
            self._handle, self._future = begin(execution.execute)
        except BaseException:
            close_ends(None)
            raise
        self._future.add_done_callback(close_ends)

    def poll(self) -> int | None:
        """Its returncode, or None while it runs."""
        return self.wait() if self._future.done() else None

    def wait(self, timeout: float | None = None) -> int:
        """Its returncode, when it has ended.  TimeoutExpired: after so many seconds it has
        not, and goes on."""
        if timeout is not None:
            concurrent.futures.wait([self._future], timeout)
            if not self._future.done():
                raise TimeoutExpired(self.args, timeout)
        return cast(int, self._handle.wait(self._future).returncode)

    async def wait_async(self) -> int:
        return cast(int, (await self._handle.wait_async(self._future)).returncode)

    def send_signal(self, number: int) -> None:
        """The library passes one signal to a command that runs.  Before that, and the second
        time, the command is given up: it gets SIGHUP, and wait() raises Error."""
        if not self._future.done():
            self._handle.interrupt(number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> "Process[AnyStr]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        if error:
            self.kill()
        self.wait()
