/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making an appliance. Under the cache's lock:
 *
 *	gather what goes in ──► its key ──► is there an entry of that key?
 *	                                      yes: only the stamp was outdated
 *	                                      no:  write kernel, initrd, root, manifest.json into
 *	                                           building-PID/, rename it to appliances/KEY
 *	                    ──► requests/DIGEST with a fresh stamp
 *
 * Whoever holds the lock may remove any building-…/ that is there: its maker was killed.
 */
#include "appliance/build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "appliance/boot-modules.h"
#include "appliance/collect.h"
#include "appliance/contents.h"
#include "appliance/entry.h"
#include "appliance/manifest.h"
#include "base/io.h"
#include "base/log.h"
#include "ext2/ext2.h"
#include "initrd/initrd.h"

#define PROGRAM_MAX (64 * 1024 * 1024)

struct build {
	const struct appliance_request *request;
	const struct cache *cache;
	const struct build_options *options;
	char digest[ENTRY_KEY_LEN + 1];
	struct entry entry;
	struct stamp stamp;
	struct contents contents;
	char *guest;
	size_t guest_len;
	char directory[64]; /* building-PID */
	int directory_fd;
};

static int check_interrupted(const struct build *b, struct error *err)
{
	if (*b->options->interrupted)
		return error_set(err, EINTR, "build an appliance");
	return 0;
}

/* ---- The lock ---- */

static int lock_cache(const struct build *b, struct error *err)
{
	const struct cache *cache = b->cache;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CLEANUP_CLOSE int fd =
		openat(cache->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_set(err, errno, "create '%s/lock'", cache->path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return error_set(err, errno, "lock '%s/lock'", cache->path);
		log_notice("waiting for another hypermin that is building an appliance");
		while (fcntl(fd, F_OFD_SETLKW, &lock) < 0)
			if (errno != EINTR)
				return error_set(
					err, errno, "lock '%s/lock'", cache->path);
			else if (check_interrupted(b, err) < 0)
				return -1;
	}
	return TAKE_FD(fd);
}

/* ---- The key ---- */

/* The programs are known by their bytes: while hypermin is being worked on, its version
 * does not change with each of them. */
static int add_program(SHA2_CTX *ctx, const char *path, struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, PROGRAM_MAX, &data, &len, err) < 0)
		return -1;
	SHA256Update(ctx, (const uint8_t *)&len, sizeof(len));
	SHA256Update(ctx, (const uint8_t *)data, len);
	return 0;
}

static int make_key(struct build *b, struct error *err)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	struct stat st;
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	if (add_program(&ctx, b->options->builder, err) < 0 ||
		add_program(&ctx, b->options->guest, err) < 0)
		return -1;
	tree_identity(b->contents.tree, sum);
	SHA256Update(&ctx, sum, sizeof(sum));
	if (stat(b->contents.kernel.image, &st) < 0)
		return error_set(err, errno, "look at '%s'", b->contents.kernel.image);
	const uint64_t kernel[] = {st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
	SHA256Update(&ctx, (const uint8_t *)kernel, sizeof(kernel));
	for (size_t i = 0; i < b->contents.set.len; i++) {
		const struct package *p = b->contents.set.items[i];
		SHA256Update(&ctx, (const uint8_t *)p->name, strlen(p->name) + 1);
		SHA256Update(&ctx, (const uint8_t *)p->version, strlen(p->version) + 1);
	}
	SHA256Final(sum, &ctx);
	entry_hex(sum, sizeof(sum), b->entry.key);
	return 0;
}

static int gather(struct build *b, struct error *err)
{
	stamp_start(&b->stamp);
	stamp_add(&b->stamp, b->options->guest);
	stamp_add(&b->stamp, b->options->builder);
	if (io_read_file(AT_FDCWD, b->options->guest, PROGRAM_MAX, &b->guest,
		    &b->guest_len, err) < 0)
		return error_prefix(err, "read the guest program");
	if (contents_gather(b->request, &b->contents, &b->stamp, err) < 0)
		return -1;
	b->entry.kernel_version = xstrdup(b->contents.kernel.version);
	return make_key(b, err);
}

/* ---- The parts ---- */

static int create_part(const struct build *b, const char *name, struct error *err)
{
	int fd = openat(
		b->directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "create '%s/%s/%s'", b->cache->path,
			b->directory, name);
	return fd;
}

