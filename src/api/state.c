/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saved states: a session's VM is written to files while it is in use, and other VMs resume
 * from these files, as copies of it.
 *
 *	hypermin_save()                     the session's keeper
 *	  │ a draft in the cache ──socket──► handle_write_down()
 *	  │                                    checkpoint, root, disk0, … in it
 *	  │ ◄───────────────what the VM is────────┘
 *	  ├── handle_convert(): another qemu makes a snapshot of the checkpoint
 *	  └── states_publish()
 *
 *	hypermin_set_from() … hypermin_start() ──► handle_open_state(): what the VM is made of stands in
 *	                                           the manifest; its user may add to that
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/handle.h"
#include "appliance/image-config.h"
#include "base/file.h"
#include "base/log.h"
#include "base/name.h"
#include "cache/manifest.h"
#include "cache/store.h"
#include "protocol/protocol.h"
#include "vm/disk.h"
#include "vm/network.h"

#define CHECKPOINT "checkpoint"

const struct vm_disk *handle_disks(const struct hypermin *h, size_t *ret_len)
{
	*ret_len = h->state ? h->state->disks.len : h->disks.len;
	return h->state ? h->state->disks.items : h->disks.items;
}

unsigned handle_cpus(const struct hypermin *h)
{
	return h->state ? h->state->cpus : h->cpus;
}

/* ---- Writing down, by the keeper ---- */

static int check_can_be_written(struct hypermin *h)
{
	if (h->host || h->shares.len)
		return error_set(&h->error, 0,
			"it has directories of this machine, and a saved state can't have any; "
			"start it without, copy files by hypermin cp, and give directories to the "
			"VMs that go on from the state");
	return 0;
}

/* A link, for what is in the cache never changes; in another file system, or of an appliance
 * that somebody else may have made, a copy. */
