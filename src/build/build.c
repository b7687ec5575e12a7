/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making an appliance:
 *
 *	a turn at the request ──► gather what goes in ──► keys of the parts ──► the appliance's key
 *
 *	is there an appliance of that key?
 *	    yes: only the stamp was outdated
 *	    no:  a turn at the key ──► a draft ──► the parts, from the store or made ──► publish
 *
 *	requests/DIGEST with a fresh stamp ──► collect what is too old or too much
 *
 * Turns are always taken in this order (request, appliance, part), so nobody waits for
 * somebody who waits for him.
 */
#include "build/build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "build/contents.h"
#include "build/describe.h"
#include "build/parts.h"
#include "cache/collect.h"
#include "cache/manifest.h"
#include "cache/request.h"

#define PROGRAM_MAX (64 * 1024 * 1024)

struct build {
	const struct appliance_request *request;
	const struct cache *cache;
	const struct build_options *options;
	char digest[SHA256_HEX_LEN + 1];
	struct entry entry;
	struct stamp stamp;
	struct contents contents;
	struct kernel_modules modules; /* the initrd's */
	bool keep_signatures;
	char *guest;
	size_t guest_len;
	/* What made it: while hypermin is being worked on, its version does not change
	 * with each of its programs. */
	char builder_digest[SHA256_HEX_LEN + 1];
	struct part parts[ENTRY_PARTS];
};

/* ---- The guest program ---- */

char *build_guest_path(
	const struct build_options *options, const struct architecture *architecture)
{
	const char *slash = strrchr(options->builder, '/');

	return xasprintf("%.*s/hypermin-guest-%s", (int)(slash - options->builder),
		options->builder, architecture->name);
}

int build_read_guest(const char *path, const struct architecture *architecture,
	char **ret_data, size_t *ret_len, struct error *err)
{
	if (access(path, F_OK) < 0 && !architecture_is_host(architecture))
		return error_set(err, 0,
			"this hypermin has no part for guests of %s: '%s' is missing; build "
			"hypermin where there is %s-linux-gnu-gcc with a static C library",
			architecture->name, path, architecture->name);
	if (io_read_file(AT_FDCWD, path, PROGRAM_MAX, ret_data, ret_len, err) < 0)
		return error_prefix(err, "read hypermin's own programs");
	return 0;
}

static int check_interrupted(const struct build *b, struct error *err)
{
	if (*b->options->interrupted)
		return error_set(err, EINTR, "build an appliance");
	return 0;
}

/* ---- The parts ---- */

static int make_kernel(int fd, json_t *manifest, void *data, struct error *err)
{
	const struct build *b = data;

	json_object_set_new(manifest, "image", manifest_string(b->contents.kernel.image));
	return part_write_kernel(b->contents.kernel.image, fd, err);
}

static int make_initrd(int fd, json_t *manifest, void *data, struct error *err)
{
	const struct build *b = data;
	json_t *names = json_array();

	vector_foreach (module, &b->modules)
		json_array_append_new(names, manifest_string(module->name));
	json_object_set_new(manifest, "modules", names);
	return part_write_initrd(
		&b->modules, NULL, b->keep_signatures, b->guest, b->guest_len, fd, err);
}

static int make_root(int fd, json_t *manifest, void *data, struct error *err)
{
	const struct build *b = data;
	char uuid[37];

	if (part_write_root(b->contents.tree, fd, b->options->interrupted, uuid, err) < 0)
		return -1;
	json_object_set_new(manifest, "root_uuid", json_string(uuid));
	return 0;
}

/* ---- The keys ---- */

static int digest_file(
	const char *path, char ret[static SHA256_HEX_LEN + 1], struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || sha256_file(fd, ret) < 0)
		return error_set(err, errno, "read '%s'", path);
	return 0;
}

static void begin_key(const struct build *b, struct sha256 *ctx, const char *what)
{
	sha256_start(ctx);
	sha256_add_string(ctx, what);
	sha256_add_string(ctx, b->builder_digest);
}

