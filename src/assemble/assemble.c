/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making an appliance from inputs, in the builder program:
 *
 *	gather what goes in ──► its key ──► does the output have that key, and is it whole?
 *	                                      yes: only its stamp was outdated
 *	                                      no:  write a directory beside it, and exchange them
 */
#include "assemble/assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assemble/chroot.h"
#include "assemble/ingredients.h"
#include "base/boot-id.h"
#include "base/io.h"
#include "base/log.h"
#include "base/replace.h"
#include "base/sha256.h"
#include "build/images.h"
#include "ext2/ext2.h"

/* supermin's size, so that there is room to work in. The file is sparse. */
#define DEFAULT_SIZE (4ULL * 1024 * 1024 * 1024)
#define DEFAULT_FREE (1ULL * 1024 * 1024 * 1024)

struct assembling {
	const struct assembly *a;
	const struct build_options *options;
	struct ingredients in;
	struct stamp stamp;
	char key[SHA256_HEX_LEN + 1];
	/* Of an image; a tree takes none. */
	char *guest;
	size_t guest_len;
	struct replacement output;
};

static int check_interrupted(const struct assembling *m, struct error *err)
{
	if (*m->options->interrupted)
		return error_set(err, EINTR, "build '%s'", m->a->output);
	return 0;
}

/* ---- The key: a digest over all that the output's bytes follow from ---- */

/* Without times: libguestfs sets those of the kernel that it boots, if it may. */
static int hash_kernel(struct sha256 *ctx, const struct kernel *kernel, struct error *err)
{
	struct stat st;

	if (!kernel->image)
		return 0;
	if (stat(kernel->image, &st) < 0)
		return error_set(err, errno, "look at '%s'", kernel->image);
	const uint64_t numbers[] = {st.st_dev, st.st_ino, st.st_size};
	sha256_add_field(ctx, numbers, sizeof(numbers));
	sha256_add_string(ctx, kernel->image);
	sha256_add_string(ctx, kernel->version);
	return 0;
}

static int make_key(struct assembling *m, struct error *err)
{
	CLEANUP_STRBUF struct strbuf request = {0};
	uint8_t identity[SHA256_LEN];
	struct sha256 ctx;

	sha256_start(&ctx);
	assembly_request(m->a, &request);
	sha256_add_field(&ctx, request.data, request.len);
	if (sha256_add_file(&ctx, m->options->builder, err) < 0 ||
		hash_kernel(&ctx, &m->in.got.kernel, err) < 0)
		return -1;
	sha256_add_field(&ctx, m->guest, m->guest_len);
	tree_identity(m->in.got.tree, identity);
	sha256_add_field(&ctx, identity, sizeof(identity));
	sha256_end_hex(&ctx, m->key);
	return 0;
}

/* ---- The parts of a disk image ---- */

