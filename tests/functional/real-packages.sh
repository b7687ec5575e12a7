# SPDX-License-Identifier: LGPL-2.1-or-later
# Small packages built by the distributions' own tools. Each has /usr/share/NAME/file, which says its
# name and version, and the configuration file /etc/NAME.conf. Source it after fixture.sh.
# shellcheck shell=bash

# A test that installs below another root says so first.
requires_other_root() {
	[ "$(id -u)" -eq 0 ] || unshare -r true 2>/dev/null ||
		skip "installing below another root takes root or a user namespace, and neither is allowed"
}

# as_root COMMAND…
as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else unshare -r "$@"; fi
}

# build_deb NAME VERSION [FIELD…]: a .deb in deb/
build_deb() {
	local name=$1 version=$2 tree=build/$1
	shift 2
	rm -rf "$tree" && mkdir -p deb "$tree/DEBIAN" "$tree/usr/share/$name" "$tree/etc"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: all\n' "$name" "$version"
		[ $# -eq 0 ] || printf '%s\n' "$@"
		printf 'Maintainer: nobody <nobody@example>\nDescription: test\n'
	} >"$tree/DEBIAN/control"
	echo "/etc/$name.conf" >"$tree/DEBIAN/conffiles"
	echo "$name $version" >"$tree/usr/share/$name/file"
	echo "shipped with $name $version" >"$tree/etc/$name.conf"
	chmod 0640 "$tree/etc/$name.conf"
	touch -d '2020-01-02 03:04:05Z' "$tree/etc/$name.conf"
	dpkg-deb --root-owner-group -b "$tree" deb >log 2>&1 || fail "dpkg-deb: $(cat log)"
}

# build_pacman NAME VERSION [LINE…]: a package in pacman/; lines as .PKGINFO has them. What makepkg would
# write, in a hundredth of its time.
build_pacman() {
	local name=$1 version=$2 tree=build/$1
	shift 2
	rm -rf "$tree" && mkdir -p pacman "$tree/usr/share/$name" "$tree/etc"
	{
		printf 'pkgname = %s\npkgver = %s\narch = any\nbackup = etc/%s.conf\n' \
			"$name" "$version" "$name"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$tree/.PKGINFO"
	echo "$name $version" >"$tree/usr/share/$name/file"
	echo "shipped with $name $version" >"$tree/etc/$name.conf"
	chmod 0640 "$tree/etc/$name.conf"
	touch -d '2020-01-02 03:04:05Z' "$tree/etc/$name.conf"
	tar -C "$tree" --owner=0 --group=0 -c --zstd -f "pacman/$name-$version-any.pkg.tar.zst" .PKGINFO etc usr
}

# build_rpm NAME VERSION [OPTION…]: a package in rpm/RPMS/ARCH/. Lines of the preamble come on standard
# input, and behind a line "--" its files as %files takes them; each says the name and version.
build_rpm() {
	local name=$1 version=$2
	shift 2
	mkdir -p build
	cat >build/input
	sed '0,/^--$/d' build/input >build/files
	{
		printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: test\nLicense: none\n' "$name" "$version"
		sed '/^--$/,$d' build/input
		printf '%%description\ntest\n%%install\n'
		grep -oE '/[^ ]+$' build/files | while read -r path; do
			printf 'mkdir -p %%{buildroot}%s\n' "$(dirname "$path")"
			printf 'echo "%s %s" >%%{buildroot}%s\n' "$name" "$version" "$path"
		done
		printf '%%files\n'
		cat build/files
	} >"build/$name.spec"
	rpmbuild -bb --quiet --define "_topdir $scratch/rpm" "$@" "build/$name.spec" >log 2>&1 ||
		fail "rpmbuild: $(cat log)"
}

# rpm_tool [OPTION…]: on the root's database
dbpath=/var/lib/rpm backend=sqlite
rpm_tool() {
	as_root rpm --root "$root" --dbpath "$dbpath" --define "_db_backend $backend" \
		--nodeps --noscripts "$@" >log 2>&1 || fail "rpm $*: $(cat log)"
}

# The names of the packages in the only appliance that there is.
in_appliance() {
	sed -n 's/^ *"name": "\(.*\)",$/\1/p' "$cache/appliances/$(current)/manifest.json" |
		sort | paste -sd ' '
}

# prepared NAME…: the packages that this becomes; the directory is d.
prepared() {
	rm -rf d
	"$HYPERMIN" prepare --root "$root" --use-installed -o d "$@" 2>err || fail "prepare $*: $(cat err)"
	paste -sd ' ' d/packages
}

# package_list NAME…: /packagelist of an appliance with these packages
package_list() {
	rm -rf list.d
	printf '%s\n' "$@" >list.in
	"$builder" assemble --root="$root" --output="$scratch/list.d" --input="$scratch/list.in" --format=1 \
		--package-list --log-level=0 >messages || fail "/packagelist: $(cat messages)"
	paste -sd ' ' list.d/packagelist
}