/* Known by its bytes: one that was only touched, or installed again, is the same. */
static int make_kernel_key(struct build *b, struct error *err)
{
	char image[SHA256_HEX_LEN + 1];
	struct sha256 ctx;

	if (digest_file(b->contents.kernel.image, image, err) < 0)
		return -1;
	begin_key(b, &ctx, "kernel");
	sha256_add_string(&ctx, image);
	sha256_end_hex(&ctx, b->parts[ENTRY_KERNEL].key);
	return 0;
}

static int add_identity(struct sha256 *key, const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_set(err, errno, "look at '%s'", path);
	file_add_identity(key, &st);
	return 0;
}

static int make_initrd_key(struct build *b, struct error *err)
{
	struct sha256 ctx;

	b->keep_signatures =
		kernel_enforces_signatures(b->request->root, &b->contents.kernel);
	const char *const *names =
		(const char *const *)strvec_argv(&b->contents.route.modules);
	if (kernel_modules_closure(&b->contents.kernel, names, &b->modules, err) < 0)
		return -1;
	begin_key(b, &ctx, "initrd");
	sha256_add_field(&ctx, b->guest, b->guest_len);
	sha256_add_field(&ctx, &b->keep_signatures, sizeof(b->keep_signatures));
	vector_foreach (module, &b->modules) {
		sha256_add_string(&ctx, module->name);
		if (add_identity(&ctx, module->path, err) < 0)
			return -1;
	}
	sha256_end_hex(&ctx, b->parts[ENTRY_INITRD].key);
	return 0;
}

static void make_root_key(struct build *b)
{
	uint8_t sum[SHA256_LEN];
	struct sha256 ctx;

	begin_key(b, &ctx, "root");
	tree_identity(b->contents.tree, sum);
	sha256_add_field(&ctx, sum, sizeof(sum));
	sha256_end_hex(&ctx, b->parts[ENTRY_ROOT].key);
}

/* Versions go in though the files may be the same: the manifest tells them. */
static void make_appliance_key(struct build *b)
{
	struct sha256 ctx;

	begin_key(b, &ctx, "appliance");
	for (int i = 0; i < ENTRY_PARTS; i++)
		sha256_add_string(&ctx, b->parts[i].key);
	sha256_add_string(&ctx, b->contents.route.name);
	for (size_t i = 0; i < b->contents.set.len; i++) {
		const struct package *p = b->contents.set.items[i];
		sha256_add_string(&ctx, p->name);
		sha256_add_string(&ctx, p->version);
	}
	sha256_end_hex(&ctx, b->entry.key);
}

static int make_keys(struct build *b, struct error *err)
{
	static part_make_fn *const makers[ENTRY_PARTS] = {
		[ENTRY_KERNEL] = make_kernel,
		[ENTRY_INITRD] = make_initrd,
		[ENTRY_ROOT] = make_root,
	};

	for (int i = 0; i < ENTRY_PARTS; i++) {
		b->parts[i].name = entry_parts[i];
		b->parts[i].make = makers[i];
		b->parts[i].data = b;
	}
	if (make_kernel_key(b, err) < 0 || make_initrd_key(b, err) < 0)
		return -1;
	make_root_key(b);
	make_appliance_key(b);
	return 0;
}

static int gather(struct build *b, struct error *err)
{
	CLEANUP_FREE char *guest = build_guest_path(b->options, b->request->architecture);

	stamp_start(&b->stamp);
	stamp_add(&b->stamp, guest);
	stamp_add(&b->stamp, b->options->builder);
	if (digest_file(b->options->builder, b->builder_digest, err) < 0)
		return error_prefix(err, "read hypermin's own programs");
	if (build_read_guest(
		    guest, b->request->architecture, &b->guest, &b->guest_len, err) < 0)
		return -1;
	if (contents_gather(b->request, &b->contents, &b->stamp, err) < 0)
		return -1;
	b->entry.kernel_version = xstrdup(b->contents.kernel.version);
	b->entry.route = xstrdup(b->contents.route.name);
	return make_keys(b, err);
}

/* ---- Publishing ---- */

static void warn_unreadable(const struct strvec *files)
{
	if (files->len)
		log_warning(
			"left out of the appliance: %zu file%s that this user can't read: %s%s",
			files->len, files->len > 1 ? "s" : "", files->items[0],
			files->len > 1 ? ", …" : "");
}

