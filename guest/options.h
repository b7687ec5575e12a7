/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel's command line says to the init. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum root_kind {
	ROOT_UNSET,
	ROOT_UUID,   /* root=UUID=01234567-89ab-… */
	ROOT_LABEL,  /* root=LABEL=name */
	ROOT_DEVICE, /* root=/dev/vda */
};

struct boot_options {
	enum root_kind root;
	uint8_t uuid[16];
	char label[17];
	char device[64]; /* "vda" */
	/* hypermin.root_serial=: only a disk that says this serial number is the root.
	 * "": any. */
	char serial[64];
	unsigned timeout_s; /* hypermin.root_timeout= */
	bool timeout_said;
	bool dax;      /* hypermin.dax: map files where they lie in persistent memory */
	bool debug;    /* hypermin.debug */
	bool timeline; /* hypermin.timeline */
	bool quiet;
};

/* Pure. The kernel's own parameters are passed over; the last of several root= counts. */
int boot_options_parse(const char *cmdline, struct boot_options *ret, struct error *err);