static int write_part(const struct build *b, const char *name, const void *data,
	size_t len, struct error *err)
{
	CLEANUP_CLOSE int fd = create_part(b, name, err);
	if (fd < 0)
		return -1;
	if (io_write_full(fd, data, len) < 0)
		return error_set(err, errno, "write '%s/%s/%s'", b->cache->path,
			b->directory, name);
	return 0;
}

static int write_kernel(struct build *b, struct error *err)
{
	const char *image = b->contents.kernel.image;
	CLEANUP_FREE uint8_t *elf = NULL;
	CLEANUP_FREE char *why = NULL;
	size_t len;

	int result = kernel_extract(image, &elf, &len, &why, err);
	if (result == 1) {
		log_info("kernel: booted as the compressed image that it is: %s", why);
		result = io_read_file(
			AT_FDCWD, image, SIZE_MAX / 4, (char **)&elf, &len, err);
	}
	if (result < 0)
		return -1;
	return write_part(b, "kernel", elf, len, err);
}

static int write_initrd(struct build *b, struct error *err)
{
	struct kernel_modules closure = {0};
	VECTOR(struct initrd_module) modules = {0};
	bool keep_signatures =
		kernel_enforces_signatures(b->request->root, &b->contents.kernel);

	int result =
		kernel_modules_closure(&b->contents.kernel, boot_modules, &closure, err);
	for (size_t i = 0; i < closure.len && result == 0; i++) {
		struct initrd_module module = {.name = closure.items[i].name};
		result = kernel_module_read(closure.items[i].path, keep_signatures,
			(uint8_t **)&module.data, &module.len, err);
		if (result == 0)
			vector_push(&modules, module);
	}
	CLEANUP_CLOSE int fd = result == 0 ? create_part(b, "initrd", err) : -1;
	if (fd < 0)
		result = -1;
	if (result == 0)
		result = initrd_write(fd, (uint8_t *)b->guest, b->guest_len,
			modules.items, modules.len, false, err);
	if (result == 0)
		log_info("initrd: %zu modules", modules.len);
	vector_foreach (module, &modules)
		free((void *)module->data);
	vector_done(&modules);
	kernel_modules_done(&closure);
	return result;
}

static int on_progress(uint64_t done, uint64_t total, void *data)
{
	const struct build *b = data;

	(void)done;
	(void)total;
	return *b->options->interrupted;
}

static void format_uuid(const uint8_t uuid[16], char ret[37])
{
	char hex[33];

	entry_hex(uuid, 16, hex);
	snprintf(ret, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		hex + 20);
}

static int write_root(struct build *b, struct error *err)
{
	const struct ext2_options options = {.label = "hypermin"};
	const struct ext2_emit_options emit = {
		.progress = on_progress, .progress_data = b};
	struct ext2_emit_stats stats;
	struct ext2_summary summary;
	struct ext2_plan *plan;

	CLEANUP_CLOSE int fd = create_part(b, "root", err);
	if (fd < 0 || ext2_plan_new(b->contents.tree, &options, &plan, err) < 0)
		return -1;
	ext2_plan_summary(plan, &summary);
	format_uuid(summary.uuid, b->entry.root_uuid);
	int result = ext2_emit(plan, fd, &emit, &stats, err);
	ext2_plan_free(plan);
	if (result < 0)
		return error_prefix(
			err, "write '%s/%s/root'", b->cache->path, b->directory);
	log_info("root image: %u inodes, %llu MiB", summary.inodes - summary.free_inodes,
		(unsigned long long)summary.size >> 20);
	return 0;
}

/* ---- Publishing ---- */

static int write_parts(struct build *b, struct error *err)
{
	if (write_kernel(b, err) < 0 || check_interrupted(b, err) < 0 ||
		write_initrd(b, err) < 0 || check_interrupted(b, err) < 0 ||
		write_root(b, err) < 0)
		return -1;
	CLEANUP_FREE char *manifest =
		manifest_text(&b->contents, b->entry.key, b->entry.root_uuid);
	return write_part(b, "manifest.json", manifest, strlen(manifest), err);
}

/* A power cut must not leave an entry that looks whole: what is on disk under its name
 * has its data there. It is also when some file systems say that they are full. */
