/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings of a handle: a function of the public interface for each, and one table of
 * them by name. The command line sets them by their names in the table; the process that
 * makes a snapshot in the background is told those that shape one in the same way. So the
 * name of a setting is the name of its option.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "api/handle.h"
#include "appliance/image-name.h"
#include "base/name.h"
#include "base/quantity.h"
#include "base/strbuf.h"
#include "vm/disk.h"

#define MEMORY_MAX_MIB (4096 * 1024)
#define CPUS_MAX       255
/* qemu's own default, for -s. */
#define GDB_PORT 1234

static const char *const accelerators[] = {
	[VM_ACCEL_AUTO] = "auto", [VM_ACCEL_KVM] = "kvm", [VM_ACCEL_TCG] = "tcg"};

static void replace(char **field, const char *value)
{
	free(*field);
	*field = value ? xstrdup(value) : NULL;
}

static int set_path(struct hypermin *h, char **field, const char *path)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	/* The builder, the cache's stamp and a snapshot's maker need names that do not
	 * depend on the current directory. */
	char *full = realpath(path, NULL);
	if (!full)
		return error_set(&h->error, errno, "find '%s'", path);
	free(*field);
	*field = full;
	return 0;
}

/* ---- What the appliance is made of ---- */

int hypermin_add_package(struct hypermin *h, const char *name)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (!*name || strpbrk(name, "/ \t\n"))
		return error_set(&h->error, 0, "'%s' is not the name of a package", name);
	strvec_add(&h->packages, name);
	return 0;
}

int hypermin_set_root(struct hypermin *h, const char *dir)
{
	if (set_path(h, &h->root, dir) < 0)
		return -1;
	h->architecture = NULL;
	return 0;
}

int hypermin_set_image(struct hypermin *h, const char *name)
{
	struct image_name parsed;

	if (handle_check_not_started(h) < 0 ||
		image_name_parse(name, &parsed, &h->error) < 0)
		return -1;
	free(h->image);
	h->image = image_name_text(&parsed);
	image_name_done(&parsed);
	return 0;
}

static int set_kernel_image(struct hypermin *h, const char *image)
{
	return set_path(h, &h->kernel, image);
}

static int set_modules(struct hypermin *h, const char *dir)
{
	return set_path(h, &h->modules_dir, dir);
}

int hypermin_set_kernel(struct hypermin *h, const char *image, const char *modules_dir)
{
	if (set_kernel_image(h, image) < 0)
		return -1;
	if (modules_dir)
		return set_modules(h, modules_dir);
	replace(&h->modules_dir, NULL);
	return 0;
}

static int set_text(struct hypermin *h, char **field, const char *what, const char *value)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (!*value)
		return error_set(&h->error, 0, "the path of the %s is empty", what);
	replace(field, value);
	return 0;
}

int hypermin_set_appliance(struct hypermin *h, const char *dir)
{
	return set_path(h, &h->fixed, dir);
}

int hypermin_set_hold(struct hypermin *h, const char *port)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789._-";

	if (handle_check_not_started(h) < 0)
		return -1;
	/* It becomes a word of the kernel's command line, and a part of one of qemu's. */
	if (!*port || port[strspn(port, allowed)] || strlen(port) >= 64 ||
		strncmp(port, "org.hypermin.", strlen("org.hypermin.")) == 0)
		return error_set(&h->error, 0,
			"'%s' can't be the name of a port: it has letters, digits, '.', '_' and "
			"'-', 63 at most, and does not begin with 'org.hypermin.'",
			port);
	replace(&h->hold, port);
	return 0;
}

int hypermin_set_from(struct hypermin *h, const char *name)
{
	if (handle_check_not_started(h) < 0 ||
		name_check("a saved state", name, &h->error) < 0)
		return -1;
	replace(&h->from, name);
	return 0;
}

int hypermin_set_cache_dir(struct hypermin *h, const char *dir)
{
	return set_text(h, &h->cache_dir, "cache", dir);
}

/* ---- The machine ---- */

