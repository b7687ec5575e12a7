# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests on the real libguestfs share. Source it behind lib.sh. Each answer of a session that resumes from
# a snapshot is held against that of the original: qemu as libguestfs starts it, with the same appliance.
# shellcheck shell=bash
requires guestfish
for dir in /usr/lib/*-linux-gnu/guestfs /usr/lib64/guestfs /usr/lib/guestfs; do
	[ -e "$dir/supermin.d" ] && supermin_d=$dir/supermin.d
done
[ -n "${supermin_d:-}" ] || skip "libguestfs' supermin.d is not installed"

unset HYPERMIN_COLD LIBGUESTFS_PATH LIBGUESTFS_HV
export LIBGUESTFS_BACKEND=direct HYPERMIN_LOG=$scratch/launches
umask 022
: >"$HYPERMIN_LOG"

# ours PROGRAM…: by us
ours() {
	"$HYPERMIN" libguestfs -- "$@"
}

# libguestfs takes any KVM that can be opened, and with some of them qemu ends before the guest runs.
settings=()
[[ $'\n'$("$HYPERMIN" doctor || true) == *$'\nok       KVM '* ]] || settings=(LIBGUESTFS_BACKEND_SETTINGS=force_tcg)

# theirs PROGRAM…: by the real qemu
theirs() {
	env "${settings[@]}" LIBGUESTFS_PATH="$XDG_CACHE_HOME/hypermin/libguestfs" "$@"
}

resumed() {
	grep -c "resuming from a snapshot" "$HYPERMIN_LOG" || true
}

# warm OPTION…: launch guestfish with these options until such a launch resumes from a snapshot
warm() {
	local before
	truncate -s 1M first
	for _ in $(seq 120); do
		before=$(resumed)
		ours guestfish "$@" -a first run
		[ "$(resumed)" -eq "$before" ] || return 0
		# Such a launch never resumes, however often it is tried.
		[[ $(tail -n 1 "$HYPERMIN_LOG") != *"passing this launch on to the real qemu"* ]] ||
			fail "no launch resumes from a snapshot: $(tail -n 1 "$HYPERMIN_LOG")"
		for _ in $(seq 100); do
			[ -n "$(snapshot_taker)" ] || break
			sleep 1
		done
	done
	fail "no launch resumes from a snapshot: $(tail -20 "$HYPERMIN_LOG")"
}

snapshot_taker() {
	pgrep -f -- "^${HYPERMIN%/*}/libguestfs-qemu --take-snapshot" || true
}

# same_answers WHAT GUESTFISH ARGUMENT…: with the session on standard input
same_answers() {
	local what=$1 before
	shift
	cat >session
	theirs guestfish "$@" <session >expected 2>expected.err || true
	before=$(resumed)
	ours guestfish "$@" <session >actual 2>actual.err || true
	[ "$(resumed)" -gt "$before" ] || fail "$what: booted: $(tail -5 "$HYPERMIN_LOG")"
	# The one name that has to differ: of the program that is qemu to libguestfs.
	sed -i -E 's,[^ ]*/(libguestfs-qemu|qemu-[a-z0-9_-]+),qemu,' expected.err actual.err
	diff -u expected actual >&2 || fail "$what: not the same answers"
	diff -u expected.err actual.err >&2 || fail "$what: not the same errors"
}

# device_name N: of the Nth disk, from 1
device_name() {
	local n=$(($1 - 1)) letters=abcdefghijklmnopqrstuvwxyz
	if [ $n -lt 26 ]; then
		echo "/dev/sd${letters:n:1}"
	else
		echo "/dev/sd${letters:n/26-1:1}${letters:n%26:1}"
	fi
}
