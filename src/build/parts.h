/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of an appliance: kernel, initrd and root image. Each has a key, a digest of
 * what it is made from, and is made once: appliances that need the same part have hard
 * links to it. Where the file system has no hard links each has its own.
 */
#pragma once

#include <jansson.h>
#include <signal.h>

#include "base/sha256.h"
#include "build/contents.h"
#include "cache/request.h"
#include "cache/store.h"

struct parts {
	/* What they are made from. Set by the caller: */

	struct contents *contents;
	const char *guest; /* the guest program's bytes */
	size_t guest_len;
	bool packed_kernel; /* see struct appliance_request */
	/* The program that makes them: while hypermin is being worked on, its version
	 * does not change with each change of the program. */
	char builder_digest[SHA256_HEX_LEN + 1];
	const volatile sig_atomic_t *interrupted;

	/* Set by parts_make_keys(): */

	/* The initrd's: those that every boot needs, and those and what can be needed. */
	struct kernel_modules modules, all_modules;
	bool keep_signatures;
	char keys[ENTRY_PARTS][SHA256_HEX_LEN + 1];
};

int parts_make_keys(struct parts *p, struct error *err);
void parts_done(struct parts *p);

/* The key of an appliance that consists of these parts. */
void parts_appliance_key(const struct parts *p, char ret[static SHA256_HEX_LEN + 1]);

/* Put all parts into an appliance's draft, from the store or made now, and enter them in
 * the appliance's manifest. */
int parts_add(const struct parts *p, const struct draft *draft, json_t *manifest,
	struct error *err);
