# SPDX-License-Identifier: LGPL-2.1-or-later
# The kernels of this host, and others of its distribution. Source it after lib.sh.
# shellcheck shell=bash
PATH=$PATH:/sbin:/usr/sbin

# kernel_image VERSION [DIRECTORY]: of a kernel below it
kernel_image() {
	local image=${2:-}/boot/vmlinuz-$1
	[ -r "$image" ] || image=${2:-}/lib/modules/$1/vmlinuz
	echo "$image"
}

# fetch_kernel METAPACKAGE: unpack the kernel that it stands for, and say where; it is kept beside the cache
fetch_kernel() {
	local package root
	package=$(apt-cache depends "$1" | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
	[ "$package" ] || return 1
	root=$XDG_CACHE_HOME/kernels/$package
	echo "$root"
	[ ! -e "/boot/vmlinuz-${package#linux-image-}" ] || return 1
	[ ! -d "$root" ] || return 0
	mkdir download unpacked
	(cd download && apt-get download -qq "$package") || return 1
	dpkg-deb -x download/*.deb unpacked
	# Newer packages have all below /usr.
	[ -e unpacked/lib ] || ln -s usr/lib unpacked/lib
	depmod -b unpacked "${package#linux-image-}"
	mkdir -p "$XDG_CACHE_HOME/kernels"
	mv unpacked "$root"
	rm -r download
}

# The directories with kernels beside those of this host: Debian's cloud and generic kernels of this release, as
# installed nowhere, and the one of the next; and what HYPERMIN_KERNELS names, separated by blanks.
further_kernels() {
	local metapackage root
	for metapackage in linux-image-amd64 linux-image-cloud-amd64 linux-image-6.12-cloud-amd64; do
		command -v apt-get depmod >/dev/null || break
		if root=$(fetch_kernel $metapackage 2>err); then
			echo "$root"
		else
			rm -rf download unpacked
		fi
	done
	# shellcheck disable=SC2086 # words
	[ -z "${HYPERMIN_KERNELS:-}" ] || printf '%s\n' $HYPERMIN_KERNELS
}
