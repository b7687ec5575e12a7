# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boot the machine you run on as a throwaway VM, and run commands in it.

    with hypermin.VM(packages=["fdisk"], disks=["fedora.img"]) as vm:
        print(vm.run(["fdisk", "-l", "/dev/vda"], capture_output=True, text=True).stdout)

VM is a VM of this process, Session one that a process of its own keeps.  In both, run() is
like subprocess.run(), popen() like subprocess.Popen(), and run_async() is for asyncio.
Whatever fails raises Error, with a message that says what to do.  Times are in seconds.
"""

from subprocess import DEVNULL, PIPE, STDOUT

from ._command import (CalledProcessError, CommandOptions, CompletedProcess, NotExecuted,
                       Process, RunOptions, TimeoutExpired)
from ._handle import Error
from ._host import (Cache, CacheItem, Finding, SessionInfo, assemble, doctor, find_program,
                    log_to_logging, sessions, set_log, stop_ready)
from ._library import Format, LogLevel, Outcome, Severity, Status, __version__
from ._settings import Disk, Settings, Share
from ._vm import VM, BlockDevice, Session

__all__ = [
    "DEVNULL", "PIPE", "STDOUT", "VM", "BlockDevice", "Cache", "CacheItem",
    "CalledProcessError", "CommandOptions", "CompletedProcess", "Disk", "Error", "Finding",
    "Format", "LogLevel", "NotExecuted", "Outcome", "Process", "RunOptions", "Session",
    "SessionInfo", "Settings", "Severity", "Share", "Status", "TimeoutExpired", "__version__",
    "assemble", "doctor", "find_program", "log_to_logging", "sessions", "set_log", "stop_ready",
]

# In tracebacks and in help() they are what the caller knows.
for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__

set_log()
