/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server from its beginning to its end, and each mount of the guest: INIT to DESTROY. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/io.h"
#include "base/kernel-fs.h"
#include "share/server.h"

/* Linux 4.18's, and older than what is offered to the guest below. */
#define MINOR_MIN 27
/* HANDLE_KILLPRIV_V2 came with this one, and older headers lack it. */
#define MINOR_MAX 33
#ifndef FUSE_HANDLE_KILLPRIV_V2
#define FUSE_HANDLE_KILLPRIV_V2 (1 << 28)
#endif

/* What the guest's kernel reads at once where a page of a program is needed for the first time. With
 * its own default, 128 KiB, an emulated guest copies far more than it needs. Reading a file in
 * order is slower with that, too. */
#define READ_AHEAD_MAX (64u << 10)

/* The host has a limit for all processes, which no guest is to reach. */
#define DESCRIPTORS_MAX (1u << 16)

static void forget_all(struct share *s)
{
	handles_done(&s->handles);
	nodes_done(&s->nodes);
}

/* An empty table, with the shares. */
static int begin(struct share *s, struct error *err)
{
	nodes_init(&s->nodes, s->descriptors / 4);
	handles_init(&s->handles, s->descriptors - s->descriptors / 4);
	for (size_t i = 0; i < s->count; i++) {
		const struct share_directory *d = &s->directories[i];
		struct stat st;

		if (fstat(d->fd, &st) || !S_ISDIR(st.st_mode))
			return error_set(err, 0, "share %s is not a directory", d->name);
		if (kernel_fs_is(d->fd) || st.st_dev == s->devtmpfs)
			return error_set(err, 0,
				"share %s belongs to a file system of the kernel (such "
				"as proc or sysfs), which can't be shared",
				d->name);
		nodes_add_share(&s->nodes, d->name, i, d->fd, &st);
	}
	return 0;
}

/* A guest may mount again: nothing remains of what it knew. */
int handle_init(struct share *s, struct request *r)
{
	const uint32_t wanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES |
		FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO |
		FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS |
		FUSE_HANDLE_KILLPRIV_V2;
	const struct fuse_init_in *in = &r->in.init;
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION};
	struct error ignored;

	if (in->major < FUSE_KERNEL_VERSION ||
		(in->major == FUSE_KERNEL_VERSION && in->minor < MINOR_MIN))
		return -EPROTO;
	forget_all(s);
	s->started = false;
	if (begin(s, &ignored))
		return -EIO;
	out.minor = MIN(in->minor, MINOR_MAX);
	/* A newer major version: the guest says INIT again, with this one. */
	s->started = in->major == FUSE_KERNEL_VERSION;
	out.max_readahead = MIN(in->max_readahead, READ_AHEAD_MAX);
	out.flags = in->flags & wanted;
	s->data_max = out.flags & FUSE_MAX_PAGES ? ATTACH_DATA_MAX : 32 * 4096;
	out.max_write = s->data_max;
	out.max_pages = ATTACH_DATA_MAX / 4096;
	out.time_gran = 1;
	/* So that reading ahead keeps the socket busy. */
	out.max_background = 64;
	out.congestion_threshold = 48;
	reply_add(s, &out, sizeof(out));
	return 0;
}

int handle_destroy(struct share *s, struct request *r)
{
	struct error ignored;

	(void)r;
	forget_all(s);
	s->started = false;
	return begin(s, &ignored) ? -EIO : 0;
}

struct share *share_new(const struct share_directory *directories, size_t count,
	const struct share_root_owner *root, struct error *err)
{
	struct share *s = xcalloc(1, sizeof(*s));
	CLEANUP_FREE char *mounts = NULL;
	struct rlimit limit = {.rlim_cur = 1024};
	struct error ignored;
	size_t len;

	s->directories = directories;
	s->count = count;
	s->root = *root;
	s->privileged = geteuid() == 0;
	for (size_t i = 0; i < count; i++)
		s->has_xattrs |= directories[i].mode == SHARE_RO ||
			directories[i].mode == SHARE_RW;
	getrlimit(RLIMIT_NOFILE, &limit);
	/* Some are for the moment, and for the shares. */
	s->descriptors = MIN(limit.rlim_cur, DESCRIPTORS_MAX);
	s->descriptors -= MIN(s->descriptors / 2, 32 + count);
	if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &mounts, &len,
		    &ignored) == 0)
		s->devtmpfs = kernel_fs_devtmpfs(mounts);
	if (begin(s, err)) {
		share_free(s);
		return NULL;
	}
	return s;
}

void share_free(struct share *s)
{
	if (!s)
		return;
	forget_all(s);
	strbuf_done(&s->out);
	free(s);
}
