/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rpm's database, read through librpm:
 *
 *	rpm-library.c    librpm, loaded when it is needed
 *	rpm-copy.c       a copy to read, where reading in place would change metadata
 *	rpm-db.c         the database, opened
 *	rpm-depends.c    which packages satisfy a dependency
 *	rpm.c            the handler
 *	rpm-absent.c     instead of all of them, in a build without librpm
 */
#pragma once

#include "packages/handler.h"

/* Where the database may be, in each of its formats. The first that exists is read. */
static const char *const rpm_databases[] = {
	"usr/lib/sysimage/rpm/rpmdb.sqlite",
	"usr/lib/sysimage/rpm/Packages.db",
	"usr/lib/sysimage/rpm/Packages",
	"var/lib/rpm/rpmdb.sqlite",
	"var/lib/rpm/Packages.db",
	"var/lib/rpm/Packages",
	/* A tree of ostree's, whose /var is empty. */
	"usr/share/rpm/rpmdb.sqlite",
	"usr/share/rpm/Packages.db",
	"usr/share/rpm/Packages",
	NULL,
};