int hypermin_set_memory(struct hypermin *h, unsigned mib)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (mib < MEMORY_MIN_MIB || mib > MEMORY_MAX_MIB)
		return error_set(&h->error, 0,
			"a guest's memory is %d MiB at least and %d GiB at most, not %u MiB",
			MEMORY_MIN_MIB, MEMORY_MAX_MIB / 1024, mib);
	h->memory_mib = mib;
	return 0;
}

int hypermin_set_cpus(struct hypermin *h, unsigned cpus)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (cpus < 1 || cpus > CPUS_MAX)
		return error_set(
			&h->error, 0, "a VM has 1 to %d CPUs, not %u", CPUS_MAX, cpus);
	h->cpus = cpus;
	return 0;
}

static const char *accelerator_at(size_t i)
{
	return i < ARRAY_SIZE(accelerators) ? accelerators[i] : NULL;
}

/* Sets the error "'NAME' is not WHAT: A, B or C" if it is none of those listed. The index,
 * or -1. */
static int find_name(struct hypermin *h, const char *name, const char *what,
	const char *(*at)(size_t i))
{
	CLEANUP_STRBUF struct strbuf known = {0};

	for (size_t i = 0; at(i); i++) {
		if (strcmp(at(i), name) == 0)
			return i;
		strbuf_addf(&known, "%s%s",
			i == 0		    ? ""
				: at(i + 1) ? ", "
					    : " or ",
			at(i));
	}
	return error_set(&h->error, 0, "'%s' is not %s that hypermin knows: %s", name,
		what, known.data);
}

int hypermin_set_accelerator(struct hypermin *h, const char *name)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	int i = find_name(h, name, "an accelerator", accelerator_at);
	if (i < 0)
		return -1;
	h->accel = (enum vm_accel)i;
	return 0;
}

/* "auto" is NULL in the handle. */
static int set_choice(struct hypermin *h, char **field, const char *name,
	const char *what, const char *(*at)(size_t i))
{
	bool is_auto = strcmp(name, "auto") == 0;

	if (handle_check_not_started(h) < 0 ||
		(!is_auto && find_name(h, name, what, at) < 0))
		return -1;
	replace(field, is_auto ? NULL : name);
	return 0;
}

int hypermin_set_machine(struct hypermin *h, const char *name)
{
	return set_choice(h, &h->machine, name, "a machine", vm_machine_at);
}

int hypermin_set_root_bus(struct hypermin *h, const char *name)
{
	return set_choice(
		h, &h->root_bus, name, "a bus for the root disk", vm_root_bus_at);
}

/* ---- Disks ---- */

int hypermin_add_disk(struct hypermin *h, const char *path, const char *format,
	enum hypermin_access access)
{
	struct vm_disk disk;

	if (handle_check_not_started(h) < 0)
		return -1;
	if (h->disks.len >= VM_MAX_DISKS)
		return error_set(&h->error, 0, "attach '%s': a VM has at most %d disks",
			path, VM_MAX_DISKS);
	if (vm_disk_init(&disk, path, format, access == HYPERMIN_WRITABLE, &h->error) < 0)
		return -1;
	disk.overlay = access == HYPERMIN_SNAPSHOT;
	vector_push(&h->disks, disk);
	return 0;
}

int hypermin_set_sector_size(struct hypermin *h, unsigned bytes)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (!h->disks.len)
		return error_set(
			&h->error, 0, "set the size of sectors: there is no disk");
	return vm_disk_set_sector(&h->disks.items[h->disks.len - 1], bytes, &h->error);
}

int hypermin_set_serial(struct hypermin *h, const char *serial)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (!h->disks.len)
		return error_set(&h->error, 0, "set a serial number: there is no disk");
	struct vm_disk *last = &h->disks.items[h->disks.len - 1];
	vector_foreach (disk, &h->disks)
		if (disk != last && disk->serial && strcmp(disk->serial, serial) == 0)
			return error_set(&h->error, 0,
				"attach '%s': '%s' has the serial number '%s' already",
				last->path, disk->path, serial);
	return vm_disk_set_serial(last, serial, &h->error);
}

