/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The architectures that guests can have. Which one a guest has follows from the system
 * that it is made of, which need not be the host's own: another is emulated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct architecture {
	const char *name; /* as uname(2) has it */
	const char
		*debian; /* as Debian calls it, which others' kernels are named by, too */
	uint16_t elf;	 /* e_machine */
};

/* By either name; NULL: none that is known. */
const struct architecture *architecture_find(const char *name);
/* Of an ELF file, by its header; NULL: none that is known, or no 64-bit ELF file. */
const struct architecture *architecture_of_elf(const uint8_t *data, size_t len);
/* This machine's own. */
const struct architecture *architecture_of_host(struct error *err);
/* Of the system that is installed in `root`: the host's own for "/", else its shell's. */
const struct architecture *architecture_of_root(const char *root, struct error *err);
/* Does the processor here run its programs without emulation? */
bool architecture_is_host(const struct architecture *a);