static int add_root(struct hypermin *h, int dir_fd)
{
	const char *root = h->appliance.root;
	struct stat st;

	if (!h->fixed && linkat(AT_FDCWD, root, dir_fd, "root", AT_SYMLINK_FOLLOW) == 0)
		return 0;
	CLEANUP_CLOSE int from = open(root, O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int to =
		openat(dir_fd, "root", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (from < 0 || to < 0 || fstat(from, &st) < 0 ||
		file_copy_range(from, 0, to, 0, st.st_size) < 0)
		return error_set(&h->error, errno, "copy the root disk '%s'", root);
	return 0;
}

static int open_new(int dir_fd, const char *name, struct error *err)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? error_set(err, errno, "create '%s' for the saved state", name)
		      : fd;
}

/* Time of change and all: it can't be another and look the same. */
static char *file_identity(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_null(err, errno, "find the disk '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_null(err, 0,
			"copy the disk '%s': what is on a device may change; attach it with "
			":snapshot, and the state gets a copy",
			path);
	return xasprintf("inode %llu, size %lld, changed %lld.%09ld",
		(unsigned long long)st.st_ino, (long long)st.st_size,
		(long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static bool is_copied(const struct vm_disk *disk)
{
	return disk->writable || disk->overlay;
}

static json_t *describe_disk(const struct vm_disk *disk, struct error *err)
{
	json_t *json = json_pack("{s:o, s:b, s:i}", "path", manifest_string(disk->path),
		"copied", is_copied(disk), "sector", (int)disk->sector);

	if (disk->serial)
		json_object_set_new(json, "serial", manifest_string(disk->serial));
	if (is_copied(disk))
		return json;
	CLEANUP_FREE char *identity = file_identity(disk->path, err);
	if (!identity) {
		json_decref(json);
		return NULL;
	}
	json_object_set_new(json, "format", json_string(disk->format));
	json_object_set_new(json, "identity", json_string(identity));
	return json;
}

/* The list of disks; their copies' files are opened. */
static json_t *open_disks(struct hypermin *h, int dir_fd, int *fds)
{
	size_t n;
	const struct vm_disk *disks = handle_disks(h, &n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		CLEANUP_FREE char *name = xasprintf("disk%zu", i);
		json_t *disk = describe_disk(&disks[i], &h->error);
		if (!disk ||
			(is_copied(&disks[i]) &&
				(fds[i] = open_new(dir_fd, name, &h->error)) < 0)) {
			json_decref(disk);
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, disk);
	}
	return list;
}

static char *describe_vm(struct hypermin *h, json_t *disks)
{
	const struct appliance *a = &h->appliance;
	const struct vm_run run = vm_ran_as(h->vm);
	bool has_network = vm_network_is_wanted(&h->network) ||
		(h->state && h->state->vm.has_network);
	json_t *json =
		json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:b, s:b, s:b, s:o, s:o*}",
			"protocol", PROTOCOL_VERSION, "architecture",
			a->architecture->name, "kernel_version", a->kernel_version,
			"route", a->route, "root_uuid", a->root_uuid, "memory_mib",
			(int)handle_memory_mib(h), "cpus", (int)handle_cpus(h), "kvm",
			run.kvm, "plain", run.plain, "network", has_network, "disks",
			disks, "image", a->image ? image_config_json(a->image) : NULL);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (text && strlen(text) <= FRAME_PAYLOAD_MAX)
		return text;
	free(text);
	return error_null(&h->error, E2BIG, "what is to be said of it is too long");
}

char *handle_write_down(struct hypermin *h, int dir_fd)
{
	int fds[VM_MAX_DISKS];
	size_t n;
	char *text = NULL;

	if (check_can_be_written(h) < 0)
		return NULL;
	handle_disks(h, &n);
	for (size_t i = 0; i < n; i++)
		fds[i] = -1;
	json_t *disks = open_disks(h, dir_fd, fds);
	CLEANUP_CLOSE int checkpoint =
		disks ? open_new(dir_fd, CHECKPOINT, &h->error) : -1;
	const struct vm_checkpoint to = {checkpoint, fds, n};
	if (checkpoint >= 0 && add_root(h, dir_fd) == 0 &&
		vm_checkpoint(h->vm, &to, &h->error) == 0)
		text = describe_vm(h, TAKE_PTR(disks));
	json_decref(disks);
	for (size_t i = 0; i < n; i++)
		cleanup_close(&fds[i]);
	return text;
}

/* ---- Reading what was said ---- */

static unsigned number(const json_t *manifest, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(manifest, name));

	return n < 0 || n > INT32_MAX ? 0 : n;
}

static bool flag(const json_t *manifest, const char *name)
{
	return json_is_true(json_object_get(manifest, name));
}

static int check_same(const char *path, const char *identity, struct error *err)
{
	CLEANUP_FREE char *now = file_identity(path, err);

	if (!now)
		return -1;
	return strcmp(now, identity) == 0
		? 0
		: error_set(err, ESTALE,
			  "the disk '%s' is not as it was when the state was saved",
			  path);
}

static int take_disk(struct handle_state *s, const json_t *json, struct error *err)
{
	const char *path = manifest_text(json, "path");
	const char *serial = json_string_value(json_object_get(json, "serial"));
	CLEANUP_FREE char *name = xasprintf("disk%zu", s->disks.len);
	CLEANUP_FREE char *copy = state_file(&s->files, name);
	struct vm_disk disk;
	bool copied = flag(json, "copied");

	if (!copied && check_same(path, manifest_text(json, "identity"), err) < 0)
		return -1;
	if (vm_disk_init(&disk, copied ? copy : path,
		    copied ? "qcow2" : manifest_text(json, "format"), false, err) < 0)
		return -1;
	disk.overlay = copied;
	disk.sector = number(json, "sector");
	disk.serial = serial ? xstrdup(serial) : NULL;
	vector_push(&s->disks, disk);
	s->vm.n_disks++;
	return 0;
}

/* As an appliance without kernel and initrd. */
static int take_appliance(const json_t *manifest, const struct state *files,
	struct appliance *ret, struct error *err)
{
	const char *uuid = manifest_text(manifest, "root_uuid");
	const json_t *of_image = json_object_get(manifest, "image");
	struct image_config image;

	struct appliance a = {
		.architecture =
			architecture_find(manifest_text(manifest, "architecture")),
		.lock_fd = -1,
	};
	if (!a.architecture || strlen(uuid) >= sizeof(a.root_uuid) ||
		!number(manifest, "memory_mib") || !number(manifest, "cpus"))
		return error_set(err, 0, "it is not described as hypermin does that");
	if (of_image && image_config_parse(of_image, &image, err) < 0)
		return -1;
	a.image = of_image ? xmemdup(&image, sizeof(image)) : NULL;
	a.directory = xstrdup(files->directory);
	a.root = state_file(files, "root");
	a.kernel_version = xstrdup(manifest_text(manifest, "kernel_version"));
	a.route = xstrdup(manifest_text(manifest, "route"));
	strcpy(a.root_uuid, uuid);
	*ret = a;
	return 0;
}

/* s->files is open. */
static int take(struct hypermin *h, struct handle_state *s)
{
	const json_t *manifest = s->files.manifest;
	const json_t *disks = json_object_get(manifest, "disks");

	/* Its agent is in its memory. */
	if (number(manifest, "protocol") != PROTOCOL_VERSION)
		return error_set(&h->error, 0,
			"it was saved by another version of hypermin, whose agent this one does "
			"not understand");
	for (size_t i = 0; i < json_array_size(disks); i++)
		if (take_disk(s, json_array_get(disks, i), &h->error) < 0)
			return -1;
	vector_foreach (own, &h->disks)
		vector_push(&s->disks, *own);
	s->memory_mib = number(manifest, "memory_mib");
	s->cpus = number(manifest, "cpus");
	s->vm.has_network = flag(manifest, "network");
	s->vm.ran_as = (struct vm_run){flag(manifest, "kvm"), flag(manifest, "plain")};
	s->vm.identity = manifest_text(manifest, "identity");
	s->vm.snapshot =
		(struct vm_snapshot){s->files.files.ram_fd, s->files.files.state_fd};
	if (take_appliance(manifest, &s->files, &h->appliance, &h->error) < 0)
		return -1;
	h->architecture = h->appliance.architecture;
	return handle_find_routes(h);
}

/* ---- Going on from one ---- */

static int check_settings(struct hypermin *h)
{
	if (!h->packages.len && !h->kernel && !h->image && !h->fixed &&
		strcmp(h->root, "/") == 0 && !h->memory_mib && h->cpus == DEFAULT_CPUS &&
		h->accel == VM_ACCEL_AUTO && !h->machine && !h->root_bus && !h->plain &&
		!h->fast && !h->timeline && !handle_is_special(h))
		return 0;
	return error_set(&h->error, 0,
		"start from the saved state '%s': its VM is made already, of what was said when "
		"it was first started; only disks, directories and network can be added",
		h->from);
}

void handle_close_state(struct hypermin *h)
{
	struct handle_state *s = h->state;

	if (!s)
		return;
	for (size_t i = 0; i < s->vm.n_disks; i++)
		vm_disk_done(&s->disks.items[i]);
	vector_done(&s->disks);
	state_done(&s->files);
	free(TAKE_PTR(h->state));
}

int handle_open_state(struct hypermin *h)
{
	if (check_settings(h) < 0 || handle_open_cache(h) < 0)
		return -1;
	h->state = xcalloc(1, sizeof(*h->state));
	h->state->files = (struct state)STATE_INIT;
	if (states_open(&h->cache, h->from, &h->state->files, &h->error) == 0) {
		if (take(h, h->state) == 0)
			return 0;
		error_prefix(&h->error, "start from the saved state '%s'", h->from);
	}
	appliance_done(&h->appliance);
	handle_close_state(h);
	return -1;
}

/* ---- Saving, by the client ---- */

/* As a state that is open, but for the snapshot. `about` becomes its manifest. */
static int take_draft(struct hypermin *h, const struct draft *d, json_t *about)
{
	h->state = xcalloc(1, sizeof(*h->state));
	h->state->files = (struct state)STATE_INIT;
	h->state->files.directory = xasprintf("%s/%s", d->cache->path, d->path);
	h->state->files.manifest = json_incref(about);
	return take(h, h->state);
}

static json_t *make_manifest(const struct hypermin *h, const char *name,
	const json_t *about, const char *identity)
{
	json_t *manifest = manifest_new(store_kinds[STORE_STATES].word, name);

	json_object_update(manifest, (json_t *)about);
	json_object_set_new(manifest, "origin", json_string(h->session));
	json_object_set_new(manifest, "time", json_integer(time(NULL)));
	json_object_set_new(manifest, "identity", manifest_string(identity));
	return manifest;
}

/* `like` is a handle for VMs that will go on from the state. */
static int convert_and_publish(struct hypermin *h, struct hypermin *like,
	const char *name, struct draft *d, json_t *about)
{
	if (take_draft(like, d, about) < 0)
		return -1;
	CLEANUP_CLOSE int ram = file_in_memory(
		"ram", (uint64_t)like->state->memory_mib << 20, &like->error);
	CLEANUP_CLOSE int state = file_in_memory("state", 0, &like->error);
	CLEANUP_CLOSE int checkpoint = openat(d->fd, CHECKPOINT, O_RDONLY | O_CLOEXEC);
	if (ram < 0 || state < 0)
		return -1;
	if (checkpoint < 0 || unlinkat(d->fd, CHECKPOINT, 0) < 0)
		return error_set(&like->error, errno, "read what was written down");
	CLEANUP_FREE char *identity =
		handle_convert(like, checkpoint, &(struct vm_snapshot){ram, state});
	if (!identity)
		return -1;
	CLEANUP_JSON json_t *manifest = make_manifest(h, name, about, identity);
	return states_publish(
		d, name, &(struct snapshot_files){ram, state}, manifest, &like->error);
}

static int save(struct hypermin *h, const char *name)
{
	CLEANUP_DRAFT struct draft d = {.fd = -1};

	if (states_has(&h->cache, name))
		return error_set(&h->error, EEXIST,
			"there is a saved state '%s' already; remove it by hypermin cache "
			"remove, or choose another name",
			name);
	if (draft_open(&h->cache, &d, &h->error) < 0)
		return -1;
	CLEANUP_FREE char *text = session_write_down(h, d.fd);
	CLEANUP_JSON json_t *about = text ? json_loads(text, 0, NULL) : NULL;
	if (!text)
		return -1;
	struct hypermin *like = hypermin_new();
	int result = convert_and_publish(h, like, name, &d, about);
	if (result < 0)
		h->error = like->error;
	hypermin_free(like);
	return result;
}

int hypermin_save(struct hypermin *h, const char *name)
{
	if (!h->session)
		return error_set(&h->error, EINVAL,
			"save a VM: only that of a session can be; open one");
	if (name_check("a saved state", name, &h->error) < 0 || handle_open_cache(h) < 0)
		return -1;
	return save(h, name) < 0
		? error_prefix(&h->error, "save the session '%s'", h->session)
		: 0;
}

int hypermin_remove_state(struct hypermin *h, const char *name)
{
	if (name_check("a saved state", name, &h->error) < 0 || handle_open_cache(h) < 0)
		return -1;
	return states_remove(&h->cache, name, &h->error);
}
