/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A test's state: an empty cache in a root directory of the test's own. Include after
 * cmocka.h. */
#pragma once

#include "cache/cache.h"
#include "fixture-root.h"

struct fixture {
	struct fixture_root root;
	struct cache cache;
};

static inline int setup(void **state)
{
	static struct fixture fixture;
	struct error err;

	fixture_root_init(&fixture.root);
	CLEANUP_FREE char *path = fixture_root_place(&fixture.root, "cache");
	assert_int_equal(cache_open(path, &fixture.cache, &err), 0);
	*state = &fixture;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	fixture_root_done(&f->root);
	cache_close(&f->cache);
	return 0;
}
