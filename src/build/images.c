/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing the files of an appliance. */
#include "build/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/io.h"
#include "base/log.h"
#include "ext2/ext2.h"
#include "initrd/initrd.h"

int image_copy_kernel(const char *image, int fd, struct error *err)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, image, SIZE_MAX / 4, &data, &len, err) < 0)
		return -1;
	if (io_write_full(fd, data, len) < 0)
		return error_set(err, errno, "write the kernel");
	return 0;
}

int image_write_kernel(const char *image, int fd, struct error *err)
{
	CLEANUP_FREE uint8_t *elf = NULL;
	CLEANUP_FREE char *why = NULL;
	size_t len;

	int result = kernel_extract(image, &elf, &len, &why, err);
	if (result == 1) {
		log_info(
			"kernel: it can't be unpacked, so its compressed image is booted: %s",
			why);
		return image_copy_kernel(image, fd, err);
	}
	if (result < 0)
		return -1;
	/* Two fifths of it are zeros: space that the kernel will work in. */
	if (io_write_sparse(fd, elf, len) < 0)
		return error_set(err, errno, "write the kernel");
	return 0;
}

static bool has_module(const struct kernel_modules *modules, const char *name)
{
	vector_foreach (module, modules)
		if (strcmp(module->name, name) == 0)
			return true;
	return false;
}

int image_write_initrd(const struct kernel_modules *modules,
	const struct kernel_modules *all, bool keep_signatures, bool own_init,
	const void *guest, size_t guest_len, int fd, struct error *err)
{
	VECTOR(struct initrd_module) read = {0};
	int result = 0;

	for (size_t i = 0; i < all->len && result == 0; i++) {
		struct initrd_module module = {
			.name = all->items[i].name,
			.later = !has_module(modules, all->items[i].name),
		};
		result = kernel_module_read(all->items[i].path, keep_signatures,
			(uint8_t **)&module.data, &module.len, err);
		if (result == 0)
			vector_push(&read, module);
	}
	if (result == 0)
		result = initrd_write(
			fd, guest, guest_len, read.items, read.len, own_init, err);
	if (result == 0)
		log_info("initrd: %zu modules", read.len);
	vector_foreach (module, &read)
		free((void *)module->data);
	vector_done(&read);
	return result;
}

static int on_progress(uint64_t done, uint64_t total, void *data)
{
	const volatile sig_atomic_t *interrupted = data;

	(void)done;
	(void)total;
	return *interrupted;
}

/* Persistent memory is mapped in pieces of 2 MiB, so the file has to be a multiple of
 * that. */
static int pad_root(int fd, uint64_t size)
{
	const uint64_t piece = 2 * 1024 * 1024;

	return ftruncate(fd, (size + piece - 1) / piece * piece);
}

int image_write_root(const struct tree *tree, int fd,
	const volatile sig_atomic_t *interrupted, char ret_uuid[static 37],
	struct error *err)
{
	const struct ext2_options options = {.label = "hypermin"};
	const struct ext2_emit_options emit = {
		.progress = on_progress, .progress_data = (void *)interrupted};
	struct ext2_emit_stats stats;
	struct ext2_summary summary;
	struct ext2_plan *plan;

	if (ext2_plan_new(tree, &options, &plan, err) < 0)
		return -1;
	ext2_plan_summary(plan, &summary);
	uuid_format(summary.uuid, ret_uuid);
	int result = ext2_emit(plan, fd, &emit, &stats, err);
	ext2_plan_free(plan);
	if (result == 0 && pad_root(fd, summary.size) < 0)
		result = error_set(err, errno, "make it longer");
	if (result == 0)
		log_info("root image: %u inodes, %llu MiB",
			summary.inodes - summary.free_inodes,
			(unsigned long long)summary.size >> 20);
	return result;
}