static int add_parts(
	struct build *b, const struct draft *draft, json_t *manifest, struct error *err)
{
	for (int i = 0; i < ENTRY_PARTS; i++) {
		CLEANUP_JSON json_t *part = NULL;
		if (part_add(&b->parts[i], draft, manifest, b->options->interrupted,
			    &part, err) < 0)
			return -1;
		if (i == ENTRY_ROOT)
			json_object_set(manifest, "root_uuid",
				json_object_get(part, "root_uuid"));
	}
	return check_interrupted(b, err);
}

static int make_entry(struct build *b, struct error *err)
{
	CLEANUP_DRAFT struct draft draft = {0};
	CLEANUP_JSON json_t *manifest =
		manifest_new(store_kinds[STORE_APPLIANCES].word, b->entry.key);

	log_notice("building an appliance from %zu packages and kernel %s",
		b->contents.set.len, b->contents.kernel.version);
	warn_unreadable(&b->contents.unreadable);
	describe_contents(manifest, b->request, &b->contents);
	if (draft_open(b->cache, &draft, err) < 0)
		return -1;
	if (add_parts(b, &draft, manifest, err) < 0) {
		/* Why it really failed. */
		check_interrupted(b, err);
		return -1;
	}
	return draft_publish(&draft, STORE_APPLIANCES, b->entry.key, manifest, err);
}

/* What the request's file says of an appliance that is there, from its manifest. */
static int find_made(struct build *b)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;

	if (!store_hold(b->cache, STORE_APPLIANCES, b->entry.key, &hold) ||
		manifest_read(hold.dir_fd, "", &manifest, NULL) < 0 ||
		manifest_check(manifest, hold.dir_fd, "", NULL) < 0)
		return 1;
	const char *uuid = manifest_text(manifest, "root_uuid");
	if (strlen(uuid) != sizeof(b->entry.root_uuid) - 1)
		return 1;
	strcpy(b->entry.root_uuid, uuid);
	free(b->entry.parts);
	b->entry.parts = entry_look(hold.dir_fd);
	return b->entry.parts ? 0 : 1;
}

static int find_or_make(struct build *b, struct error *err)
{
	CLEANUP_FREE char *name = xasprintf("appliance-%s", b->entry.key);
	CLEANUP_TURN struct turn turn = {0};

	if (find_made(b) == 0) {
		log_info("nothing in the appliance has changed");
		return 0;
	}
	if (turn_take(b->cache, name, "is building the same appliance",
		    b->options->interrupted, &turn, err) < 0)
		return -1;
	if (find_made(b) == 0)
		return 0;
	if (make_entry(b, err) < 0)
		return -1;
	if (find_made(b) != 0)
		return error_set(err, 0,
			"build an appliance: '%s/appliances/%s' was removed at once",
			b->cache->path, b->entry.key);
	return 0;
}

/* Another may have made it while we waited. */
static bool is_made(const struct build *b)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP(entry_done) struct entry e = {0};

	return request_find(b->cache, b->digest, &e) == REQUEST_FITS &&
		entry_hold(b->cache, &e, &hold);
}

static int build(struct build *b, struct error *err)
{
	CLEANUP_FREE char *name = xasprintf("request-%s", b->digest);
	CLEANUP_TURN struct turn turn = {0};

	if (turn_take(b->cache, name, "is building this appliance",
		    b->options->interrupted, &turn, err) < 0)
		return -1;
	if (is_made(b))
		return 0;
	if (gather(b, err) < 0 || check_interrupted(b, err) < 0 ||
		find_or_make(b, err) < 0)
		return -1;
	return request_write(b->cache, b->digest, &b->entry, &b->stamp, err);
}

int appliance_build(const struct appliance_request *request, const struct cache *cache,
	const struct build_options *options, struct error *err)
{
	struct build b = {.request = request, .cache = cache, .options = options};

	appliance_request_digest(request, b.digest);
	int result = build(&b, err);
	contents_done(&b.contents);
	kernel_modules_done(&b.modules);
	entry_done(&b.entry);
	stamp_done(&b.stamp);
	free(b.guest);
	cache_collect_quietly(cache);
	return result;
}
