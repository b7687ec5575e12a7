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

# as_ordinary_user COMMAND…: some tools refuse to build packages as root.
as_ordinary_user() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		chmod a+rwx . && chmod a+x "$scratch"
		setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$PWD" "$@"
	fi
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

# build_pacman NAME VERSION [LINE…]: a package in pacman/; lines as PKGBUILD has them.
build_pacman() {
	local name=$1 version=$2 tree=build/$1
	shift 2
	rm -rf "$tree" && mkdir -p pacman "$tree"
	{
		printf "pkgname=%s\npkgver=%s\npkgrel=1\narch=(any)\nbackup=(etc/%s.conf)\n" \
			"$name" "$version" "$name"
		[ $# -eq 0 ] || printf '%s\n' "$@"
		cat <<-'END'
			package() {
				mkdir -p "$pkgdir/usr/share/$pkgname" "$pkgdir/etc"
				echo "$pkgname $pkgver" >"$pkgdir/usr/share/$pkgname/file"
				echo "shipped with $pkgname $pkgver" >"$pkgdir/etc/$pkgname.conf"
				chmod 0640 "$pkgdir/etc/$pkgname.conf"
			}
		END
	} >"$tree/PKGBUILD"
	(
		cd "$tree"
		# fakeroot closes every descriptor that there could be.
		ulimit -n 256
		as_ordinary_user makepkg -d --config /etc/makepkg.conf
	) >log 2>&1 || fail "makepkg: $(cat log)"
	mv "$tree"/*.pkg.tar* pacman/
}

# The names of the packages in the only appliance that there is.
in_appliance() {
	sed -n 's/^ *"name": "\(.*\)",$/\1/p' "$cache/appliances/$(entries | tail -1)/manifest.json" |
		sort | paste -sd ' '
}

# prepared NAME…: the packages that this becomes; the directory is d.
prepared() {
	rm -rf d
	"$HYPERMIN" prepare --root "$root" --use-installed -o d "$@" 2>err || fail "prepare $*: $(cat err)"
	paste -sd ' ' d/packages
}
