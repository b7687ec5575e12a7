/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding and publishing snapshots. The manifest of one that could not be made has
 * "refused", the reason, and no files; it counts for a day.
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
#include "cache/manifest.h"
#include "cache/memory.h"
#include "cache/store.h"

#define REFUSED_SECONDS (24 * 60 * 60)

static void make_key(const char *identity, char ret[static SHA256_HEX_LEN + 1])
{
	struct sha256 ctx;

	sha256_start(&ctx);
	sha256_add_string(&ctx, "snapshot 2");
	sha256_add_string(&ctx, identity);
	sha256_end_hex(&ctx, ret);
}

/* ---- Finding ---- */

static int64_t number(const json_t *manifest, const char *field)
{
	return json_integer_value(json_object_get(manifest, field));
}

static int open_files(
	const json_t *manifest, int dir_fd, struct snapshot_files *ret, struct error *err)
{
	char digest[SHA256_HEX_LEN + 1];
	struct stat st;

	/* qemu opens it for writing, though it never writes to it. */
	CLEANUP_CLOSE int ram = openat(dir_fd, "ram", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int state =
		openat(dir_fd, "state", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (ram < 0 || state < 0 || fstat(ram, &st) < 0)
		return error_set(err, errno, "open its files");
	if (st.st_size != number(manifest, "ram_size") ||
		st.st_mtim.tv_sec != number(manifest, "ram_time"))
		return error_set(err, 0, "its memory was changed");
	if (sha256_file(state, digest) < 0 ||
		strcmp(digest, manifest_text(manifest, "state_sha256")) != 0)
		return error_set(err, 0, "its state is not what was written");
	ret->ram_fd = TAKE_FD(ram);
	ret->state_fd = TAKE_FD(state);
	return 0;
}

static bool is_refused(const json_t *manifest)
{
	const char *reason = manifest_text(manifest, "refused");

	if (!*reason || number(manifest, "time") + REFUSED_SECONDS < time(NULL))
		return false;
	log_info("no snapshot of this VM can be made: %s", reason);
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
	if (store_hold(cache, STORE_SNAPSHOTS, key, &hold) != 0)
		return SNAPSHOTS_NONE;
	int result = manifest_read(hold.dir_fd, key, &manifest, &err);
	if (result == 0 && is_refused(manifest))
		return SNAPSHOTS_REFUSED;
	if (result == 0)
		result = open_files(manifest, hold.dir_fd, ret, &err);
	if (result == 0)
		return SNAPSHOTS_FOUND;
	log_info("the snapshot %.16s is removed: %s", key, err.msg);
	store_discard(cache, STORE_SNAPSHOTS, key);
	return SNAPSHOTS_NONE;
}

void snapshots_discard(const struct cache *cache, const char *identity)
{
	char key[SHA256_HEX_LEN + 1];

	make_key(identity, key);
	store_discard(cache, STORE_SNAPSHOTS, key);
}

/* ---- Verifying ---- */

static int verify_state(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	char digest[SHA256_HEX_LEN + 1];

	CLEANUP_CLOSE int fd = openat(dir_fd, "state", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || sha256_file(fd, digest) < 0)
		return error_set(err, errno, "read '%s/state'", where);
	if (strcmp(digest, manifest_text(manifest, "state_sha256")) != 0)
		return error_set(
			err, 0, "'%s/state' does not hold what it was made with", where);
	return 0;
}

static int verify_memory(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	char digest[SHA256_HEX_LEN + 1];
	struct stat st;

	CLEANUP_CLOSE int fd = openat(dir_fd, "ram", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || memory_digest(fd, digest) < 0)
		return error_set(err, errno, "read '%s/ram'", where);
	if (st.st_mtim.tv_sec != number(manifest, "ram_time"))
		return error_set(err, 0, "'%s/ram' was written to", where);
	if (strcmp(digest, manifest_text(manifest, "ram_digest")) != 0)
		return error_set(
			err, 0, "'%s/ram' does not hold what it was made with", where);
	return 0;
}

int snapshots_verify(
	const json_t *manifest, int dir_fd, const char *where, struct error *err)
{
	if (*manifest_text(manifest, "refused"))
		return 0;
	if (verify_state(manifest, dir_fd, where, err) < 0)
		return -1;
	return verify_memory(manifest, dir_fd, where, err);
}

/* ---- Publishing ---- */

/* Whole seconds survive where files are packed and unpacked. */
static int stamp_and_sync(int fd, time_t now)
{
	const struct timespec times[] = {{.tv_sec = now}, {.tv_sec = now}};

	return futimens(fd, times) < 0 || fdatasync(fd) < 0 ? -1 : 0;
}

static int write_memory(int from, int to, time_t now, json_t *manifest, struct error *err)
{
	char digest[SHA256_HEX_LEN + 1];

	if (memory_copy(from, to, digest) < 0 || stamp_and_sync(to, now) < 0)
		return error_set(err, errno, "write the VM's memory to the cache");
	json_object_set_new(manifest, "ram_digest", json_string(digest));
	return 0;
}

/* In the draft, from a file without a name if there can be one. */
static int add_memory(struct draft *d, int from, int unnamed, time_t now,
	json_t *manifest, struct error *err)
{
	char name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", unnamed);
	if (unnamed >= 0 && linkat(AT_FDCWD, name, d->fd, "ram", AT_SYMLINK_FOLLOW) == 0)
		return 0;
	CLEANUP_CLOSE int fd =
		openat(d->fd, "ram", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "write to the cache");
	return write_memory(from, fd, now, manifest, err);
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
	if (io_write_full(fd, data, len) < 0 || fdatasync(fd) < 0)
		return error_set(err, errno, "write the VM's state to the cache");
	return 0;
}

static json_t *describe(const struct snapshot_about *about, const char *key, time_t now)
{
	json_t *manifest = manifest_new(store_kinds[STORE_SNAPSHOTS].word, key);

	if (about->appliance)
		json_object_set_new(manifest, "appliance", json_string(about->appliance));
	else
		json_object_set_new(manifest, "root", manifest_string(about->root));
	json_object_set_new(manifest, "time", json_integer(now));
	json_object_set_new(manifest, "memory_mib", json_integer(about->memory_mib));
	json_object_set_new(manifest, "cpus", json_integer(about->cpus));
	json_object_set_new(manifest, "disks", json_integer(about->reserved_slots));
	json_object_set_new(manifest, "identity", manifest_string(about->identity));
	return manifest;
}

static int describe_files(json_t *manifest, const struct snapshot_files *files,
	time_t now, struct error *err)
{
	char digest[SHA256_HEX_LEN + 1];
	struct stat st;

	if (fstat(files->ram_fd, &st) < 0 || sha256_file(files->state_fd, digest) < 0)
		return error_set(err, errno, "read a snapshot's files");
	json_object_set_new(manifest, "ram_size", json_integer(st.st_size));
	json_object_set_new(manifest, "ram_time", json_integer(now));
	json_object_set_new(manifest, "state_sha256", json_string(digest));
	return 0;
}

/* Everything that takes time, before there is a name. -1: there are no such files
 * here. */
static int write_unnamed(const struct cache *cache, int ram_fd, time_t now,
	json_t *manifest, int *ret_fd, struct error *err)
{
	CLEANUP_CLOSE int fd =
		openat(cache->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 && write_memory(ram_fd, fd, now, manifest, err) < 0)
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* There is one now. */
static void forget_refusal(const struct cache *cache, const char *key)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;

	if (store_hold(cache, STORE_SNAPSHOTS, key, &hold) == 0 &&
		manifest_read(hold.dir_fd, key, &manifest, NULL) == 0 &&
		*manifest_text(manifest, "refused"))
		store_discard(cache, STORE_SNAPSHOTS, key);
}

int snapshots_publish(const struct cache *cache, const struct snapshot_about *about,
	const struct snapshot_files *files, struct error *err)
{
	CLEANUP_CLOSE int unnamed = -1;
	CLEANUP_DRAFT struct draft d = {0};
	char key[SHA256_HEX_LEN + 1];
	time_t now = time(NULL);

	make_key(about->identity, key);
	CLEANUP_JSON json_t *manifest = describe(about, key, now);
	if (describe_files(manifest, files, now, err) < 0 ||
		write_unnamed(cache, files->ram_fd, now, manifest, &unnamed, err) < 0 ||
		draft_open(cache, &d, err) < 0 ||
		add_memory(&d, files->ram_fd, unnamed, now, manifest, err) < 0 ||
		add_state(&d, files->state_fd, err) < 0)
		return -1;
	forget_refusal(cache, key);
	return draft_publish(&d, STORE_SNAPSHOTS, key, manifest, err) < 0 ? -1 : 0;
}

void snapshots_refuse(
	const struct cache *cache, const struct snapshot_about *about, const char *reason)
{
	CLEANUP_DRAFT struct draft d = {0};
	char key[SHA256_HEX_LEN + 1];
	struct error err;

	make_key(about->identity, key);
	CLEANUP_JSON json_t *manifest = describe(about, key, time(NULL));
	json_object_set_new(manifest, "refused", manifest_string(reason));
	if (draft_open(cache, &d, &err) < 0 ||
		draft_publish(&d, STORE_SNAPSHOTS, key, manifest, &err) < 0)
		log_info("can't remember that there is no snapshot: %s", err.msg);
}
