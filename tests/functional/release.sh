# SPDX-License-Identifier: LGPL-2.1-or-later
# A release tarball of the tree as it is, with what is not committed. Source it after lib.sh.
# shellcheck shell=bash

# $tarball, $version
release_tarball() {
	requires git
	requires meson
	mkdir checkout
	git -C "$HYPERMIN_SOURCE" ls-files -z --cached --others --exclude-standard >names || skip "this is no checkout"
	# A file that is deleted is still listed.
	(cd "$HYPERMIN_SOURCE" && xargs -0 ls -d 2>/dev/null) <names >there || true
	tar -C "$HYPERMIN_SOURCE" -T there -c | tar -C checkout -x
	git -C checkout init -q
	git -C checkout add -A
	git -C checkout -c user.name=test -c user.email=test@example.invalid commit -qm test
	meson setup -Dtests=disabled checkout dist >err
	meson dist -C dist --no-tests >err
	tarball=$(echo "$PWD"/dist/meson-dist/hypermin-*.tar.xz)
	version=${tarball##*/hypermin-}
	version=${version%.tar.xz}
}