/*
 * FILE, and behind it at most one of :ro, :rw and :snapshot, one :FORMAT, one :block=BYTES
 * and one :serial=TEXT, in any order. A file named "x:rw" is written as "x:rw:ro": the
 * second access word belongs to the name.
 */
static int add_disk(struct hypermin *h, const char *text)
{
	static const struct {
		const char *word;
		enum hypermin_access access;
	} accesses[] = {{"ro", HYPERMIN_READ_ONLY}, {"rw", HYPERMIN_WRITABLE},
		{"snapshot", HYPERMIN_SNAPSHOT}};
	CLEANUP_FREE char *path = xstrdup(text);
	enum hypermin_access access = HYPERMIN_READ_ONLY;
	const char *format = NULL, *block = NULL, *serial = NULL;
	bool has_access = false;
	char *colon;

	while ((colon = strrchr(path, ':'))) {
		const char *word = colon + 1;
		size_t i = 0;
		while (i < ARRAY_SIZE(accesses) && strcmp(word, accesses[i].word) != 0)
			i++;
		if (i < ARRAY_SIZE(accesses) && !has_access) {
			access = accesses[i].access;
			has_access = true;
		} else if (vm_disk_is_format(word) && !format) {
			format = word;
		} else if (strncmp(word, "block=", 6) == 0 && !block) {
			block = word + 6;
		} else if (strncmp(word, "serial=", 7) == 0 && !serial) {
			serial = word + 7;
		} else {
			break;
		}
		*colon = '\0';
	}
	if (hypermin_add_disk(h, path, format, access) < 0)
		return -1;
	/* What is no number is no size of a sector either. */
	if ((!block || hypermin_set_sector_size(h, strtoul(block, NULL, 10)) == 0) &&
		(!serial || hypermin_set_serial(h, serial) == 0))
		return 0;
	vm_disk_done(&h->disks.items[--h->disks.len]);
	return -1;
}

/* ---- The start ---- */

static int set_flag(struct hypermin *h, bool *field, bool value)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	*field = value;
	return 0;
}

int hypermin_set_plain(struct hypermin *h, bool plain)
{
	return set_flag(h, &h->plain, plain);
}

int hypermin_set_fast(struct hypermin *h, bool fast)
{
	return set_flag(h, &h->fast, fast);
}

int hypermin_set_console(struct hypermin *h, bool console)
{
	return set_flag(h, &h->console, console);
}

int hypermin_append(struct hypermin *h, const char *words)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	strvec_add(&h->append, words);
	return 0;
}

int hypermin_add_qemu_argument(struct hypermin *h, const char *argument)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	strvec_add(&h->qemu_args, argument);
	return 0;
}

int hypermin_set_gdb(struct hypermin *h, unsigned port, bool wait)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (port > UINT16_MAX)
		return error_set(
			&h->error, 0, "a port is 1 to %d, not %u", UINT16_MAX, port);
	h->gdb_port = port ? port : GDB_PORT;
	h->gdb_waits = wait;
	return 0;
}

/* [PORT][:wait] */
static int set_gdb(struct hypermin *h, const char *text)
{
	const char *rest = text ? text + strspn(text, "0123456789") : "";
	unsigned long port = text ? strtoul(text, NULL, 10) : 0;
	bool wait = strcmp(rest, ":wait") == 0 || (rest == text && !strcmp(rest, "wait"));

	if ((*rest && !wait) || (rest != text && text && (port < 1 || port > UINT16_MAX)))
		return error_set(&h->error, 0,
			"'%s' is not a port, 1 to %d, with or without ':wait'", text,
			UINT16_MAX);
	return hypermin_set_gdb(h, port, wait);
}

int hypermin_set_cold(struct hypermin *h, bool cold)
{
	return set_flag(h, &h->cold, cold);
}

int hypermin_set_strict(struct hypermin *h, bool strict)
{
	return set_flag(h, &h->strict, strict);
}

