/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rpm handler of a build without librpm: it knows that there is a database, and says
 * why it can't be read. */
#include "packages/rpm.h"

static int rpm_open(
	const char *root, void **ret_db, struct package_set *ret_all, struct error *err)
{
	(void)ret_db;
	(void)ret_all;
	return error_set(err, 0,
		"there is a database of rpm's below '%s/', but this hypermin was built without "
		"librpm",
		root);
}

const struct packages_handler rpm_handler = {
	.name = "rpm",
	.install_command = "dnf install",
	.databases = rpm_databases,
	.open = rpm_open,
};
