/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Three tables: qemu's options, the devices, and the words for the kernel. A row has what
 * is allowed, and a function where there is something to be learnt from it.
 */
#include "launch/line.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

#define CHANNEL "channel0"

struct parser {
	struct launch_line line;
	/* What the appliance's drive and the devices at the end of the line are; for the
	 * order in which they have to come. */
	bool has_root_drive, has_scsi, has_serial;
	unsigned n_drives;
	const char *problem;
};

/* ---- Lists: KEY=VALUE,KEY=VALUE ---- */

/* The next item, with doubled commas made single; NULL at the end. A new string. */
static char *next_item(const char **rest)
{
	struct strbuf item = {0};
	const char *p = *rest;

	if (!*p)
		return NULL;
	strbuf_adds(&item, "");
	for (; *p && !(*p == ',' && p[1] != ','); p++) {
		if (*p == ',')
			p++;
		strbuf_add(&item, p, 1);
	}
	*rest = *p ? p + 1 : p;
	return strbuf_detach(&item);
}

/* Does each item match one of the patterns? Items that begin with `key=` go to *ret. */
static bool list_matches(
	const char *list, const char *const *patterns, const char *key, char **ret)
{
	bool all = true;

	for (char *item; all && (item = next_item(&list));) {
		CLEANUP_FREE char *own = item;
		size_t len = key ? strlen(key) : 0;

		all = false;
		for (size_t i = 0; patterns[i] && !all; i++)
			all = fnmatch(patterns[i], item, 0) == 0;
		if (key && strncmp(item, key, len) == 0 && item[len] == '=') {
			free(*ret);
			*ret = xstrdup(item + len + 1);
		}
	}
	return all;
}

#define LIST(...)                 \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static bool parse_number(const char *text, unsigned max, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || n == 0 || n > max)
		return false;
	*ret = n;
	return true;
}

/* ---- What is attached ---- */

static void keep(struct strvec *to, const char *option, const char *value)
{
	strvec_add(to, option);
	if (value)
		strvec_add(to, value);
}

static bool take_drive(struct parser *p, const char *value)
{
	/* However qemu is to open and cache it is the launcher's matter. */
	static const char *const user[] = {"file=*", "file.*=*", "format=*", "cache=*",
		"discard=*", "serial=*", "copy-on-read=*", "snapshot=*", "readonly=*",
		"readonly", "id=hd*", "if=none", NULL};
	CLEANUP_FREE char *id = NULL;
	CLEANUP_FREE char *file = NULL;
	char expected[16];

	keep(&p->line.devices, "-drive", value);
	if (list_matches(value,
		    LIST("file=*", "snapshot=on", "id=appliance", "cache=unsafe",
			    "if=none", "format=raw"),
		    "file", &file)) {
		/* There is one. */
		if (p->line.root || !file || !strstr(value, "id=appliance"))
			return false;
		p->line.root = TAKE_PTR(file);
		return true;
	}
	snprintf(expected, sizeof(expected), "hd%u", p->n_drives);
	p->n_drives++;
	keep(&p->line.disks, "-drive", value);
	return list_matches(value, user, "id", &id) && id && strcmp(id, expected) == 0;
}

static bool take_disk(struct parser *p, const char *value)
{
	CLEANUP_FREE char *drive = NULL;
	char expected[16];

	if (!list_matches(value,
		    LIST("scsi-hd", "drive=*", "serial=*", "logical_block_size=*",
			    "physical_block_size=*"),
		    "drive", &drive) ||
		!drive || !p->has_scsi)
		return false;
	if (strcmp(drive, "appliance") == 0) {
		p->has_root_drive = true;
		return strcmp(value, "scsi-hd,drive=appliance") == 0;
	}
	/* In the order of the drives, and all before the root. */
	snprintf(expected, sizeof(expected), "hd%u", p->line.n_disks);
	p->line.n_disks++;
	keep(&p->line.disks, "-device", value);
	return strcmp(drive, expected) == 0 && !p->has_root_drive;
}

static bool take_scsi(struct parser *p, const char *value)
{
	(void)value;
	p->has_scsi = true;
	keep(&p->line.held_devices, "-device", value);
	return true;
}

static bool take_serial(struct parser *p, const char *value)
{
	p->has_serial = true;
	keep(&p->line.held_devices, "-device", value);
	return true;
}

static bool take_other(struct parser *p, const char *value)
{
	keep(&p->line.held_devices, "-device", value);
	return true;
}

static bool take_port(struct parser *p, const char *value)
{
	keep(&p->line.held_devices, "-chardev", "null,id=" CHANNEL);
	keep(&p->line.held_devices, "-device", value);
	return p->has_serial && p->line.channel;
}

static const struct device {
	const char *pattern;
	bool (*take)(struct parser *p, const char *value);
} devices[] = {
	{"virtio-scsi-pci,id=scsi", take_scsi},
	{"scsi-hd,*", take_disk},
	{"virtio-serial-pci", take_serial},
	{"virtserialport,chardev=" CHANNEL ",name=org.libguestfs.channel.0", take_port},
	{"virtio-rng-pci,rng=rng0", take_other},
	{"virtio-net-pci,netdev=usernet", take_other},
};

