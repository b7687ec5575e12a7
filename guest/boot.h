/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the kernel's first process to a running system, and its steps in the order in
 * which boot_run() takes them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "guest/options.h"

/* Microseconds since the kernel started. */
struct boot_times {
	uint64_t init_started, modules_loaded, root_found, root_mounted;
};

struct boot {
	bool talkative; /* say what is done, unless the command line has `quiet` */
	struct boot_options options;
	struct boot_times times;
	int uevents;	/* the socket, opened before anything is looked for */
	char disk[64];	/* the appliance's own disk, below /dev */
	dev_t disk_dev; /* its number: names change, this does not */
};

/* Up to where the root disk can be looked for. */
int boot_prepare(struct boot *b, struct error *err);
int boot_run(struct boot *b, struct error *err);
uint64_t boot_now_us(void);

/* Load /modules/NNN-NAME.ko in the order of the names. A module that can't be loaded is
 * not the end: whether anything is missing shows when its device does not appear. */
void modules_load(const char *dir, bool dax);
/* What was said of the first that should have been loaded and was not; "". */
const char *modules_failure(void);

/* Wait for the disk that root= names: its node below /dev. */
int root_find(const struct boot_options *o, int uevents, char ret_name[static 64],
	struct error *err);
/* Whether it is there already, as far as the modules that are loaded lead to it. */
bool root_is_here(const struct boot_options *o, int uevents);
/* The disk read-only below, memory above, at /newroot; the number of the disk. */
int root_mount(const char *name, bool dax, dev_t *ret_dev, struct error *err);
/* /newroot becomes /, and the initrd's files are given back; /dev, /proc and /sys go with
 * it. */
int root_switch(struct error *err);
/* The same without them. */
int root_change(struct error *err);

/* /dev/pts, /run, /tmp and what else programs expect to find. */
void environment_setup(void);

/* The virtio-serial port of this name: its node. */
bool port_find(const char *wanted, char *ret_path, size_t size);
/* The agent's virtio-serial port, opened; waits until deadline_ms as uevent_wait()
 * does. */
int port_open(int uevents, int64_t deadline_ms, struct error *err);
