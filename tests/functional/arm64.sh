# SPDX-License-Identifier: LGPL-2.1-or-later
# A Debian system for arm64 in $arm64_root, without its packages' scripts: they would need its processor.
# It is made once, beside the tests' cache, by an apt whose state and lists are its own. Source it after
# lib.sh.
# shellcheck shell=bash
arm64_root=$XDG_CACHE_HOME/arm64/root

# arm64_apt COMMAND…: an apt for which nothing is installed
arm64_apt() {
	printf '%s\n' "Dir::State \"$PWD/state\";" "Dir::State::status \"$PWD/state/status\";" \
		"Dir::Cache \"$PWD/cache\";" 'APT::Architecture "arm64";' 'APT::Architectures { "arm64"; };' \
		'APT::Sandbox::User "";' 'Acquire::Languages "none";' 'Acquire::Retries "3";' \
		'Debug::NoLocking "1";' >apt.conf
	mkdir -p state/lists/partial cache/archives/partial
	touch state/status
	APT_CONFIG=$PWD/apt.conf apt-get -qq "$@" >log 2>&1
}

# Unpack the packages, and write the database that dpkg would have written.
unpack_arm64_packages() {
	local deb name dpkg=root/var/lib/dpkg
	mkdir -p $dpkg/info $dpkg/updates
	for deb in cache/archives/*.deb ./*.deb; do
		name=$(dpkg-deb -f "$deb" Package)
		dpkg-deb -x "$deb" root
		{ dpkg-deb -f "$deb" && printf 'Status: install ok installed\n\n'; } >>$dpkg/status
		dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's,^\.,,; s,/$,,; s,^$,/.,' >"$dpkg/info/$name.list"
	done
}

make_arm64_root() {
	local kernel
	arm64_apt update || skip "there is no repository for arm64: $(tail -n 1 log)"
	kernel=$(APT_CONFIG=$PWD/apt.conf apt-cache depends linux-image-cloud-arm64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' || :)
	[ -n "$kernel" ] || skip "no repository has linux-image-cloud-arm64: $(tail -n 1 log)"
	arm64_apt download "$kernel" || skip "$kernel can't be had: $(tail -n 1 log)"
	arm64_apt install --download-only --no-install-recommends bash coreutils dash kmod util-linux ||
		skip "packages for arm64 can't be had: $(tail -n 1 log)"
	unpack_arm64_packages
	PATH=$PATH:/sbin depmod -b root "$(ls root/lib/modules)"
	mkdir -p "${arm64_root%/*}"
	mv -T root "$arm64_root"
}

if [ ! -d "$arm64_root" ]; then
	for tool in apt-get dpkg-deb depmod tar; do
		PATH=$PATH:/sbin requires $tool
	done
	mkdir arm64
	cd arm64 || exit
	make_arm64_root
	cd .. || exit
fi