static bool take_device(struct parser *p, const char *value)
{
	keep(&p->line.devices, "-device", value);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (fnmatch(devices[i].pattern, value, 0) == 0)
			return devices[i].take(p, value);
	return false;
}

static bool take_netdev(struct parser *p, const char *value)
{
	keep(&p->line.devices, "-netdev", value);
	/* The network of qemu's own gives each guest the same address, and what it knows
	 * is part of the snapshot. Another program's is not. */
	if (strncmp(value, "user,", 5) == 0)
		keep(&p->line.held_devices, "-netdev", value);
	else
		p->line.boots_because = "its network is another program's";
	return true;
}

static bool take_chardev(struct parser *p, const char *value)
{
	keep(&p->line.devices, "-chardev", value);
	return list_matches(value, LIST("socket", "path=*", "id=" CHANNEL), "path",
		       &p->line.channel) &&
		p->line.channel;
}

/* ---- The machine ---- */

static bool take_machine(struct parser *p, const char *value)
{
	static const struct {
		const char *name;
		enum vm_accel accel;
	} accelerators[] = {{"tcg", VM_ACCEL_TCG}, {"kvm", VM_ACCEL_KVM},
		{"kvm:tcg", VM_ACCEL_AUTO}, {"kvm:hvf:tcg", VM_ACCEL_AUTO}};
	CLEANUP_FREE char *accel = NULL;

	if (!list_matches(value,
		    LIST("pc", "q35", "type=pc", "type=q35", "hpet=off", "graphics=off",
			    "accel=*"),
		    "accel", &accel))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(accelerators); i++)
		if (accel && strcmp(accelerators[i].name, accel) == 0) {
			p->line.accel = accelerators[i].accel;
			return true;
		}
	return false;
}

static bool take_cpu(struct parser *p, const char *value)
{
	p->line.cpu = value;
	return true;
}

static bool take_cpus(struct parser *p, const char *value)
{
	return parse_number(value, 255, &p->line.cpus);
}

static bool take_memory(struct parser *p, const char *value)
{
	return parse_number(value, 1u << 20, &p->line.memory_mib);
}

static bool take_kernel(struct parser *p, const char *value)
{
	p->line.kernel = value;
	return value[0] == '/';
}

static bool take_initrd(struct parser *p, const char *value)
{
	p->line.initrd = value;
	return value[0] == '/';
}

/* ---- The kernel's words ---- */

enum word_fate {
	WORD_KEPT,
	/* The profile says it, or something better. */
	WORD_OURS,
	/* Makes no difference to a guest at its hold point. */
	WORD_NOT_HELD,
	WORD_ROOT,
	WORD_VERBOSE,
	/* It changes what /init does after the hold point. */
	WORD_BOOTS,
};

static const struct word {
	const char *pattern;
	enum word_fate fate;
} words[] = {
	{"panic=1", WORD_KEPT},
	{"console=ttyS0", WORD_OURS},
	{"edd=off", WORD_KEPT},
	{"udevtimeout=*", WORD_KEPT},
	{"udev.event-timeout=*", WORD_KEPT},
	{"no_timer_check", WORD_OURS},
	/* How fast the processor is, for a kernel that can't measure it. */
	{"lpj=*", WORD_NOT_HELD},
	{"printk.time=1", WORD_KEPT},
	{"cgroup_disable=memory", WORD_KEPT},
	{"usbcore.nousb", WORD_KEPT},
	{"cryptomgr.notests", WORD_OURS},
	/* Without a measured clock it would be a lie to the kernel. */
	{"tsc=reliable", WORD_OURS},
	{"8250.nr_uarts=1", WORD_KEPT},
	{"root=UUID=*", WORD_ROOT},
	{"selinux=0", WORD_KEPT},
	{"quiet", WORD_OURS},
	{"guestfs_verbose=1", WORD_VERBOSE},
	{"guestfs_network=1", WORD_KEPT},
	{"guestfs_rescue=1", WORD_BOOTS},
	/* Only a rescue shell has a terminal. */
	{"TERM=*", WORD_NOT_HELD},
	/* In front of the daemon's messages. */
	{"guestfs_identifier=*", WORD_BOOTS},
};

static const struct word *find_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (fnmatch(words[i].pattern, text, 0) == 0)
			return &words[i];
	return NULL;
}

static bool take_word(
	struct parser *p, const char *text, struct strbuf *all, struct strbuf *held)
{
	const struct word *word = find_word(text);