static int set_timeout(struct hypermin *h, unsigned *field, unsigned ms)
{
	if (handle_check_not_started(h) < 0)
		return -1;
	if (ms == 0)
		return error_set(&h->error, 0, "a time limit is 1 ms at least");
	*field = ms;
	return 0;
}

int hypermin_set_boot_timeout(struct hypermin *h, unsigned ms)
{
	return set_timeout(h, &h->boot_timeout_ms, ms);
}

int hypermin_set_silence_timeout(struct hypermin *h, unsigned ms)
{
	return set_timeout(h, &h->silence_timeout_ms, ms);
}

/* ---- By name ---- */

enum setting_kind {
	/* a string in the handle, or NULL */
	SETTING_TEXT,
	SETTING_LIST,
	SETTING_NUMBER,
	SETTING_MIB,
	SETTING_SECONDS,
	SETTING_FLAG,
	SETTING_ACCELERATOR,
	/* kept in another form; not to be read back */
	SETTING_OTHER,
};

static const struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;
	/* The process that makes snapshots is told this setting: the snapshot depends on
	 * it, or the making does. */
	bool shapes_snapshot;
	bool may_be_null;
	int (*set_text)(struct hypermin *h, const char *value);
	int (*set_number)(struct hypermin *h, unsigned value);
	int (*set_flag)(struct hypermin *h, bool value);
} settings[] = {
#define AT(member) offsetof(struct hypermin, member)
	{"package", SETTING_LIST, AT(packages), true, .set_text = hypermin_add_package},
	{"root", SETTING_TEXT, AT(root), true, .set_text = hypermin_set_root},
	{"image", SETTING_TEXT, AT(image), true, .set_text = hypermin_set_image},
	{"appliance", SETTING_TEXT, AT(fixed), true, .set_text = hypermin_set_appliance},
	{"hold", SETTING_TEXT, AT(hold), true, .set_text = hypermin_set_hold},
	{"kernel", SETTING_TEXT, AT(kernel), true, .set_text = set_kernel_image},
	{"modules", SETTING_TEXT, AT(modules_dir), true, .set_text = set_modules},
	{"memory", SETTING_MIB, AT(memory_mib), true, .set_number = hypermin_set_memory},
	{"cpus", SETTING_NUMBER, AT(cpus), true, .set_number = hypermin_set_cpus},
	{"accel", SETTING_ACCELERATOR, AT(accel), true,
		.set_text = hypermin_set_accelerator},
	{"machine", SETTING_TEXT, AT(machine), true, .set_text = hypermin_set_machine},
	{"root-bus", SETTING_TEXT, AT(root_bus), true, .set_text = hypermin_set_root_bus},
	{"plain", SETTING_FLAG, AT(plain), true, .set_flag = hypermin_set_plain},
	{"fast", SETTING_FLAG, AT(fast), true, .set_flag = hypermin_set_fast},
	{"console", SETTING_FLAG, AT(console), true, .set_flag = hypermin_set_console},
	{"boot-timeout", SETTING_SECONDS, AT(boot_timeout_ms), true,
		.set_number = hypermin_set_boot_timeout},
	{"silence-timeout", SETTING_SECONDS, AT(silence_timeout_ms), true,
		.set_number = hypermin_set_silence_timeout},
	{"strict", SETTING_FLAG, AT(strict), true, .set_flag = hypermin_set_strict},
	/* A snapshot's maker is told the cache's absolute path instead. */
	{"cache-dir", SETTING_TEXT, AT(cache_dir), .set_text = hypermin_set_cache_dir},
	/* A snapshot has none of these: they belong to the VM that resumes from it, or to
	 * one that always boots. */
	{"disk", SETTING_OTHER, .set_text = add_disk},
	{"append", SETTING_OTHER, .set_text = hypermin_append},
	{"qemu-arg", SETTING_OTHER, .set_text = hypermin_add_qemu_argument},
	{"gdb", SETTING_OTHER, .may_be_null = true, .set_text = set_gdb},
	{"share", SETTING_OTHER, .set_text = handle_add_share_text},
	{"rw", SETTING_OTHER, .set_text = handle_add_writable_text},
	{"overlay", SETTING_OTHER, .set_text = handle_add_overlay_text},
	{"host", SETTING_FLAG, .set_flag = hypermin_set_host},
	{"net", SETTING_FLAG, AT(network.internet), .set_flag = hypermin_set_net},
	{"forward", SETTING_OTHER, .set_text = hypermin_add_forward},
	{"reach", SETTING_OTHER, .set_text = hypermin_add_reach},
	{"wait-memory", SETTING_SECONDS, .set_number = hypermin_set_wait_memory},
	{"cold", SETTING_FLAG, AT(cold), .set_flag = hypermin_set_cold},
	{"from", SETTING_TEXT, AT(from), .set_text = hypermin_set_from},
	{"timeline", SETTING_OTHER, .set_text = hypermin_set_timeline},
#undef AT
};

