/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel's command line says to the init. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "protocol/boot.h"

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
	/* BOOT_ROOT_SERIAL; "": any disk */
	char serial[64];
	char timezone[TIMEZONE_SIZE]; /* BOOT_TIMEZONE */
	unsigned timeout_s;	      /* BOOT_ROOT_TIMEOUT */
	bool timeout_said;
	/* BOOT_HOLD, see companion.h; "": nowhere */
	char hold[64];
	bool attach, dax, debug, timeline, shell;
	bool quiet;
};

/* Pure. Other words are skipped; the last of several root= counts. */
int boot_options_parse(const char *cmdline, struct boot_options *ret, struct error *err);