	if (!word)
		return false;
	switch (word->fate) {
	case WORD_OURS:
		return true;
	case WORD_ROOT:
		text += strlen("root=UUID=");
		if (strlen(text) >= sizeof(p->line.root_uuid))
			return false;
		strcpy(p->line.root_uuid, text);
		return true;
	case WORD_NOT_HELD:
		strbuf_addf(all, " %s", text);
		return true;
	case WORD_VERBOSE:
		p->line.verbose = true;
		break;
	case WORD_BOOTS:
		p->line.boots_because = word->pattern;
		break;
	case WORD_KEPT:
		break;
	}
	strbuf_addf(all, " %s", text);
	strbuf_addf(held, " %s", text);
	return true;
}

static bool take_append(struct parser *p, const char *value)
{
	CLEANUP_FREE char *copy = xstrdup(value);
	struct strbuf all = {0}, held = {0};
	char *rest = copy;
	bool known = true;

	if (p->line.words)
		return false;
	/* Never NULL. */
	strbuf_adds(&all, "");
	strbuf_adds(&held, "");
	for (char *text; known && (text = strsep(&rest, " "));)
		known = !*text || take_word(p, text, &all, &held);
	p->line.words = strbuf_detach(&all);
	p->line.held_words = strbuf_detach(&held);
	return known;
}

/* ---- qemu's options ---- */

static const struct option {
	const char *name;
	/* Of its value; NULL: it has none. */
	const char *pattern;
	/* NULL: the profile says the same, or something better. */
	bool (*take)(struct parser *p, const char *value);
	/* It is passed on as it is. */
	bool kept;
} options[] = {
	{"-global", "virtio-blk-pci.scsi=off", .kept = true},
	{"-global", "kvm-pit.lost_tick_policy=discard", .kept = true},
	{"-no-user-config", NULL, NULL},
	{"-nodefaults", NULL, NULL},
	{"-display", "none", NULL},
	{"-machine", "*", take_machine},
	{"-cpu", "*", take_cpu},
	{"-smp", "*", take_cpus},
	{"-m", "*", take_memory},
	{"-no-reboot", NULL, NULL},
	{"-rtc", "driftfix=slew", .kept = true},
	{"-no-hpet", NULL, .kept = true},
	{"-kernel", "*", take_kernel},
	{"-initrd", "*", take_initrd},
	{"-append", "*", take_append},
	{"-object", "rng-random,filename=/dev/urandom,id=rng0", .kept = true},
	{"-device", "*", take_device},
	{"-drive", "*", take_drive},
	{"-chardev", "socket,*", take_chardev},
	/* Older and newer libguestfs: to qemu both say the same network. */
	{"-netdev", "user,id=usernet,net=169.254.0.0/16", take_netdev},
	{"-netdev", "user,id=usernet,net=169.254.2.15/16", take_netdev},
	{"-netdev", "stream,id=usernet,addr.type=unix,addr.path=*", take_netdev},
	{"-serial", "stdio", NULL},
};

static bool option_fits(const struct option *o, const char *name, const char *value)
{
	if (strcmp(o->name, name) != 0)
		return false;
	return !o->pattern || (value && fnmatch(o->pattern, value, 0) == 0);
}

static int take_option(
	struct parser *p, const char *name, const char *value, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];

		if (!option_fits(o, name, value))
			continue;
		if (o->kept) {
			keep(&p->line.devices, name, o->pattern ? value : NULL);
			keep(&p->line.held_devices, name, o->pattern ? value : NULL);
		}
		if (o->take && !o->take(p, value))
			return error_set(err, 0, "it has '%s %s'", name, value);
		return o->pattern ? 1 : 0;
	}
	return error_set(err, 0, "it has '%s%s%s'", name, value ? " " : "",
		value && *name == '-' ? value : "");
}

static int check_whole(const struct parser *p, struct error *err)
{
	const struct launch_line *l = &p->line;

	if (!l->kernel || !l->initrd || !l->words || !l->memory_mib || !l->cpu)
		return error_set(err, 0, "it starts no kernel with an initrd");
	if (!l->root || !p->has_root_drive || !*l->root_uuid)
		return error_set(
			err, 0, "its appliance is no disk that is named by UUID");
	if (!l->channel || !p->has_serial)
		return error_set(err, 0, "it has no channel to a daemon");
	if (l->n_disks == 0 || l->n_disks != p->n_drives)
		return error_set(err, 0, "its disks are not all SCSI disks");
	return 0;
}

bool launch_line_is_launch(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-kernel") == 0)
			return true;
	return false;
}

int launch_line_parse(int argc, char **argv, struct launch_line *ret, struct error *err)
{
	struct parser p = {.line = {.cpus = 1}};
	int result = 0;

	for (int i = 1; i < argc && result >= 0; i++) {
		result = take_option(&p, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err);
		i += MAX(result, 0);
	}
	if (result >= 0)
		result = check_whole(&p, err);
	if (result < 0) {
		launch_line_done(&p.line);
		return -1;
	}
	*ret = p.line;
	return 0;
}

void launch_line_done(struct launch_line *line)
{
	free(line->root);
	free(line->channel);
	strvec_done(&line->devices);
	strvec_done(&line->held_devices);
	strvec_done(&line->disks);
	free(line->words);
	free(line->held_words);
}