static int set_flag_by_text(
	struct hypermin *h, const struct setting *s, const char *value)
{
	if (!value || strcmp(value, "yes") == 0)
		return s->set_flag(h, true);
	if (strcmp(value, "no") == 0)
		return s->set_flag(h, false);
	return error_set(&h->error, 0, "it is yes or no, not '%s'", value);
}

static int set_by_text(struct hypermin *h, const struct setting *s, const char *value)
{
	uint64_t n;
	unsigned ms;

	switch (s->kind) {
	case SETTING_FLAG:
		return set_flag_by_text(h, s, value);
	case SETTING_NUMBER:
		if (!quantity_parse_number(value, 0, UINT32_MAX, &n))
			return error_set(&h->error, 0, "'%s' is not a number", value);
		return s->set_number(h, n);
	case SETTING_MIB:
		if (!quantity_parse_size(value, "MG", &n) || n > UINT32_MAX)
			return error_set(&h->error, 0,
				"'%s' is not a size in MiB, or a number with M or G",
				value);
		return s->set_number(h, n);
	case SETTING_SECONDS:
		if (!quantity_parse_seconds(value, &ms))
			return error_set(
				&h->error, 0, "'%s' is not a number of seconds", value);
		return s->set_number(h, ms);
	default:
		return s->set_text(h, value);
	}
}

int hypermin_set(struct hypermin *h, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const struct setting *s = &settings[i];
		if (strcmp(s->name, name) != 0)
			continue;
		if (s->kind != SETTING_FLAG && (value ? !*value : !s->may_be_null))
			return error_set(
				&h->error, 0, "the value of '%s' is empty", name);
		return set_by_text(h, s, value);
	}
	return error_set(&h->error, 0, "there is no setting '%s'", name);
}

static void add_option(
	const struct hypermin *h, const struct setting *s, struct strvec *options)
{
	const void *member = (const char *)h + s->offset;
	unsigned n;

	switch (s->kind) {
	case SETTING_TEXT:
		if (*(char *const *)member)
			strvec_addf(options, "--%s=%s", s->name, *(char *const *)member);
		break;
	case SETTING_LIST:
		vector_foreach (word, (const struct strvec *)member)
			strvec_addf(options, "--%s=%s", s->name, *word);
		break;
	case SETTING_MIB:
		strvec_addf(options, "--%s=%u", s->name, handle_memory_mib(h));
		break;
	case SETTING_NUMBER:
		strvec_addf(options, "--%s=%u", s->name, *(const unsigned *)member);
		break;
	case SETTING_SECONDS:
		n = *(const unsigned *)member;
		strvec_addf(options, "--%s=%u.%03u", s->name, n / 1000, n % 1000);
		break;
	case SETTING_FLAG:
		if (*(const bool *)member)
			strvec_addf(options, "--%s", s->name);
		break;
	case SETTING_ACCELERATOR:
		strvec_addf(options, "--%s=%s", s->name, accelerators[h->accel]);
		break;
	case SETTING_OTHER:
		break;
	}
}

void handle_snapshot_options(const struct hypermin *h, struct strvec *options)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].shapes_snapshot)
			add_option(h, &settings[i], options);
}
