# SPDX-License-Identifier: LGPL-2.1-or-later
# Processes that are killed at random moments. Source it after lib.sh; $span is how long they take, in microseconds, and
# $killed counts those that were killed in time.
# shellcheck shell=bash

killed=0
mkfifo never && exec {never}<>never

micros() {
	local now=$EPOCHREALTIME
	echo "${now/[.,]/}"
}

# took COMMAND…: in microseconds
took() {
	local start
	start=$(micros)
	"$@" >/dev/null 2>&1
	echo $(($(micros) - start))
}

wait_at_random() {
	local after=$((RANDOM * 32768 % span)) seconds
	seconds=$(printf '%d.%06d' $((after / 1000000)) $((after % 1000000)))
	read -rt "$seconds" -u "$never" || true # sleeps for less than it takes to start sleep
}

# count_kill HIT: the span follows when the machine gets busy or idle, so that most are killed in time.
count_kill() {
	if [ "$1" = yes ]; then
		killed=$((killed + 1))
		span=$((span * 17 / 16))
	else
		span=$((span * 3 / 4))
	fi
}

# kill_at_random COMMAND…
kill_at_random() {
	local pid status=0
	"$@" >killed 2>&1 &
	pid=$!
	wait_at_random
	kill -9 $pid 2>/dev/null || true
	wait $pid 2>/dev/null || status=$?
	count_kill "$([ $status -ne 137 ] || echo yes)"
}
