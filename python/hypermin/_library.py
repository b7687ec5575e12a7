# SPDX-License-Identifier: LGPL-2.1-or-later
"""libhypermin as ctypes sees it: its functions, structures and enumerations.

hypermin.h is the documentation.  python/tests/test_header.py compares all of this
with it, so that a call never passes what the library does not expect.
"""

import ctypes
import enum
import os
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_int,
                    c_int64, c_short, c_size_t, c_uint, c_uint64, c_void_p)
from typing import Any

__version__ = "0.2.0"


class LogLevel(enum.IntEnum):
    """How important a line of the log is."""
    WARNING = 0
    NOTICE = 1
    INFO = 2
    DEBUG = 3


class Outcome(enum.IntEnum):
    """How a command ended."""
    EXITED = 0
    KILLED = 1
    NOT_FOUND = 2
    NOT_EXECUTED = 3
    TIMED_OUT = 4


class Status(enum.IntEnum):
    """Exit statuses of commands that did not exit by themselves."""
    TIMED_OUT = 124
    FAILED = 125
    NOT_EXECUTED = 126
    NOT_FOUND = 127
    KILLED = 128


class Format(enum.IntEnum):
    """What assemble() writes."""
    EXT2 = 0
    CHROOT = 1


class Severity(enum.IntEnum):
    """What a finding of doctor() means for a start."""
    OK = 0
    NOTE = 1
    PROBLEM = 2


# Structures, by their names in hypermin.h without the prefix.  An enumeration there is an
# unsigned int.

class Command(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("argv", POINTER(c_char_p)),
        ("env", POINTER(c_char_p)),
        ("cwd", c_char_p),
        ("user", c_char_p),
        ("entrypoint", c_char_p),
        ("stdin_fd", c_int),
        ("stdout_fd", c_int),
        ("stderr_fd", c_int),
        ("terminal", c_bool),
        ("timeout_ms", c_uint),
        ("detached", c_bool),
    ]


class Result(Structure):
    _fields_ = [("outcome", c_uint), ("status", c_int)]


class BlockDevice(Structure):
    _fields_ = [("name", c_char * 32), ("size", c_uint64), ("read_only", c_bool)]


class SessionItem(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("started", c_int64),
        ("memory", c_int64),
        ("disks", c_uint),
        ("commands", c_uint),
        ("origin", c_char_p),
    ]


class Assembly(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("inputs", POINTER(c_char_p)),
        ("trees", POINTER(c_char_p)),
        ("output", c_char_p),
        ("format", c_uint),
        ("image_size", c_uint64),
        ("copy_kernel", c_bool),
        ("if_newer", c_bool),
        ("package_list", c_bool),
        ("lock_file", c_char_p),
        ("cpu", c_char_p),
        ("kernel", c_char_p),
        ("kernel_version", c_char_p),
        ("modules_dir", c_char_p),
        ("spool_dir", c_char_p),
        ("clamp_times", c_bool),
        ("clamp_to", c_int64),
        ("privileged", c_bool),
    ]


class CacheItem(Structure):
    _fields_ = [
        ("kind", c_char_p),
        ("key", c_char_p),
        ("description", c_char_p),
        ("bytes", c_uint64),
        ("last_use", c_int64),
        ("in_use", c_bool),
        ("removed", c_bool),
    ]


class CacheLimits(Structure):
    _fields_ = [
        ("max_bytes", c_uint64),
        ("max_age", c_int64),
        ("everything", c_bool),
        ("force", c_bool),
    ]


class PollFd(Structure):
    _fields_ = [("fd", c_int), ("events", c_short), ("revents", c_short)]


LogFunction = CFUNCTYPE(None, c_uint, c_char_p, c_void_p)
ReadyFunction = CFUNCTYPE(c_int, c_char_p, c_void_p)
SessionFunction = CFUNCTYPE(None, POINTER(SessionItem), c_char_p, c_void_p)
CacheFunction = CFUNCTYPE(None, POINTER(CacheItem), c_char_p, c_void_p)
DoctorFunction = CFUNCTYPE(None, c_uint, c_char_p, c_char_p, c_char_p, c_void_p)

EndedFunction = CFUNCTYPE(None, c_void_p, POINTER(Result), c_void_p)

_VM = _JOB = c_void_p
# A string that the caller frees: c_char_p would convert it, and lose the pointer.
_OWNED_STRING = c_void_p

