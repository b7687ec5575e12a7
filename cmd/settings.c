/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options that commands share: settings.h. */
#include "settings.h"

int settings_take(const struct option_row *row, void *member, const char *value)
{
	struct hypermin *h = *(struct hypermin **)member;

	if (hypermin_set(h, row->name, value) < 0)
		return options_complain("--%s: %s", row->name, hypermin_error(h));
	return 0;
}

#define SETTING(name, letter, value, help)                                    \
	{                                                                     \
		OPTION_CALL, name, letter, value, help, .take = settings_take \
	}

const struct option_row settings_package[] = {
	SETTING("package", 'p', "NAME",
		"add this package of the host, and what it needs"),
	{0},
};

const struct option_row settings_root[] = {
	SETTING("root", 0, "DIR",
		"take the system in this directory, not this machine's"),
	{0},
};

const struct option_row settings_image[] = {
	SETTING("image", 0, "oci:DIR[:TAG]|docker-archive:FILE[:TAG]|FILE",
		"take the root from this container image or tar file"),
	{0},
};

const struct option_row settings_kernel[] = {
	SETTING("kernel", 0, "FILE|TREE",
		"boot this kernel, or that of a build tree; default: the newest that fits"),
	SETTING("modules", 0, "DIR", "its modules; default /lib/modules/VERSION"),
	{0},
};

const struct option_row settings_cache_dir[] = {
	SETTING("cache-dir", 0, "DIR", "the cache; default $XDG_CACHE_HOME/hypermin"),
	{0},
};

const struct option_row settings_appliance[] = {
	SETTING("appliance", 0, "DIR", "take this appliance of `hypermin build`"),
	{0},
};

const struct option_row settings_hold[] = {
	SETTING("hold", 0, "PORT",
		"of one with an /init of its own: be the other end of this port, and resume where "
		"it first writes there"),
	{0},
};

const struct option_row settings_from[] = {
	SETTING("from", 0, "STATE", "go on from this state of `hypermin save`"),
	{0},
};

const struct option_row settings_size[] = {
	SETTING("memory", 'm', "SIZE", "guest memory in MiB, or with G; default 1024"),
	SETTING("cpus", 'c', "N", "virtual CPUs; default 1"),
	{0},
};

const struct option_row settings_machine[] = {
	SETTING("accel", 0, "auto|kvm|tcg", "accelerator; auto takes KVM where it works"),
	SETTING("machine", 0, "auto|pc|q35|microvm|virt", "machine to emulate"),
	SETTING("root-bus", 0, "BUS",
		"bus of the root disk: auto, memmap, virtio-blk, virtio-pmem, "
		"virtio-scsi, nvme, pmem, ide, scsi-cdrom or ide-cdrom"),
	SETTING("plain", 0, NULL, "boot without the settings that only save time"),
	SETTING("fast", 0, NULL,
		"boot without tracing, and what BPF programs call; a fifth faster by emulation"),
	SETTING("strict", 0, NULL,
		"start only if the VM's programs can be confined by all layers"),
	SETTING("boot-timeout", 0, "SECONDS", "how long a boot may take; default 120"),
	SETTING("silence-timeout", 0, "SECONDS",
		"how long a running guest may be silent; default 60"),
	{0},
};

const struct option_row settings_console[] = {
	SETTING("console", 0, NULL,
		"print what the guest's kernel says to standard error"),
	{0},
};
