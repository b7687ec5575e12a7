# SPDX-License-Identifier: LGPL-2.1-or-later
# A small host for tests of the cache and the build: a dpkg database with a few packages, their
# files, and kernels that nobody boots, whose drivers are all "built in". Source it after lib.sh.
# shellcheck shell=bash

requires depmod

builder=$(dirname "$HYPERMIN")/hypermin-builder
root=$scratch/root
cache=$scratch/cache

# make_package NAME VERSION [FIELD…]: its files are /usr/bin/NAME, the configuration /etc/NAME.conf and
# the directory /var/lib/NAME.
make_package() {
	local name=$1 version=$2
	shift 2
	mkdir -p "$root/usr/bin" "$root/etc" "$root/var/lib/dpkg/info" "$root/var/lib/$name"
	{
		printf 'Package: %s\nStatus: install ok installed\nArchitecture: amd64\n' "$name"
		printf 'Version: %s\n' "$version"
		[ $# -eq 0 ] || printf '%s\n' "$@"
		printf 'Conffiles:\n /etc/%s.conf 0123456789abcdef0123456789abcdef\n\n' "$name"
	} >>"$root/var/lib/dpkg/status"
	printf '%s\n' /. /usr /usr/bin "/usr/bin/$name" /etc "/etc/$name.conf" /var /var/lib \
		"/var/lib/$name" \
		>"$root/var/lib/dpkg/info/$name.list"
	echo "/etc/$name.conf" >"$root/var/lib/dpkg/info/$name.conffiles"
	echo "$name $version" >"$root/usr/bin/$name"
	[ -e "$root/etc/$name.conf" ] || echo "settings of $name" >"$root/etc/$name.conf"
}

# upgrade_package NAME OLD NEW: as dpkg does it, by renaming new files into place.
upgrade_package() {
	sed "/^Package: $1\$/,/^\$/s/^Version: $2\$/Version: $3/" "$root/var/lib/dpkg/status" \
		>"$root/var/lib/dpkg/status-new"
	mv "$root/var/lib/dpkg/status-new" "$root/var/lib/dpkg/status"
	echo "$1 $3" >"$root/usr/bin/$1.dpkg-new"
	mv "$root/usr/bin/$1.dpkg-new" "$root/usr/bin/$1"
}

# make_image VERSION FILE: the header of a bzImage, and no code
make_image() {
	{
		head -c $((0x1f1)) /dev/zero && printf '\2'
		head -c $((0x202 - 0x1f2)) /dev/zero && printf 'HdrS\17\2'
		head -c $((0x20e - 0x208)) /dev/zero && printf '\0\1'
		head -c $((0x300 - 0x210)) /dev/zero && printf '%s (a@b) #1\0' "$1"
		head -c 4096 /dev/zero
	} >"$2"
}

# make_kernel VERSION [DRIVER…]
make_kernel() {
	local version=$1 dir=$root/lib/modules/$1
	shift
	[ $# -gt 0 ] || set -- virtio_pci virtio_blk virtio_console ext4 overlay
	mkdir -p "$root/boot" "$dir"
	printf 'kernel/%s.ko\n' "$@" >"$dir/modules.builtin"
	: >"$dir/modules.order"
	depmod -b "$root" "$version" 2>/dev/null
	make_image "$version" "$root/boot/vmlinuz-$version"
}

# Package bash is one of those that every appliance has; other and elsewhere are not.
make_host() {
	make_package libc 2.36
	make_package bash 5.2 "Depends: libc (>= 2)"
	make_package other 1.0 "Depends: libc"
	make_package elsewhere 7
	printf 'root:x:0:0:root:/root:/bin/bash\n' >"$root/etc/passwd"
	printf 'root:x:0:\n' >"$root/etc/group"
	make_kernel 6.1.0-1
}

# build [OPTION…]: what it says goes to the file messages.
build() {
	"$builder" build --root="$root" --cache="$cache" --log-level=2 "$@" >messages 2>stderr
}

# start_build MESSAGES [OPTION…]: in the background; its pid is $!.
start_build() {
	local messages=$1
	shift
	"$builder" build --root="$root" --cache="$cache" --log-level=2 "$@" >"$messages" 2>stderr &
}

# What the last build did: built, checked (nothing had changed that matters), or nothing.
done_by_build() {
	if grep -q '"building an appliance' messages; then
		echo built
	elif grep -q 'nothing in the appliance has changed' messages; then
		echo checked
	elif grep -qv 'the builder is .*confined by' messages; then
		echo "failed: $(cat messages)"
	else
		echo nothing
	fi
}

# expect_build WHAT DOES [OPTION…]
expect_build() {
	local what=$1 does=$2
	shift 2
	build "$@" || fail "$what: the build failed: $(cat messages stderr)"
	expect_equal "$what" "$does" "$(done_by_build)"
}

# expect_build_error PATTERN [OPTION…]: it fails with this message and leaves nothing behind.
expect_build_error() {
	local pattern=$1
	shift
	! build "$@" || fail "a build that should fail with '$pattern' did not"
	grep '"error"' messages >error || fail "it failed without a message: $(cat messages stderr)"
	expect_match error "$pattern"
	expect_nothing_half_made
}

expect_nothing_half_made() {
	local left
	[ -d "$cache" ] || return 0
	left=$(cd "$cache" && find temporary locks -mindepth 1 2>/dev/null || true)
	expect_equal "what is left of a build" "" "$left"
}

entries() {
	[ ! -d "$cache/appliances" ] || ls "$cache/appliances"
}

# current [REQUEST]: the key of the appliance that the request (default: the newest) leads to
current() {
	local request=${1:-$(ls -t "$cache/requests" | head -n 1)}
	tr '\0' '\n' <"$cache/requests/$request" | sed -n 2p
}

# file_in_appliance KEY PATH
file_in_appliance() {
	debugfs -R "cat $2" "$cache/appliances/$1/root" 2>/dev/null
}

# expect_whole KEY: everything in the entry is as it should be.
expect_whole() {
	local part
	for part in kernel initrd root manifest.json; do
		[ -s "$cache/appliances/$1/$part" ] || fail "entry $1 has no $part"
	done
	e2fsck -fn "$cache/appliances/$1/root" >fsck 2>&1 || fail "entry $1: $(cat fsck)"
}
