# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests of appliances in directories share: inputs in the directory `in`, a small host for
# the builder (fixture.sh), and our binary under supermin's name. Source it after lib.sh.
# shellcheck shell=bash

. "$HYPERMIN_SOURCE/tests/functional/fixture.sh"

mkdir in bin
out=$scratch/appliance
ln -s "$HYPERMIN" bin/supermin
drivers=(virtio_pci virtio_blk virtio_scsi sd_mod ext4)

# The host of fixture.sh, whose kernel leads to disks on either bus.
make_assembly_host() {
	make_host
	make_kernel 6.1.0-1 "${drivers[@]}"
}

# assemble [OPTION…]: from all in the directory `in`, on the small host, to $out. A small image, so
# that it takes no time.
assemble() {
	"$builder" assemble --root="$root" --output="$out" --input="$scratch/in" --size=16777216 \
		--log-level=2 "$@" >messages 2>stderr
}

expect_assembled() {
	assemble "$@" || fail "the build failed: $(cat messages stderr)"
}

# expect_assemble_error PATTERN [OPTION…]: it fails with this message and leaves nothing behind.
expect_assemble_error() {
	local pattern=$1
	shift
	! assemble "$@" || fail "a build that should fail with '$pattern' did not"
	grep '"error"' messages >error || fail "it failed without a message: $(cat messages stderr)"
	expect_match error "$pattern"
	expect_nothing_left
}

expect_nothing_left() {
	expect_equal "what is left of a build" "" "$(find . -maxdepth 1 -name 'appliance.making-*')"
}

# supermin ARGUMENT…: on this machine, by that name
supermin() {
	"$scratch/bin/supermin" "$@"
}

# A kernel that nobody boots, for builds on this machine that are not about kernels.
use_small_kernel() {
	make_kernel 6.1.0-1 "${drivers[@]}"
	export SUPERMIN_KERNEL=$root/boot/vmlinuz-6.1.0-1
	export SUPERMIN_MODULES=$root/lib/modules/6.1.0-1
}

# supermin_build ARGUMENT…: from the directory `in` to $out
supermin_build() {
	supermin --build -f ext2 --size 16M --copy-kernel -o "$out" in "$@"
}

# does WHAT MADE|NOTHING [ARGUMENT…]: what a call with --if-newer does to an output that is there
does() {
	local what=$1 expected=$2 before
	shift 2
	before=$(stat -c %i "$out")
	expect_status 0 supermin_build -v --if-newer "$@"
	if [ "$(stat -c %i "$out")" = "$before" ]; then
		expect_equal "$what" "$expected" NOTHING
		expect_match out '^supermin: if-newer: output does not need rebuilding$'
	else
		expect_equal "$what" "$expected" MADE
	fi
	expect_equal "files" ".hypermin-stamp initrd kernel root" \
		"$(ls -A "$out" | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
}

# settled: what has just changed is looked at once more by the next call
settled() {
	does "$1, once more" NOTHING
	does "$1, and again" NOTHING
}

# listing IMAGE: see list-image.py
listing() {
	"$HYPERMIN_SOURCE/tests/functional/list-image.py" "$1"
}

# expect_listed PATH FIELDS: from its type to its size, blanks between them; more is not looked at
expect_listed() {
	local line
	line=$(listing "$out/root" | awk -F'\t' -v path="$1" '$1 == path' | tr '\t' ' ')
	case "$line " in
	"$1 $2 "*) ;;
	*) fail "$1: expected '$2', got '$line'" ;;
	esac
}

expect_not_listed() {
	listing "$out/root" | cut -f1 >names
	! grep -qxF -- "$1" names || fail "$1 is in the image"
}

# The file as it is in the image.
image_file() {
	debugfs -R "cat $1" "$out/root" 2>/dev/null
}