static int create_part(const struct assembling *m, const char *name, struct error *err)
{
	int fd = openat(m->output.fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_set(err, errno, "create '%s/%s'", m->output.temporary, name);
	return fd;
}

/* A copy is to be booted, so it is unpacked; but a kernel that was named is copied as it
 * is. */
static int write_kernel(const struct assembling *m, struct error *err)
{
	const char *image = m->in.got.kernel.image;

	if (!m->a->copy_kernel) {
		if (symlinkat(image, m->output.fd, "kernel") < 0)
			return error_set(err, errno, "create the symlink '%s/kernel'",
				m->output.temporary);
		return 0;
	}
	CLEANUP_CLOSE int fd = create_part(m, "kernel", err);
	if (fd < 0)
		return -1;
	int result = m->a->kernel ? image_copy_kernel(image, fd, err)
				  : image_write_kernel(image, fd, err);
	if (result < 0)
		return error_prefix(err, "write '%s/kernel'", m->output.temporary);
	return 0;
}

static int write_initrd(const struct assembling *m, struct error *err)
{
	const struct kernel *kernel = &m->in.got.kernel;
	CLEANUP(kernel_modules_done) struct kernel_modules modules = {0};
	CLEANUP(kernel_modules_done) struct kernel_modules all = {0};

	if (kernel_modules_closure(kernel, ingredients_boot_modules, &modules, err) < 0 ||
		kernel_modules_closure(kernel, ingredients_all_modules, &all, err) < 0)
		return -1;
	CLEANUP_CLOSE int fd = create_part(m, "initrd", err);
	return fd < 0 ? -1
		      : image_write_initrd(&modules, &all,
				kernel_enforces_signatures(m->a->root, kernel), true,
				m->guest, m->guest_len, fd, err);
}

static int on_progress(uint64_t done, uint64_t total, void *data)
{
	const struct assembling *m = data;

	(void)done;
	(void)total;
	return *m->options->interrupted;
}

/* The size that was asked for; else the default, or more if that leaves too little
 * room. */
static int plan_root(
	const struct assembling *m, struct ext2_plan **ret_plan, struct error *err)
{
	struct ext2_options options = {.size = m->a->size ? m->a->size : DEFAULT_SIZE};
	struct ext2_summary summary;

	int result = ext2_plan_new(m->in.got.tree, &options, ret_plan, err);
	if (m->a->size)
		return result;
	if (result == 0) {
		ext2_plan_summary(*ret_plan, &summary);
		if (summary.free_blocks * (summary.size / summary.blocks) >= DEFAULT_FREE)
			return 0;
		ext2_plan_free(*ret_plan);
	}
	options.size = 0;
	options.free_blocks = DEFAULT_FREE / 4096;
	options.free_inodes = 65536;
	return ext2_plan_new(m->in.got.tree, &options, ret_plan, err);
}

static int write_root(const struct assembling *m, struct error *err)
{
	const struct ext2_emit_options emit = {
		.progress = on_progress, .progress_data = (void *)m};
	struct ext2_emit_stats stats;
	struct ext2_plan *plan;

	CLEANUP_CLOSE int fd = create_part(m, "root", err);
	if (fd < 0 || plan_root(m, &plan, err) < 0)
		return -1;
	int result = ext2_emit(plan, fd, &emit, &stats, err);
	ext2_plan_free(plan);
	if (result < 0)
		return error_prefix(err, "write '%s/root'", m->output.temporary);
	log_info("ext2: wrote the root image: %" PRIu64 " KiB shared, %" PRIu64
		 " KiB copied",
		stats.reflinked / 1024, stats.copied / 1024);
	return 0;
}

static int write_boot(const struct assembling *m, struct error *err)
{
	if (write_kernel(m, err) < 0 || check_interrupted(m, err) < 0)
		return -1;
	return write_initrd(m, err);
}

struct boot_writer {
	const struct assembling *m;
	int result;
	struct error err;
};

static void *write_boot_thread(void *data)
{
	struct boot_writer *w = data;

	w->result = write_boot(w->m, &w->err);
	return NULL;
}

/* Unpacking the kernel keeps one processor busy about as long as writing the root image
 * takes, so the two overlap. */
static int write_image(const struct assembling *m, struct error *err)
{
	struct boot_writer boot = {.m = m};
	pthread_t thread;

	bool beside = pthread_create(&thread, NULL, write_boot_thread, &boot) == 0;
	if (!beside && write_boot(m, err) < 0)
		return -1;
	int result = write_root(m, err);
	if (beside)
		pthread_join(thread, NULL);
	if (result == 0 && boot.result < 0) {
		*err = boot.err;
		result = -1;
	}
	return result;
}

/* ---- The stamp file ---- */

static int flush(const char *path, struct error *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) < 0)
		return error_set(err, errno, "write '%s' to disk", path);
	return 0;
}

static int flush_parts(const struct assembling *m, const char *dir, struct error *err)
{
	static const char *const parts[] = {"root", "initrd", "kernel"};

	/* Without a copy, "kernel" is a symlink to the host's. */
	for (size_t i = 0; i < (m->a->copy_kernel ? 3 : 2); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, parts[i]);
		if (flush(path, err) < 0)
			return -1;
	}
	return 0;
}

/* A tree has too many files to be flushed. */
static bool is_flushed(const struct assembly *a)
{
	return a->if_newer && a->format == ASSEMBLY_EXT2;
}

static int make_stamp(const struct assembling *m, const char *parts_in,
	struct strbuf *ret, struct error *err)
{
	CLEANUP_STRBUF struct strbuf request = {0}, parts = {0};

	if (!assembly_parts(m->a, parts_in, &parts))
		return error_set(err, errno, "look at what is in '%s'", parts_in);
	if (!is_flushed(m->a)) {
		CLEANUP_FREE char *boot = boot_id_read();
		strbuf_adds(&parts, *boot ? boot : "an unknown one");
	}
	assembly_request(m->a, &request);
	strbuf_add(ret, ASSEMBLY_MAGIC, sizeof(ASSEMBLY_MAGIC));
	strbuf_add(ret, request.data, request.len + 1);
	strbuf_add(ret, m->key, sizeof(m->key));
	strbuf_add(ret, parts.data, parts.len + 1);
	strbuf_add(ret, m->stamp.fields.data, m->stamp.fields.len);
	return 0;
}

