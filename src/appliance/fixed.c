/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fixed appliances: a directory with kernel, initrd, root and manifest.json, for hosts
 * that have no package database and no kernel. It may come from anyone, so everything that
 * the manifest says is checked. export.c writes them.
 *
 * There may be a snapshot, of which the manifest has what it depends on:
 *
 *	"snapshot": { "identity": TEXT, "memory_mib": N }
 *	memory      packed-memory.h
 *	state       of its devices, as qemu writes it
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "appliance/appliance.h"
#include "appliance/image-config.h"
#include "appliance/packed-memory.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "cache/manifest.h"
#include "cache/request.h"

/* Far more than the devices of any VM of ours know. */
#define STATE_MAX (64 * 1024 * 1024)

static bool is_uuid(const char *s)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	return s[36] == '\0';
}

/* The version is printed on lines of its own and becomes part of file names. */
static bool is_version(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)s[i]) || s[i] == '/')
			return false;
	return len > 0 && len < 200;
}

static int check_manifest(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	const json_t *files = json_object_get(manifest, "files");
	const json_t *kernel = json_object_get(manifest, "kernel");

	bool is_appliance = strcmp(manifest_text(manifest, "kind"), "appliance") == 0 &&
		is_uuid(manifest_text(manifest, "root_uuid")) &&
		is_version(manifest_text(kernel, "version"));
	for (int i = 0; i < ENTRY_PARTS; i++)
		is_appliance &= json_object_get(files, entry_parts[i]) != NULL;
	if (!is_appliance)
		return error_set(err, 0,
			"use the appliance '%s': its " MANIFEST_NAME
			" does not describe an appliance",
			where);
	const char *machine = manifest_text(manifest, "machine");
	if (!architecture_find(machine))
		return error_set(err, 0,
			"use the appliance '%s': it was made for %s, which hypermin does not "
			"know",
			where, machine);
	if (manifest_check_sizes(manifest, dir_fd, where, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	return 0;
}

static void digest_contents(const json_t *manifest, char ret[static SHA256_HEX_LEN + 1])
{
	const json_t *files = json_object_get(manifest, "files");
	struct sha256 s;

	sha256_start(&s);
	for (int i = 0; i < ENTRY_PARTS; i++)
		sha256_add_string(&s,
			manifest_text(json_object_get(files, entry_parts[i]), "sha256"));
	sha256_end_hex(&s, ret);
}

static int open_checked(
	const char *where, int *ret_dir_fd, json_t **ret_manifest, struct error *err)
{
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "open the appliance '%s'", where);
	if (manifest_read(fd, where, &manifest, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	if (check_manifest(manifest, fd, where, err) < 0)
		return -1;
	*ret_dir_fd = TAKE_FD(fd);
	*ret_manifest = TAKE_PTR(manifest);
	return 0;
}

/* NULL: it has none. */
static struct appliance_snapshot *find_snapshot(const json_t *manifest)
{
	const json_t *about = json_object_get(manifest, "snapshot");
	const json_t *files = json_object_get(manifest, "files");
	const char *identity = manifest_text(about, "identity");
	const char *digest =
		manifest_text(json_object_get(files, APPLIANCE_STATE), "sha256");
	json_int_t memory = json_integer_value(json_object_get(about, "memory_mib"));

	if (!about)
		return NULL;
	if (!*identity || !sha256_is_hex(digest) || memory <= 0 || memory > INT32_MAX ||
		!json_object_get(files, APPLIANCE_MEMORY)) {
		log_info("the appliance's snapshot can't be used: its " MANIFEST_NAME
			 " does not describe it");
		return NULL;
	}
	struct appliance_snapshot *s = xcalloc(1, sizeof(*s));
	s->identity = xstrdup(identity);
	s->memory_mib = memory;
	strcpy(s->state_digest, digest);
	return s;
}

/* Whoever can write to the directory may exchange a file once it was checked, for a link to
 * any other file of the host's. */
static int open_parts(
	const json_t *manifest, int dir_fd, struct appliance *a, struct error *err)
{
	a->part_fds = xcalloc(ENTRY_PARTS, sizeof(*a->part_fds));
	memset(a->part_fds, -1, ENTRY_PARTS * sizeof(*a->part_fds));
	for (int i = 0; i < ENTRY_PARTS; i++) {
		a->part_fds[i] = manifest_open_file(
			manifest, dir_fd, entry_parts[i], a->directory, err);
		if (a->part_fds[i] < 0)
			return error_prefix(err, "use the appliance '%s'", a->directory);
	}
	return 0;
}

static bool is_made_from_inputs(const char *where)
{
	CLEANUP_FREE char *manifest = xasprintf("%s/" MANIFEST_NAME, where);
	CLEANUP_FREE char *root = xasprintf("%s/root", where);

	return access(manifest, F_OK) < 0 && errno == ENOENT && access(root, F_OK) == 0;
}

int appliance_open_fixed(const char *dir, struct appliance *ret, struct error *err)
{
	CLEANUP_FREE char *where = realpath(dir, NULL);
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = -1;
	struct image_config image;

	if (!where)
		return error_set(err, errno, "find the appliance '%s'", dir);
	if (is_made_from_inputs(where))
		return appliance_open_own_init(where, ret, err);
	if (open_checked(where, &fd, &manifest, err) < 0)
		return -1;
	const json_t *of_image = json_object_get(manifest, "image");
	if (of_image && image_config_parse(of_image, &image, err) < 0)
		return error_prefix(err, "use the appliance '%s'", where);
	*ret = (struct appliance){
		.kernel = xasprintf("%s/kernel", where),
		.initrd = xasprintf("%s/initrd", where),
		.root = xasprintf("%s/root", where),
		.kernel_version = xstrdup(
			manifest_text(json_object_get(manifest, "kernel"), "version")),
		.architecture = architecture_find(manifest_text(manifest, "machine")),
		.route = xstrdup(manifest_text(manifest, "route")),
		.image = of_image ? xmemdup(&image, sizeof(image)) : NULL,
		/* Nobody removes it in parts, and a lock may be a network file system's, which
		 * has one host wait for another. */
		.lock_fd = -1,
	};
	strcpy(ret->root_uuid, manifest_text(manifest, "root_uuid"));
	digest_contents(manifest, ret->contents);
	ret->snapshot = find_snapshot(manifest);
	ret->directory = TAKE_PTR(where);
	if (open_parts(manifest, fd, ret, err) < 0) {
		appliance_done(ret);
		return -1;
	}
	log_info("appliance: %s, kernel %s", ret->root, ret->kernel_version);
	return 0;
}

static int open_part(const struct appliance *a, const char *name, struct error *err)
{
	CLEANUP_FREE char *path = xasprintf("%s/%s", a->directory, name);

	return io_open_file(AT_FDCWD, path, O_NOFOLLOW, err);
}

/* What was compared is what is used. */
static int read_state(const struct appliance *a, struct error *err)
{
	CLEANUP_CLOSE int to = file_in_memory("state", 0, err);
	CLEANUP_FREE char *data = NULL;
	char hex[SHA256_HEX_LEN + 1];
	size_t len;

	CLEANUP_CLOSE int from = open_part(a, APPLIANCE_STATE, err);
	if (to < 0 || from < 0 ||
		io_read_fd(from, APPLIANCE_STATE, STATE_MAX, &data, &len, err) < 0)
		return -1;
	if (io_pwrite_full(to, data, len, 0) < 0 || sha256_file(to, hex) < 0)
		return error_set(err, errno, "copy the state of the VM's devices");
	if (strcmp(hex, a->snapshot->state_digest) != 0)
		return error_set(err, 0,
			"'%s/" APPLIANCE_STATE "' does not hold what it was made with",
			a->directory);
	return TAKE_FD(to);
}

int appliance_open_snapshot(
	const struct appliance *a, struct snapshot_files *ret, struct error *err)
{
	CLEANUP_CLOSE int state = read_state(a, err);
	CLEANUP_CLOSE int packed = state < 0 ? -1 : open_part(a, APPLIANCE_MEMORY, err);

	if (packed < 0)
		return -1;
	int ram =
		packed_memory_read(packed, (uint64_t)a->snapshot->memory_mib << 20, err);
	if (ram < 0)
		return error_prefix(err, "'%s/" APPLIANCE_MEMORY "'", a->directory);
	*ret = (struct snapshot_files){ram, TAKE_FD(state)};
	return 0;
}

int appliance_verify_fixed(const char *dir, struct error *err)
{
	CLEANUP(digests_done) struct digests digests = {0};
	CLEANUP_JSON json_t *manifest = NULL;
	CLEANUP_CLOSE int fd = -1;

	if (open_checked(dir, &fd, &manifest, err) < 0)
		return -1;
	return manifest_check_digests(manifest, fd, &digests, dir, err);
}