# Result and parameters.  The settings that have a name are set by hypermin_set().
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "hypermin_new": (_VM, []),
    "hypermin_free": (None, [_VM]),
    "hypermin_error": (c_char_p, [_VM]),
    "hypermin_error_number": (c_int, [_VM]),
    "hypermin_version": (c_char_p, []),
    "hypermin_set_log": (None, [LogFunction, c_void_p, c_uint]),
    "hypermin_set": (c_int, [_VM, c_char_p, c_char_p]),
    "hypermin_set_take_ready": (None, [_VM, c_bool]),
    "hypermin_console_tail": (_OWNED_STRING, [_VM, c_uint]),
    "hypermin_gdb_command": (_OWNED_STRING, [_VM]),
    "hypermin_qemu_command": (_OWNED_STRING, [_VM]),
    "hypermin_prepare": (c_int, [_VM]),
    "hypermin_is_prepared": (c_int, [_VM]),
    "hypermin_export": (c_int, [_VM, c_char_p]),
    "hypermin_export_warm": (c_int, [_VM, c_char_p]),
    "hypermin_warm": (c_int, [_VM, c_uint, c_bool, POINTER(c_bool)]),
    "hypermin_start": (c_int, [_VM]),
    "hypermin_exec": (c_int, [_VM, POINTER(Command), POINTER(Result)]),
    # For programs with a loop of their own: here each command has a thread.
    "hypermin_begin": (_JOB, [_VM, POINTER(Command), EndedFunction, c_void_p]),
    "hypermin_wait": (c_int, [_JOB, POINTER(Result)]),
    "hypermin_signal": (None, [_JOB, c_int]),
    "hypermin_give_up": (None, [_JOB]),
    "hypermin_descriptors": (c_size_t, [_VM, POINTER(PollFd), c_size_t, POINTER(c_int)]),
    "hypermin_dispatch": (c_int, [_VM]),
    "hypermin_interrupt": (None, [_VM, c_int]),
    "hypermin_window_changed": (None, [_VM]),
    "hypermin_write_timeline": (c_int, [_VM]),
    "hypermin_describe": (_OWNED_STRING, [_VM]),
    "hypermin_set_copy_timeout": (None, [_VM, c_uint]),
    "hypermin_block_devices": (
        c_int, [_VM, POINTER(POINTER(BlockDevice)), POINTER(c_size_t)]),
    "hypermin_stop": (c_int, [_VM]),
    "hypermin_kill": (c_int, [_VM]),
    "hypermin_copy_in": (c_int, [_VM, c_char_p, c_char_p]),
    "hypermin_copy_out": (c_int, [_VM, c_char_p, c_char_p, c_uint64, c_bool]),
    "hypermin_keep": (c_int, [_VM, c_char_p, c_uint, ReadyFunction, c_void_p]),
    "hypermin_keep_ready": (c_int, [_VM, c_uint, c_uint, ReadyFunction, c_void_p]),
    "hypermin_stop_ready": (c_int, [_VM]),
    "hypermin_open_session": (c_int, [_VM, c_char_p]),
    "hypermin_save": (c_int, [_VM, c_char_p]),
    "hypermin_remove_state": (c_int, [_VM, c_char_p]),
    "hypermin_list_sessions": (c_int, [_VM, SessionFunction, c_void_p]),
    "hypermin_assemble": (c_int, [_VM, POINTER(Assembly), POINTER(c_bool)]),
    "hypermin_find_program": (_OWNED_STRING, [_VM, c_char_p]),
    "hypermin_cache_directory": (c_char_p, [_VM]),
    "hypermin_cache_list": (c_int, [_VM, CacheFunction, c_void_p, POINTER(c_uint64)]),
    "hypermin_cache_manifest": (_OWNED_STRING, [_VM, c_char_p]),
    "hypermin_cache_verify": (c_int, [_VM, c_bool, CacheFunction, c_void_p]),
    "hypermin_cache_collect": (
        c_int, [_VM, POINTER(CacheLimits), CacheFunction, c_void_p]),
    "hypermin_doctor": (c_int, [_VM, DoctorFunction, c_void_p]),
}


def _load() -> ctypes.CDLL:
    name = os.environ.get("HYPERMIN_LIBRARY") or "libhypermin.so.0"
    try:
        loaded = ctypes.CDLL(name)
    except OSError as error:
        raise ImportError(f"load hypermin's library: {error}; install hypermin, or name "
                          f"the file of its library in HYPERMIN_LIBRARY") from error
    try:
        loaded.hypermin_version.restype = c_char_p
        version = loaded.hypermin_version().decode()
    except AttributeError:
        raise ImportError(f"'{name}' is not hypermin's library") from None
    if version != __version__:
        raise ImportError(f"'{name}' is version {version} of hypermin's library, and this "
                          f"module is for version {__version__}; install both from the same "
                          f"release")
    for symbol, (result, parameters) in PROTOTYPES.items():
        function = getattr(loaded, symbol, None)
        if not function:
            raise ImportError(f"'{name}' has no {symbol}(): it is older than this module; "
                              f"install both from the same release")
        function.restype = result
        function.argtypes = parameters
    return loaded


lib = _load()
_libc = ctypes.CDLL(None)
_libc.free.argtypes = [c_void_p]
_libc.free.restype = None


def free(pointer: Any) -> None:
    """Free what the library says that its caller frees."""
    _libc.free(ctypes.cast(pointer, c_void_p))


def words(items: list[bytes]) -> Any:
    """A NULL-terminated array of strings."""
    return (c_char_p * (len(items) + 1))(*items, None)
