/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the kernel's first process to a running system. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "guest/modules.h"
#include "guest/options.h"

/* Microseconds since the kernel started. */
struct boot_times {
	uint64_t init_started, modules_loaded, root_found, root_mounted;
};

struct boot {
	bool talkative; /* write each step to the console, unless it is asked to be quiet */
	struct boot_options options;
	struct boot_times times;
	int uevents; /* the socket, opened before anything is looked for */
	char module_failure[MODULE_FAILURE_SIZE];
	char disk[64];	/* the appliance's own disk, below /dev */
	dev_t disk_dev; /* its number: names change, this does not */
};

/* The steps before the root disk can be looked for. */
int boot_prepare(struct boot *b, struct error *err);
/* All steps. */
int boot_run(struct boot *b, struct error *err);