static int sync_parts(const struct build *b, struct error *err)
{
	for (const char *const *part = entry_parts; *part; part++) {
		CLEANUP_CLOSE int fd =
			openat(b->directory_fd, *part, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fdatasync(fd) < 0)
			return error_set(err, errno, "write '%s/%s/%s' to disk",
				b->cache->path, b->directory, *part);
	}
	return 0;
}

static int publish(const struct build *b, struct error *err)
{
	CLEANUP_FREE char *name = xasprintf("appliances/%s", b->entry.key);

	/* What is left where somebody has removed parts of it. */
	collect_entry(b->cache->fd, b->entry.key);
	if (renameat(b->cache->fd, b->directory, b->cache->fd, name) < 0)
		return error_set(err, errno, "rename '%s/%s' to '%s'", b->cache->path,
			b->directory, name);
	return 0;
}

static void warn_unreadable(const struct strvec *files)
{
	if (files->len)
		log_warning(
			"left out of the appliance: %zu file%s that this user can't read: %s%s",
			files->len, files->len > 1 ? "s" : "", files->items[0],
			files->len > 1 ? ", …" : "");
}

static int make_entry(struct build *b, struct error *err)
{
	log_notice("building an appliance from %zu packages and kernel %s",
		b->contents.set.len, b->contents.kernel.version);
	warn_unreadable(&b->contents.unreadable);
	snprintf(b->directory, sizeof(b->directory), "building-%d", (int)getpid());
	if (mkdirat(b->cache->fd, b->directory, 0700) < 0)
		return error_set(
			err, errno, "create '%s/%s'", b->cache->path, b->directory);
	b->directory_fd =
		openat(b->cache->fd, b->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = b->directory_fd < 0
		? error_set(err, errno, "open '%s'", b->directory)
		: write_parts(b, err);
	if (result == 0)
		result = sync_parts(b, err);
	if (result == 0)
		result = publish(b, err);
	if (result < 0) {
		collect_remove(b->cache->fd, b->directory);
		/* Why it really failed. */
		check_interrupted(b, err);
	}
	if (b->directory_fd >= 0)
		close(b->directory_fd);
	return result;
}

/* The entry's UUID when it is there already: its manifest has it. */
static bool find_made(struct build *b)
{
	CLEANUP_CLOSE int fd = entry_open(b->cache, b->entry.key);
	CLEANUP_FREE char *text = NULL;
	size_t len;

	return fd >= 0 &&
		io_read_file(fd, "manifest.json", MANIFEST_MAX, &text, &len, NULL) == 0 &&
		manifest_read_uuid(text, len, b->entry.root_uuid);
}

static int build(struct build *b, struct error *err)
{
	if (mkdirat(b->cache->fd, "requests", 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "create '%s/requests'", b->cache->path);
	if (mkdirat(b->cache->fd, "appliances", 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "create '%s/appliances'", b->cache->path);
	if (gather(b, err) < 0 || check_interrupted(b, err) < 0)
		return -1;
	if (find_made(b))
		log_info("nothing in the appliance has changed");
	else if (make_entry(b, err) < 0)
		return -1;
	return entry_write(b->cache, b->digest, &b->entry, &b->stamp, err);
}

/* Another may have made it while we waited for the lock. */
static bool is_made(const struct build *b)
{
	struct entry e = {0};

	bool fits = entry_find(b->cache, b->digest, &e) == ENTRY_FITS;
	CLEANUP_CLOSE int fd = fits ? entry_open(b->cache, e.key) : -1;
	entry_done(&e);
	return fd >= 0;
}

int appliance_build(const struct appliance_request *request, const struct cache *cache,
	const struct build_options *options, struct error *err)
{
	struct build b = {.request = request, .cache = cache, .options = options};

	entry_request_digest(request, b.digest);
	CLEANUP_CLOSE int lock = lock_cache(&b, err);
	if (lock < 0)
		return -1;
	/* Tidying is done even if nothing is to be made: the last builder may have been killed
	 * when all but that was done. */
	collect_abandoned(cache->fd);
	int result = is_made(&b) ? 0 : build(&b, err);
	contents_done(&b.contents);
	entry_done(&b.entry);
	stamp_done(&b.stamp);
	free(b.guest);
	if (result == 0)
		collect_unused(cache);
	return result;
}
