/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding and publishing snapshots. For one that could not be made there is a manifest with
 * "refused", the reason, and no files. It counts for a day.
 */
#include "cache/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cache/kinds.h"
#include "cache/manifest.h"
#include "cache/ram.h"

#define REFUSED_SECONDS (24 * 60 * 60)

static void make_key(const char *identity, char ret[static SHA256_HEX_LEN + 1])
{
	struct sha256 s;

	sha256_start(&s);
	sha256_add_string(&s, "snapshot 3");
	sha256_add_string(&s, identity);
	sha256_end_hex(&s, ret);
}

/* ---- Finding ---- */

static int64_t number(const json_t *manifest, const char *field)
{
	return json_integer_value(json_object_get(manifest, field));
}

int snapshots_open_files(const json_t *manifest, int dir_fd, const char *where,
	struct snapshot_files *ret, struct error *err)
{
	/* qemu opens it for writing, though it never writes to it. */
	CLEANUP_CLOSE int ram = openat(dir_fd, "ram", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int state =
		openat(dir_fd, "state", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (ram < 0 || state < 0)
		return error_set(err, errno, "open its files");
	if (manifest_check_used(manifest, "ram", ram, where, err) < 0 ||
		manifest_check_used(manifest, "state", state, where, err) < 0)
		return -1;
	ret->ram_fd = TAKE_FD(ram);
	ret->state_fd = TAKE_FD(state);
	return 0;
}

static bool is_refused(const json_t *manifest)
{
	const char *reason = manifest_text(manifest, "refused");

	if (!*reason || number(manifest, "time") + REFUSED_SECONDS < time(NULL))
		return false;
	log_info("no snapshot of this VM can be made: %-s", reason);
	return true;
}

enum snapshots_found snapshots_find(
	const struct cache *cache, const char *identity, struct snapshot_files *ret)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;
	char key[SHA256_HEX_LEN + 1];
	struct error err;

	make_key(identity, key);
	if (!store_hold(cache, STORE_SNAPSHOTS, key, &hold))
		return SNAPSHOTS_NONE;
	int result = manifest_read(hold.dir_fd, key, &manifest, &err);
	if (result == 0 && is_refused(manifest))
		return SNAPSHOTS_REFUSED;
	if (result == 0)
		result = snapshots_open_files(manifest, hold.dir_fd, key, ret, &err);
	if (result == 0)
		return SNAPSHOTS_FOUND;
	log_info("the snapshot %.16s is removed: %-s", key, err.msg);
	store_discard(cache, STORE_SNAPSHOTS, key);
	return SNAPSHOTS_NONE;
}

void snapshots_discard(const struct cache *cache, const char *identity)
{
	char key[SHA256_HEX_LEN + 1];

	make_key(identity, key);
	store_discard(cache, STORE_SNAPSHOTS, key);
}

/* ---- As a kind in the cache ---- */

char *snapshots_describe(
	const struct cache *cache, const char *key, const json_t *manifest)
{
	const char *appliance = manifest_text(manifest, "appliance");
	const char *root = manifest_text(manifest, "root");

	(void)cache;
	(void)key;
	if (*root)
		return xasprintf("of %s", root);
	if (*manifest_text(manifest, "refused"))
		return xasprintf("appliance %.12s, none can be made", appliance);
	return xasprintf("appliance %.12s, memory %lld MiB, CPUs %lld, disks %lld",
		appliance, (long long)number(manifest, "memory_mib"),
		(long long)number(manifest, "cpus"),
		(long long)number(manifest, "disks"));
}

/* An appliance that is elsewhere can be replaced by another of the same name. NULL: there is
 * none. */
static char *root_identity(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0
		? NULL
		: xasprintf("inode %llu, modified %lld.%09ld",
			  (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
			  st.st_mtim.tv_nsec);
}

static bool has_root(const json_t *manifest)
{
	CLEANUP_FREE char *identity = root_identity(manifest_text(manifest, "root"));

	return identity &&
		strcmp(identity, manifest_text(manifest, "root_identity")) == 0;
}

const char *snapshots_judge(const struct cache *cache, const struct store_item *item)
{
	CLEANUP_JSON json_t *manifest = store_manifest(cache, STORE_SNAPSHOTS, item->key);

	if (!manifest)
		return "it can't be read";
	const char *appliance = manifest_text(manifest, "appliance");
	bool is_there = *appliance ? store_is_there(cache, STORE_APPLIANCES, appliance)
				   : has_root(manifest);
	return is_there ? NULL : "its appliance is gone";
}

/* ---- Publishing ---- */

static int write_ram(
	int from, int to, char ret_pages[static SHA256_HEX_LEN + 1], struct error *err)
{
	if (ram_copy(from, to, ret_pages) < 0 || fdatasync(to) < 0)
		return error_set(err, errno, "write the VM's memory to the cache");
	return 0;
}

/* Add the RAM to the draft: give the unnamed file its name, if there is one, or else copy. */
static int add_ram(struct draft *d, int from, int unnamed, json_t *manifest,
	char pages[static SHA256_HEX_LEN + 1], struct error *err)
{
	char name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", unnamed);
	if (unnamed >= 0 && linkat(AT_FDCWD, name, d->fd, "ram", AT_SYMLINK_FOLLOW) == 0)
		return manifest_add_ram(manifest, "ram", unnamed, pages, err);
	CLEANUP_CLOSE int fd =
		openat(d->fd, "ram", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "write to the cache");
	if (write_ram(from, fd, pages, err) < 0)
		return -1;
	return manifest_add_ram(manifest, "ram", fd, pages, err);
}

static int add_state(struct draft *d, int from, struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	CLEANUP_CLOSE int fd =
		openat(d->fd, "state", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "write to the cache");
	if (lseek(from, 0, SEEK_SET) < 0 ||
		io_read_fd(from, "the VM's state", SIZE_MAX / 4, &data, &len, err) < 0)
		return -1;
	if (io_write_full(fd, data, len) < 0)
		return error_set(err, errno, "write the VM's state to the cache");
	return 0;
}

static void add_root(json_t *manifest, const char *path)
{
	CLEANUP_FREE char *identity = root_identity(path);

	json_object_set_new(manifest, "root", manifest_string(path));
	if (identity)
		json_object_set_new(manifest, "root_identity", json_string(identity));
}

static json_t *new_manifest(const struct snapshot_about *about, const char *key)
{
	json_t *manifest = manifest_new(store_kinds[STORE_SNAPSHOTS].word, key);

	if (about->appliance)
		json_object_set_new(manifest, "appliance", json_string(about->appliance));
	else
		add_root(manifest, about->root);
	json_object_set_new(manifest, "time", json_integer(time(NULL)));
	json_object_set_new(manifest, "memory_mib", json_integer(about->memory_mib));
	json_object_set_new(manifest, "cpus", json_integer(about->cpus));
	json_object_set_new(manifest, "disks", json_integer(about->reserved_slots));
	json_object_set_new(manifest, "identity", manifest_string(about->identity));
	return manifest;
}

/* Everything that takes time, before there is a name. *ret_fd is -1 if this file system has
 * no unnamed files. */
static int write_unnamed(const struct cache *cache, int ram_fd,
	char ret_pages[static SHA256_HEX_LEN + 1], int *ret_fd, struct error *err)
{
	CLEANUP_CLOSE int fd =
		openat(cache->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 && write_ram(ram_fd, fd, ret_pages, err) < 0)
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Called when there is one after all. */
static void forget_refusal(const struct cache *cache, const char *key)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;

	if (store_hold(cache, STORE_SNAPSHOTS, key, &hold) &&
		manifest_read(hold.dir_fd, key, &manifest, NULL) == 0 &&
		*manifest_text(manifest, "refused"))
		store_discard(cache, STORE_SNAPSHOTS, key);
}

int snapshots_add_files(struct draft *d, const struct snapshot_files *files,
	json_t *manifest, struct error *err)
{
	char pages[SHA256_HEX_LEN + 1];

	return add_ram(d, files->ram_fd, -1, manifest, pages, err) < 0
		? -1
		: add_state(d, files->state_fd, err);
}

int snapshots_publish(const struct cache *cache, const struct snapshot_about *about,
	const struct snapshot_files *files, struct error *err)
{
	CLEANUP_CLOSE int unnamed = -1;
	CLEANUP_DRAFT struct draft d = {0};
	char key[SHA256_HEX_LEN + 1], pages[SHA256_HEX_LEN + 1];

	make_key(about->identity, key);
	CLEANUP_JSON json_t *manifest = new_manifest(about, key);
	if (write_unnamed(cache, files->ram_fd, pages, &unnamed, err) < 0 ||
		draft_open(cache, &d, err) < 0 ||
		add_ram(&d, files->ram_fd, unnamed, manifest, pages, err) < 0 ||
		add_state(&d, files->state_fd, err) < 0)
		return -1;
	forget_refusal(cache, key);
	return draft_publish(&d, STORE_SNAPSHOTS, key, manifest, err);
}

void snapshots_refuse(
	const struct cache *cache, const struct snapshot_about *about, const char *reason)
{
	CLEANUP_DRAFT struct draft d = {0};
	char key[SHA256_HEX_LEN + 1];
	struct error err;

	make_key(about->identity, key);
	CLEANUP_JSON json_t *manifest = new_manifest(about, key);
	json_object_set_new(manifest, "refused", manifest_string(reason));
	if (draft_open(cache, &d, &err) < 0 ||
		draft_publish(&d, STORE_SNAPSHOTS, key, manifest, &err) < 0)
		log_info("can't remember that there is no snapshot: %-s", err.msg);
}
