/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hot half of making an appliance from inputs: the lock, the stamp, starting the
 * builder. */
#include "appliance/assembly.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/builder.h"
#include "base/boot-id.h"
#include "base/control.h"
#include "base/io.h"
#include "base/log.h"
#include "cache/stamp.h"
#include "config.h"

/* ---- The stamp file ---- */

static void add_field(struct strbuf *sb, const char *name, const char *value)
{
	if (value)
		strbuf_addf(sb, "%s=%s\n", name, value);
}

void assembly_request(const struct assembly *a, struct strbuf *ret)
{
	strbuf_addf(ret, "hypermin %s\nformat=%d size=%" PRIu64 " copy=%d list=%d\n",
		HYPERMIN_VERSION, a->format, a->size, a->copy_kernel, a->package_list);
	if (a->privileged)
		strbuf_adds(ret, "privileged\n");
	if (a->clamp_mtime)
		strbuf_addf(ret, "epoch=%" PRId64 "\n", a->epoch);
	add_field(ret, "root", a->root);
	add_field(ret, "cpu", a->cpu);
	add_field(ret, "kernel", a->kernel);
	add_field(ret, "kernel_version", a->kernel_version);
	add_field(ret, "modules", a->modules_dir);
	vector_foreach (input, &a->inputs)
		add_field(ret, "input", *input);
	vector_foreach (tree, &a->trees)
		add_field(ret, "tree", *tree);
}

/* Without times: libguestfs sets them to the present at every launch, so that nothing
 * cleans its files out of /var/tmp. */
static bool add_part(struct strbuf *sb, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	strbuf_addf(sb, "%jx:%jx:%jd ", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
		S_ISDIR(st.st_mode) ? 0 : (intmax_t)st.st_size);
	return true;
}

bool assembly_parts(const struct assembly *a, const char *dir, struct strbuf *ret)
{
	static const char *const parts[] = {"kernel", "initrd", "root"};

	if (a->format == ASSEMBLY_CHROOT)
		return add_part(ret, dir);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, parts[i]);
		if (!add_part(ret, path))
			return false;
	}
	return true;
}

char *assembly_stamp_path(const struct assembly *a, const char *dir)
{
	if (a->format == ASSEMBLY_EXT2)
		return xasprintf("%s/" ASSEMBLY_STAMP, dir);
	/* Beside the tree, which holds nothing but what was asked for. */
	const char *slash = strrchr(a->output, '/');
	return xasprintf("%.*s/.%s" ASSEMBLY_STAMP, (int)(slash - a->output), a->output,
		slash + 1);
}

/* The next field, or NULL at the end or where a NUL is missing. */
static const char *next_field(const char **pos, const char *end)
{
	const char *field = *pos;
	const char *nul = memchr(field, '\0', end - field);

	if (nul)
		*pos = nul + 1;
	return nul ? field : NULL;
}

bool assembly_stamp_read(const struct assembly *a, struct assembly_stamp *ret)
{
	CLEANUP_FREE char *path = assembly_stamp_path(a, a->output);
	CLEANUP_STRBUF struct strbuf wanted = {0};
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, ASSEMBLY_STAMP_MAX, &data, &len, NULL) < 0)
		return false;
	const char *pos = data, *end = data + len;
	const char *magic = next_field(&pos, end);
	const char *request = magic ? next_field(&pos, end) : NULL;
	const char *key = request ? next_field(&pos, end) : NULL;
	const char *parts = key ? next_field(&pos, end) : NULL;
	if (!parts || strcmp(magic, ASSEMBLY_MAGIC) != 0)
		return false;
	assembly_request(a, &wanted);
	if (strcmp(request, wanted.data) != 0)
		return false;
	*ret = (struct assembly_stamp){NULL, key, parts, pos, end - pos};
	ret->data = TAKE_PTR(data);
	return true;
}

void assembly_stamp_done(struct assembly_stamp *s)
{
	free(s->data);
	*s = (struct assembly_stamp){0};
}

bool assembly_stamp_has_output(const struct assembly *a, const struct assembly_stamp *s)
{
	CLEANUP_STRBUF struct strbuf parts = {0};

	if (!assembly_parts(a, a->output, &parts) ||
		strncmp(s->parts, parts.data, parts.len) != 0)
		return false;
	const char *known_in = s->parts + parts.len;
	CLEANUP_FREE char *boot = *known_in ? boot_id_read() : NULL;
	return !boot || strcmp(known_in, boot) == 0;
}

static bool is_current(const struct assembly *a)
{
	struct assembly_stamp s = {0};
	bool current = assembly_stamp_read(a, &s) && assembly_stamp_has_output(a, &s) &&
		stamp_fits(s.fields, s.fields_len);

	assembly_stamp_done(&s);
	return current;
}

/* ---- The lock ---- */

/* How often a lock that is taken is asked for again. */
#define LOCK_PATIENCE_MS 20

/*
 * The kind of lock that supermin takes, so that the two exclude each other. It is polled:
 * a process that waits inside the call would not hear of an interrupt.
 */
static int take_lock(const char *path, int control_fd, struct error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct pollfd pfd = {control_fd, POLLIN, 0};
	struct control_message message;
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_set(err, errno, "open the lock file '%s'", path);
	log_info("acquiring lock on %s", path);
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return error_set(err, errno, "lock '%s'", path);
		if (poll(&pfd, 1, LOCK_PATIENCE_MS) > 0 &&
			control_read(control_fd, &message) &&
			message.what == CONTROL_INTERRUPT)
			return control_error(message.signal, err);
	}
	return TAKE_FD(fd);
}

/* ---- The builder ---- */

static int run_builder(const struct assembly *a, const char *builder, int control_fd,
	bool *ret_made, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	struct builder_listener listener = {0};

	strvec_add(&argv, builder);
	strvec_add(&argv, "assemble");
	assembly_argv(a, &argv);
	if (builder_run(&argv, control_fd, &listener, err) < 0)
		return -1;
	*ret_made = !listener.unchanged;
	return 0;
}

int assembly_make(const struct assembly *a, const char *lock, const char *builder,
	int control_fd, bool *ret_made, struct error *err)
{
	CLEANUP_CLOSE int lock_fd = lock ? take_lock(lock, control_fd, err) : -1;

	if (lock && lock_fd < 0)
		return -1;
	if (a->if_newer && is_current(a)) {
		*ret_made = false;
		return 0;
	}
	return run_builder(a, builder, control_fd, ret_made, err);
}
