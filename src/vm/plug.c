/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks and directories for a VM that waits: they are attached by QMP, the disks while it stands
 * still.
 *
 *	process that has the disks              process that keeps the VM
 *	  vm_disks_open(): locked ──descriptors──► plug_disks()
 *	                                             add-fd        /dev/fdset/N
 *	                                             blockdev-add  disk0 …
 *	                                             device_add    into the slots of a boot
 *	                                           vm_wake(): the guest scans its bus
 *
 * qemu was confined when nobody knew of these disks, so it can open none of them by its name.
 * It gets open files, and never more rights to one than its disk has. Images that name other
 * files would have to be opened by name: a VM with such a disk is started for it.
 *
 * The process that has the directories also starts their server, confined to them. The keeper gets
 * one end of the server's socket and no directory, and passes it on to qemu.
 *
 * The reserved slots of a snapshot (snapshot.h) are not for this: qemu can't change what a
 * device of a running VM is, except its content. The VM has no disk before, and each of
 * these is a new device.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm/disk.h"
#include "vm/machine.h"
#include "vm/state.h"

/* qemu's numbers for the descriptors of disk i. */
#define FDSET_OF_DISK(i)    (1000 + 2 * (int)(i))
#define FDSET_OF_OVERLAY(i) (FDSET_OF_DISK(i) + 1)

/* A PCI slot's functions appear to the guest when the first of them is plugged. */
static_assert(VM_MAX_PLUGGED <= PCI_FUNCTIONS, "all plugged disks are in one slot");

/* ---- The process that has the disks ---- */

bool vm_can_plug(const struct vm_route *route, const struct vm_disk *disks, size_t n)
{
	if (n == 0)
		return true;
	if (n > VM_MAX_PLUGGED || !machine_type_find(route->machine)->hot_plug ||
		root_bus_find(route->root_bus)->named_as_disks)
		return false;
	for (size_t i = 0; i < n; i++)
		if (vm_disk_names_others(&disks[i]))
			return false;
	return true;
}

/* Where qemu itself would make it. */
static int open_overlay(struct error *err)
{
	const char *tmpdir = getenv("TMPDIR");
	const char *directory = tmpdir && *tmpdir ? tmpdir : "/var/tmp";
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0
		? error_set(err, errno,
			  "make a file in '%s' for what is written to a disk", directory)
		: fd;
}

int vm_disks_open(const struct vm_disk *disks, size_t n, struct vm_open_disk *ret,
	struct error *err)
{
	struct disk_lock locks[VM_MAX_PLUGGED];

	if (disk_locks_take(disks, n, locks, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		ret[i] = (struct vm_open_disk){disks[i], locks[i].fd, -1};
	for (size_t i = 0; i < n; i++) {
		if (!disks[i].overlay)
			continue;
		ret[i].overlay_fd = open_overlay(err);
		if (ret[i].overlay_fd < 0) {
			vm_disks_close(ret, n);
			return -1;
		}
	}
	return 0;
}

void vm_disks_close(struct vm_open_disk *disks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_close(&disks[i].fd);
		cleanup_close(&disks[i].overlay_fd);
	}
}

/* ---- The process that keeps the VM ---- */

static char *path_of(int fdset)
{
	return xasprintf("/dev/fdset/%d", fdset);
}

static int add_fd(struct vm *vm, int fdset, int fd, struct error *err)
{
	return loop_order(vm, "add-fd", json_pack("{s:i}", "fdset-id", fdset), fd, err);
}

/* What the guest sees of it, in bytes; 0: there is no such node. */
static json_int_t find_size(struct vm *vm, const char *name, struct error *err)
{
	json_t *nodes = NULL;
	const json_t *node;
	json_int_t size = 0;
	size_t i;

	if (loop_execute(vm, "query-named-block-nodes", json_pack("{s:b}", "flat", 1), -1,
		    0, &nodes, err) < 0)
		return 0;
	json_array_foreach(nodes, i, node)
	{
		const char *is = json_string_value(json_object_get(node, "node-name"));
		if (is && strcmp(is, name) == 0)
			size = json_integer_value(json_object_get(
				json_object_get(node, "image"), "virtual-size"));
	}
	json_decref(nodes);
	if (size <= 0)
		error_set(err, 0, "attach a disk: qemu does not say how large it is");
	return size;
}

static int add_overlay(struct vm *vm, size_t i, int fd, const char *node,
	const char *image, struct error *err)
{
	CLEANUP_FREE char *path = path_of(FDSET_OF_OVERLAY(i));
	CLEANUP_FREE char *file = xasprintf("%s-file", node);
	json_int_t size = find_size(vm, image, err);

	if (size <= 0 || add_fd(vm, FDSET_OF_OVERLAY(i), fd, err) < 0 ||
		loop_order(vm, "blockdev-add",
			json_pack("{s:s, s:s, s:s, s:s}", "driver", "file", "node-name",
				file, "filename", path, "locking", "off"),
			-1, err) < 0 ||
		block_job_run(vm, "blockdev-create",
			json_pack("{s:s, s:{s:s, s:s, s:I}}", "job-id", BLOCK_JOB,
				"options", "driver", "qcow2", "file", file, "size", size),
			err) < 0)
		return -1;
	/* Nobody reads it after the VM. */
	return loop_order(vm, "blockdev-add",
		json_pack("{s:s, s:s, s:s, s:s, s:{s:b}}", "driver", "qcow2", "node-name",
			node, "file", file, "backing", image, "cache", "no-flush", 1),
		-1, err);
}

static int add_node(struct vm *vm, size_t i, const struct vm_open_disk *open,
	const char *node, struct error *err)
{
	CLEANUP_FREE char *path = path_of(FDSET_OF_DISK(i));
	CLEANUP_FREE char *image =
		open->disk.overlay ? xasprintf("%s-image", node) : xstrdup(node);
	struct vm_disk disk = open->disk;

	disk.path = path;
	if (add_fd(vm, FDSET_OF_DISK(i), open->fd, err) < 0 ||
		loop_order(vm, "blockdev-add", machine_disk_node(&disk, image, false), -1,
			err) < 0)
		return -1;
	return disk.overlay ? add_overlay(vm, i, open->overlay_fd, node, image, err) : 0;
}

int plug_disks(
	struct vm *vm, const struct vm_open_disk *disks, size_t n, struct error *err)
{
	/* The first last: see VM_MAX_PLUGGED above. */
	for (size_t i = n; i-- > 0;) {
		CLEANUP_FREE char *node = xasprintf("disk%zu", i);
		if (add_node(vm, i, &disks[i], node, err) < 0 ||
			loop_order(vm, "device_add",
				machine_disk_device(
					&vm->profile, i, &disks[i].disk, node),
				-1, err) < 0)
			return error_prefix(err, "attach '%s'", disks[i].disk.path);
	}
	return 0;
}

int plug_port(struct vm *vm, const char *chardev, int fd, struct error *err)
{
	if (loop_order(vm, "getfd", json_pack("{s:s}", "fdname", chardev), fd, err) < 0)
		return -1;
	return loop_order(vm, "chardev-change",
		json_pack("{s:s, s:{s:s, s:{s:{s:s, s:{s:s}}, s:b}}}", "id", chardev,
			"backend", "type", "socket", "data", "addr", "type", "fd", "data",
			"str", chardev, "server", 0),
		-1, err);
}
