/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parts: their keys, how each is made, and how it is shared.
 *
 * Either a link to the part in the store is made, and then the part stays whatever happens
 * to its name in parts/, or it is not, and then the part is made: nothing has to be held.
 * The file's count of links tells whether a part is still used.
 */
#include "build/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "build/images.h"
#include "cache/manifest.h"

/* ---- Kernel ---- */

/* By its bytes: one that was only touched, or installed again, is the same. */
static int add_kernel_key(struct sha256 *ctx, struct parts *p, struct error *err)
{
	if (p->packed_kernel)
		sha256_add_string(ctx, "packed");
	return sha256_add_file(ctx, p->contents->got.kernel.image, err);
}

static int write_kernel(
	const struct parts *p, int fd, json_t *manifest, struct error *err)
{
	const char *image = p->contents->got.kernel.image;

	json_object_set_new(manifest, "image", manifest_string(image));
	return p->packed_kernel ? image_copy_kernel(image, fd, err)
				: image_write_kernel(image, fd, err);
}

/* ---- Initrd ---- */

/* Drivers of what can be attached to a VM. A kernel may lack them. */
static const char *const attachable[] = {"?virtio_net", "?fuse"};

/* Those that the route needs, and those that they depend on. */
static int choose_modules(struct parts *p, struct error *err)
{
	struct contents *c = p->contents;
	CLEANUP_STRVEC struct strvec names = {0};

	p->keep_signatures = kernel_enforces_signatures(c->got.root, &c->got.kernel);
	vector_foreach (name, &c->route.modules)
		strvec_add(&names, *name);
	if (kernel_modules_closure(&c->got.kernel,
		    (const char *const *)strvec_argv(&names), &p->modules, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(attachable); i++)
		strvec_add(&names, attachable[i]);
	return kernel_modules_closure(&c->got.kernel,
		(const char *const *)strvec_argv(&names), &p->all_modules, err);
}

static int add_initrd_key(struct sha256 *ctx, struct parts *p, struct error *err)
{
	sha256_add_field(ctx, p->guest, p->guest_len);
	sha256_add_field(ctx, &p->keep_signatures, sizeof(p->keep_signatures));
	sha256_add_field(ctx, &p->modules.len, sizeof(p->modules.len));
	vector_foreach (module, &p->all_modules) {
		struct stat st;
		if (stat(module->path, &st) < 0)
			return error_set(err, errno, "look at '%s'", module->path);
		sha256_add_string(ctx, module->name);
		file_add_identity(ctx, &st);
	}
	return 0;
}

static int write_initrd(
	const struct parts *p, int fd, json_t *manifest, struct error *err)
{
	json_t *names = json_array();

	vector_foreach (module, &p->modules)
		json_array_append_new(names, manifest_string(module->name));
	json_object_set_new(manifest, "modules", names);
	return image_write_initrd(&p->modules, &p->all_modules, p->keep_signatures, false,
		p->guest, p->guest_len, fd, err);
}

/* ---- Root ---- */

static int add_root_key(struct sha256 *ctx, struct parts *p, struct error *err)
{
	uint8_t sum[SHA256_LEN];

	(void)err;
	tree_identity(p->contents->got.tree, sum);
	sha256_add_field(ctx, sum, sizeof(sum));
	return 0;
}

static int write_root(const struct parts *p, int fd, json_t *manifest, struct error *err)
{
	char uuid[37];

	if (image_write_root(p->contents->got.tree, fd, p->interrupted, uuid, err) < 0)
		return -1;
	json_object_set_new(manifest, "root_uuid", json_string(uuid));
	return 0;
}

/* ---- All of them ---- */

static const struct {
	/* Hash what it is made from. */
	int (*add_key)(struct sha256 *ctx, struct parts *p, struct error *err);
	/* Write it to an empty file; its own manifest may be added to. */
	int (*write)(const struct parts *p, int fd, json_t *manifest, struct error *err);
} kinds[ENTRY_PARTS] = {
	[ENTRY_KERNEL] = {add_kernel_key, write_kernel},
	[ENTRY_INITRD] = {add_initrd_key, write_initrd},
	[ENTRY_ROOT] = {add_root_key, write_root},
};

int parts_make_keys(struct parts *p, struct error *err)
{
	struct sha256 ctx;

	if (choose_modules(p, err) < 0)
		return -1;
	for (int i = 0; i < ENTRY_PARTS; i++) {
		sha256_start(&ctx);
		sha256_add_string(&ctx, entry_parts[i]);
		sha256_add_string(&ctx, p->builder_digest);
		if (kinds[i].add_key(&ctx, p, err) < 0)
			return -1;
		sha256_end_hex(&ctx, p->keys[i]);
	}
	return 0;
}

void parts_done(struct parts *p)
{
	kernel_modules_done(&p->modules);
	kernel_modules_done(&p->all_modules);
}

/* Versions of packages go in though the files may be the same: the manifest tells them. */
void parts_appliance_key(const struct parts *p, char ret[static SHA256_HEX_LEN + 1])
{
	const struct contents *c = p->contents;
	struct sha256 ctx;

	sha256_start(&ctx);
	sha256_add_string(&ctx, "appliance");
	sha256_add_string(&ctx, p->builder_digest);
	for (int i = 0; i < ENTRY_PARTS; i++)
		sha256_add_string(&ctx, p->keys[i]);
	sha256_add_string(&ctx, c->route.name);
	vector_foreach (pkg, &c->got.set) {
		sha256_add_string(&ctx, (*pkg)->name);
		sha256_add_string(&ctx, (*pkg)->version);
	}
	/* The appliance's manifest has it, and no part. */
	CLEANUP_JSON json_t *image = image_config_json(&c->image);
	CLEANUP_FREE char *text = json_dumps(image, JSON_COMPACT | JSON_SORT_KEYS);
	sha256_add_string(&ctx, text);
	sha256_end_hex(&ctx, ret);
}

/* ---- Sharing ---- */

/* 1: it is not there, or can't be shared. */
static int link_part(const char *name, const char *key, const struct draft *draft,
	json_t **ret_manifest)
{
	CLEANUP(store_release) struct store_hold hold = STORE_HOLD_INIT;
	CLEANUP_JSON json_t *manifest = NULL;

	if (!store_hold(draft->cache, STORE_PARTS, key, &hold))
		return 1;
	if (manifest_read(hold.dir_fd, "", &manifest, NULL) < 0 ||
		manifest_check(manifest, hold.dir_fd, "", NULL) < 0) {
		log_info("%s: the one in the cache is damaged", name);
		store_discard(draft->cache, STORE_PARTS, key);
		return 1;
	}
	if (linkat(hold.dir_fd, name, draft->fd, name, 0) < 0)
		return 1;
	log_info("%s: shared with another appliance", name);
	*ret_manifest = TAKE_PTR(manifest);
	return 0;
}

/* In a draft of its own. It is linked to the appliance's before it is published: from then
 * on it could be collected. */
static int make_part(const struct parts *p, int part, const struct draft *draft,
	json_t **ret_manifest, struct error *err)
{
	const char *name = entry_parts[part];
	CLEANUP_DRAFT struct draft own = {0};
	CLEANUP_JSON json_t *manifest =
		manifest_new(store_kinds[STORE_PARTS].word, p->keys[part]);

	json_object_set_new(manifest, "part", json_string(name));
	if (draft_open(draft->cache, &own, err) < 0)
		return -1;
	CLEANUP_FREE char *where = xasprintf("%s/%s", own.cache->path, own.path);
	CLEANUP_CLOSE int fd =
		openat(own.fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, errno, "create '%s/%s'", where, name);
	if (kinds[part].write(p, fd, manifest, err) < 0)
		return error_prefix(err, "write '%s/%s'", where, name);
	if (manifest_add_file(manifest, own.fd, name, where, err) < 0)
		return -1;
	if (linkat(own.fd, name, draft->fd, name, 0) < 0) {
		log_info("%s: not shared, since there are no hard links here", name);
		if (renameat(own.fd, name, draft->fd, name) < 0)
			return error_set(err, errno, "rename '%s/%s'", where, name);
	} else if (draft_publish(&own, STORE_PARTS, p->keys[part], manifest, err) < 0) {
		return -1;
	}
	*ret_manifest = TAKE_PTR(manifest);
	return 0;
}

static int link_or_make(const struct parts *p, int part, const struct draft *draft,
	json_t **ret_manifest, struct error *err)
{
	const char *name = entry_parts[part], *key = p->keys[part];
	CLEANUP_FREE char *turn_name = xasprintf("part-%s", key);
	CLEANUP_FREE char *what = xasprintf("is making the same %s", name);
	CLEANUP_TURN struct turn turn = {0};

	if (link_part(name, key, draft, ret_manifest) == 0)
		return 0;
	if (turn_take(draft->cache, turn_name, what, p->interrupted, &turn, err) < 0)
		return -1;
	if (link_part(name, key, draft, ret_manifest) == 0)
		return 0;
	return make_part(p, part, draft, ret_manifest, err);
}

int parts_add(const struct parts *p, const struct draft *draft, json_t *manifest,
	struct error *err)
{
	for (int i = 0; i < ENTRY_PARTS; i++) {
		CLEANUP_JSON json_t *own = NULL;
		if (*p->interrupted)
			return error_set(err, EINTR, "make the %s", entry_parts[i]);
		if (link_or_make(p, i, draft, &own, err) < 0)
			return -1;
		manifest_copy_file(manifest, own, entry_parts[i]);
		if (i == ENTRY_ROOT)
			json_object_set(
				manifest, "root_uuid", json_object_get(own, "root_uuid"));
	}
	return 0;
}
