# SPDX-License-Identifier: LGPL-2.1-or-later
"""A handle of the library, and how to wait for its calls.

Calls that may take long run in a thread of their own: ctypes lets other threads of Python
run meanwhile.  A caller waits for that thread, with or without asyncio.  So ctrl-C and
cancellation still work, which nothing in a C function would notice; they are passed on by
hypermin_interrupt().
"""

import asyncio
import concurrent.futures
import ctypes
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from . import _library
from ._library import lib

T = TypeVar("T")
Future = concurrent.futures.Future


class Error(Exception):
    """Something failed; the text is the library's, and says what to do about it."""

    def __init__(self, message: str, number: int = 0):
        super().__init__(message)
        #: The value of errno behind it, or 0.
        self.errno = number


class Handle:
    """A struct hypermin.  One call at a time uses it; others wait for that to end."""

    def __init__(self) -> None:
        self._pointer: int | None = lib.hypermin_new()
        self._pid = os.getpid()
        # Held during a call; and, for a moment, to use or free the pointer.
        self._calls = threading.Lock()
        self._guard = threading.Lock()

    def __del__(self) -> None:
        if self._is_usable():
            lib.hypermin_free(self._pointer)

    def _is_usable(self) -> bool:
        """A child that was forked may not touch the VM of its parent."""
        return self._pointer is not None and self._pid == os.getpid()

    def close(self) -> None:
        """Free it; that ends the VM if there is one, and a call that is under way."""
        if not self._is_usable():
            return
        self.end_call(patience=1)
        with self._calls, self._guard:
            if self._is_usable():
                lib.hypermin_free(self._pointer)
            self._pointer = None

    def end_call(self, patience: float = -1) -> None:
        """Kill the command that runs, and wait for its end.  If that takes more than so many
        seconds (-1: whatever it takes), give it up."""
        while not self._calls.acquire(blocking=False):
            self.interrupt(signal.SIGKILL)
            if self._calls.acquire(timeout=patience):
                break
        self._calls.release()

    def call(self, function: str, *arguments: Any) -> Any:
        """Call hypermin_FUNCTION in this thread.  Its result, if that is not an error."""
        with self._calls:
            return self.call_locked(function, *arguments)

    def call_locked(self, function: str, *arguments: Any) -> Any:
        """The same in a thread that holds the lock."""
        if not self._is_usable():
            raise Error("the VM is closed, or belongs to the process that has forked this one")
        result = getattr(lib, "hypermin_" + function)(self._pointer, *arguments)
        if result is None or (isinstance(result, int) and result < 0):
            raise self.error()
        return result

    def call_for_text(self, function: str, *arguments: Any) -> str:
        """As call(), for a string that the caller frees."""
        pointer = self.call_long(function, *arguments)
        try:
            return os.fsdecode(ctypes.string_at(pointer))
        finally:
            _library.free(pointer)

    def error(self) -> Error:
        """What the last call has failed of."""
        return Error(os.fsdecode(lib.hypermin_error(self._pointer)),
                     lib.hypermin_error_number(self._pointer))

    def interrupt(self, number: int) -> None:
        """Pass a signal to the command that runs; end what is under way if there is none."""
        with self._guard:
            if self._is_usable():
                lib.hypermin_interrupt(self._pointer, number)

    def window_changed(self) -> None:
        """Its terminal has a new size, or is ours again."""
        with self._guard:
            if self._is_usable():
                lib.hypermin_window_changed(self._pointer)

    def take_ready(self, take: bool) -> None:
        """start() may take a VM that waits."""
        lib.hypermin_set_take_ready(self._pointer, take)

    # Calls that take long

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Do this in a thread, alone on the handle."""
        future: Future[T] = Future()

        def run() -> None:
            with self._calls:
                if not future.set_running_or_notify_cancel():
                    return
                try:
                    result, error = work(), None
                except BaseException as raised:
                    result, error = None, raised
            # Not before the lock is free: who hears of this may close the handle.
            if error:
                future.set_exception(error)
            else:
                future.set_result(cast(T, result))

        threading.Thread(target=run, name="hypermin", daemon=True).start()
        return future

    def wait(self, future: "Future[T]") -> T:
        """The result.  What a signal handler raises interrupts the call, and is passed on
        after its end: so is ctrl-C.  The second time the call ends in any case."""
        try:
            return future.result()
        except BaseException:
            while not (future.cancel() or future.done()):
                try:
                    self.interrupt(signal.SIGINT)
                    concurrent.futures.wait([future])
                except BaseException:
                    continue
            raise

    async def wait_async(self, future: "Future[T]") -> T:
        """The same in an event loop.  A task that is cancelled kills its command, and goes
        on when that has ended."""
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            while not (future.cancel() or future.done()):
                self.interrupt(signal.SIGKILL)
                try:
                    await asyncio.to_thread(concurrent.futures.wait, [future])
                except asyncio.CancelledError:
                    continue
            raise

    def call_long(self, function: str, *arguments: Any) -> Any:
        """As call(), for what may take long."""
        return self.wait(self.submit(lambda: self.call_locked(function, *arguments)))

    async def call_async(self, function: str, *arguments: Any) -> Any:
        return await self.wait_async(
            self.submit(lambda: self.call_locked(function, *arguments)))