/* A tree's stamp lies beside it, in a directory that others may write to: their links are
 * not followed. */
static int write_stamp_file(const struct assembling *m, const char *path,
	const char *parts_in, struct error *err)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	CLEANUP_FREE char *temporary = xasprintf("%s.%d", path, (int)getpid());

	if (make_stamp(m, parts_in, &text, err) < 0)
		return -1;
	unlink(temporary);
	CLEANUP_CLOSE int fd =
		open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_set(err, errno, "create '%s'", temporary);
	if (io_write_full(fd, text.data, text.len) < 0 ||
		(is_flushed(m->a) && fdatasync(fd) < 0) || rename(temporary, path) < 0) {
		int num = errno;
		unlink(temporary);
		return error_set(err, num, "write '%s'", path);
	}
	return 0;
}

/* Beside a tree the stamp is written only if --if-newer will read it. */
static bool wants_stamp(const struct assembly *a)
{
	return a->format == ASSEMBLY_EXT2 || a->if_newer;
}

static int write_stamp(const struct assembling *m, const char *dir, struct error *err)
{
	CLEANUP_FREE char *path = assembly_stamp_path(m->a, dir);

	if (!wants_stamp(m->a)) {
		unlink(path);
		return 0;
	}
	if (is_flushed(m->a) && flush_parts(m, dir, err) < 0)
		return -1;
	return write_stamp_file(m, path, dir, err);
}

/* ---- All of it ---- */

static int write_output(struct assembling *m, struct error *err)
{
	if (replacement_begin(m->a->output, &m->output, err) < 0)
		return -1;
	int result = m->a->format == ASSEMBLY_CHROOT
		? chroot_write(m->in.got.tree, m->output.fd, m->output.temporary,
			  m->a->privileged, m->options->interrupted, err)
		: write_image(m, err);
	/* An image and its stamp are published in one step. */
	if (result == 0 && m->a->format == ASSEMBLY_EXT2)
		result = write_stamp(m, m->output.temporary, err);
	if (result == 0)
		result = check_interrupted(m, err);
	if (result == 0)
		result = replacement_publish(&m->output, err);
	if (result < 0)
		check_interrupted(m, err); /* an interrupt is why it failed */
	replacement_done(&m->output);
	if (result == 0 && m->a->format == ASSEMBLY_CHROOT)
		result = write_stamp(m, m->a->output, err);
	return result;
}

static bool has_key(const struct assembling *m)
{
	struct assembly_stamp s = {0};
	bool same = m->a->if_newer && assembly_stamp_read(m->a, &s) &&
		strcmp(s.key, m->key) == 0 && assembly_stamp_has_output(m->a, &s);

	assembly_stamp_done(&s);
	return same;
}

/* The guest program for the kernel's architecture. */
static int read_guest(struct assembling *m, struct error *err)
{
	const struct architecture *architecture = m->in.got.kernel.architecture
		? m->in.got.kernel.architecture
		: ingredients_architecture(m->a, err);

	if (!architecture)
		return -1;
	CLEANUP_FREE char *path = build_guest_path(m->options, architecture);
	stamp_add(&m->stamp, path);
	return build_read_guest(path, architecture, &m->guest, &m->guest_len, err);
}

static int gather(struct assembling *m, struct error *err)
{
	stamp_start(&m->stamp);
	stamp_add(&m->stamp, m->options->builder);
	if (ingredients_gather(m->a, &m->in, &m->stamp, err) < 0)
		return -1;
	if (m->a->format == ASSEMBLY_EXT2 && read_guest(m, err) < 0)
		return -1;
	return make_key(m, err);
}

int assemble(
	const struct assembly *a, const struct build_options *options, struct error *err)
{
	struct assembling m = {.a = a, .options = options, .output = {.fd = -1}};

	int result = gather(&m, err);
	if (result == 0)
		result = check_interrupted(&m, err);
	if (result == 0 && has_key(&m)) {
		result = write_stamp(&m, a->output, err) < 0 ? -1 : 1;
	} else if (result == 0) {
		result = write_output(&m, err);
	}
	ingredients_done(&m.in);
	stamp_done(&m.stamp);
	free(m.guest);
	return result;
}
