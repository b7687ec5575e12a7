/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Users and groups, as the host has them and as the guest sees them. Root in the guest is
 * the user whose VM it is:
 *
 *	host   1000  0      others
 *	guest  0     65534  the same
 *
 * A number that the guest names means the host's number that it would be shown as; 65534
 * means itself, since the guest is not to give anything to the host's root by that name.
 */
#pragma once

#include <stdint.h>

#define IDS_NOBODY 65534u

/* `root` is the number that is the guest's 0, with 0 for "no mapping". */
static inline uint32_t ids_to_guest(uint32_t root, uint32_t host)
{
	if (root == 0)
		return host;
	return host == root ? 0 : host == 0 ? IDS_NOBODY : host;
}

static inline uint32_t ids_to_host(uint32_t root, uint32_t guest)
{
	return guest == 0 ? root : guest;
}
