# SPDX-License-Identifier: LGPL-2.1-or-later
# What the functional tests share. Source it first: it makes a scratch directory, moves there, and
# removes it at the end. A test fails by `fail` or by any command that fails unexpectedly.
# shellcheck shell=bash
set -eu -o pipefail

# Who started us may have had signals ignored (nohup, a background job), which no shell undoes.
if [ -z "${HYPERMIN_TEST_SIGNALS:-}" ]; then
	export HYPERMIN_TEST_SIGNALS=default
	exec env --default-signal "$BASH" "$0" "$@"
fi

: "${HYPERMIN:?the program under test}"
: "${XDG_CACHE_HOME:?where appliances are kept, shared by the tests}"
# In a checkout that belongs to another user no cache is taken.
[[ $("$HYPERMIN" cache list 2>&1) != *"on the way to it"* ]] ||
	XDG_CACHE_HOME=/var/tmp/hypermin-test-$(id -u)
export XDG_CACHE_HOME

scratch=$(mktemp -d "${TMPDIR:-/tmp}/hypermin-test.XXXXXX")

# A failure shows the last commands before it.
exec {trace_fd}>"$scratch.trace"
BASH_XTRACEFD=$trace_fd
PS4='+ ${BASH_SOURCE##*/}:$LINENO: '

cleanups=()
# cleanup_fn COMMAND…: run it at the end of the test, the last one first
cleanup_fn() {
	cleanups+=("$(printf '%q ' "$@")")
}

finish() {
	local status=$? i pid
	set +x
	if [ $status -ne 0 ] && [ $status -ne 77 ]; then
		echo "--- The last commands of $0 (KEEP=1 keeps its directory and the whole trace):"
		tail -n 25 "$scratch.trace" | cut -c -300
		# What a command that ended the test has said there.
		if [ -s "$scratch/err" ]; then
			echo "--- The end of its file err:"
			tail -n 25 "$scratch/err" | cut -c -300
		fi
	fi >&2
	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
		eval "${cleanups[i]}" || true
	done
	for pid in $(jobs -p) $(snapshot_maker); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	cd /
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $scratch, $scratch.trace" >&2
	else
		rm -rf "$scratch" "$scratch.trace"
	fi
	exit $status
}

trap finish EXIT
cd "$scratch"

fail() {
	printf 'FAILED: %.3000s\n' "$*" >&2
	exit 1
}

skip() {
	echo "skipped: $*"
	exit 77
}

requires() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

requires_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root: $1"
}

run() {
	"$HYPERMIN" run "$@"
}

# limited SECONDS [OPTION…] -- COMMAND…: `run`, which is killed after this time, and then has status 137
limited() {
	timeout -s KILL "$1" "$HYPERMIN" run "${@:2}"
}

# warmed [RUNNER…] [-- OPTION…]: in the second pass runs with these options, by RUNNER, resume from a snapshot
# from here on, which the first of the tests takes.
warmed() {
	local runner=()
	[ "${HYPERMIN_TEST_START:-}" = warm ] || return 0
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		runner+=("$1")
		shift
	done
	"${runner[@]}" "$HYPERMIN" warm "${@:2}"
	"${runner[@]}" "$HYPERMIN" run -v "${@:2}" -- true 2>err
	expect_match err "^hypermin: warm start: "
	rm err
}

# start [OPTION…] -- COMMAND…: `run` in the background; $pid is hypermin's. Job control gives it the
# default dispositions: a background process of a script ignores SIGINT.
start() {
	set -m
	"$HYPERMIN" run "$@" &
	pid=$!
	set +m
}

# ended_with STATUS WHAT: wait for it
ended_with() {
	local status=0
	wait "$pid" || status=$?
	expect_equal "$2" "$1" $status
}

mkfs() {
	"$HYPERMIN" mkfs "$@"
}

# inspect IMAGE REQUEST…: what debugfs says
inspect() {
	local image=$1
	shift
	debugfs -R "$*" "$image" 2>/dev/null
}

# expect_sound IMAGE: e2fsck has nothing to say
expect_sound() {
	e2fsck -fn "$1" >fsck 2>&1 || fail "$1 is not sound: $(cat fsck)"
	! grep -qE '^Fix|\? no$|journal recovery' fsck || fail "$1 is not sound: $(cat fsck)"
}

# expect_status STATUS COMMAND…: its stdout goes to out, its stderr to err.
expect_status() {
	local expected=$1 status=0
	shift
	"$@" >out 2>err || status=$?
	[ "$status" -eq "$expected" ] ||
		fail "$* ended with status $status, not $expected; stderr: $(cat err)"
}

# expect_equal WHAT EXPECTED ACTUAL
expect_equal() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# expect_match FILE PATTERN: an extended regular expression. The file may be a pipe, and is read once.
expect_match() {
	local - text
	set +x
	text=$(tr -d '\0' <"$1")
	{ [ -n "$text" ] && grep -qE -- "$2" <<<"$text"; } || fail "$1 does not match '$2': $text"
}

# expect_output PATTERN COMMAND…: the same of what a command says. (With pipefail, COMMAND | grep -q fails
# if grep ends first.)
expect_output() {
	"${@:2}" >output
	expect_match output "$1"
}

# wait_for SECONDS COMMAND…: until it succeeds
wait_for() {
	local - i limit=$(($1 * 20))
	set +x
	shift
	for ((i = 0; i < limit; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	fail "waited in vain for: $*"
}

# The pid of the qemu behind a hypermin process: its grandchild.
qemu_of() {
	local child grandchild
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		for grandchild in $(cat "/proc/$child/task/$child/children" 2>/dev/null); do
			echo "$grandchild"
			return 0
		done
	done
	return 1
}

# The pid of the process that makes a snapshot in this test's own cache, in the background.
snapshot_maker() {
	pgrep -o -f "^$HYPERMIN warm.*$scratch/" || true
}

snapshot_is_being_made() {
	[ -n "$(snapshot_maker)" ]
}

no_snapshot_is_being_made() {
	[ -z "$(snapshot_maker)" ]
}

# end_snapshot_maker SECONDS: kill it when it is there
end_snapshot_maker() {
	wait_for "$1" snapshot_is_being_made
	kill -KILL "$(snapshot_maker)"
	wait_for 60 no_snapshot_is_being_made
}

# gone PID: it does not exist, or is a zombie that nobody has waited for
gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

warmed
set -x
