# SPDX-License-Identifier: LGPL-2.1-or-later
# Calls that fail, or kill their process: see fault.c. Source it after lib.sh.
# shellcheck shell=bash

EPERM=1 EIO=5 EACCES=13 EXDEV=18 ENOSPC=28 EROFS=30 EMLINK=31 EOPNOTSUPP=95 KILLED=0

LD_PRELOAD=${HYPERMIN_FAULT:?the library} "$HYPERMIN" --version >/dev/null 2>&1 ||
	skip "nothing can be preloaded here: the programs are built with a sanitizer"

# with_fault NUMBER ERRNO COMMAND…: the NUMBERth call that changes a file system fails with it
with_fault() {
	local at=$1 num=$2
	shift 2
	head -c 4096 /dev/zero >fault
	FAULT_STATE=$scratch/fault FAULT_AT=$at FAULT_ERRNO=$num LD_PRELOAD=$HYPERMIN_FAULT "$@"
}

# Did it come to the NUMBERth call? Then $called is what was called.
was_called() {
	called=$(tail -c +5 fault | head -n 1 | tr -d '\0')
	[ -n "$called" ]
}
