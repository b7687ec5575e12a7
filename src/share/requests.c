/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From bytes to handlers: messages, the table of opcodes, the one parser of arguments.
 * What it lets through has the form that the protocol says; server.h has the picture.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>

#include "base/io.h"
#include "share/mounts.h"
#include "share/server.h"

/* The oldest that is understood: Linux 4.20's. READDIRPLUS and 64-byte replies to INIT are
 * older; MAX_PAGES and CACHE_SYMLINKS came with 28. */
#define MINOR_MIN 27
/* HANDLE_KILLPRIV_V2 came with this one. */
#define MINOR_MAX 33

#define DESCRIPTORS_MAX (1u << 16)

/* As much output as is collected before the guest has to take some. */
#define OUTPUT_MAX (4u << 20)

enum {
	/* The guest's kernel waits for no answer. */
	NO_REPLY = 1,
	/* For a node that the guest may have forgotten, or for none. */
	ANY_NODE = 2,
	/* Something of the host changes. */
	CHANGES = 4,
};

struct row {
	request_handler *handle;
	/* Of the struct that comes first. */
	uint16_t size;
	uint16_t flags;
	/* What follows it: "n" is a name in a directory, "t" any text. */
	const char *strings;
};

static request_handler handle_init, handle_destroy, handle_nothing;

#define STRUCT(member) sizeof(((struct request *)0)->in.member)

/* An opcode that has no row is answered with ENOSYS. The guest's kernel does not ask
 * again, and does itself what can be done: locks, access checks, copies. */
static const struct row rows[] = {
	/* The struct was shorter before minor 36. */
	[FUSE_INIT] = {handle_init, offsetof(struct fuse_init_in, flags2), ANY_NODE},
	[FUSE_DESTROY] = {handle_destroy, 0, ANY_NODE},
	[FUSE_INTERRUPT] = {handle_nothing, 0, ANY_NODE | NO_REPLY},
	[FUSE_NOTIFY_REPLY] = {handle_nothing, 0, ANY_NODE | NO_REPLY},

	[FUSE_LOOKUP] = {handle_lookup, 0, 0, "n"},
	[FUSE_FORGET] = {handle_forget, STRUCT(forget), NO_REPLY},
	[FUSE_BATCH_FORGET] = {handle_batch_forget, STRUCT(batch_forget),
		ANY_NODE | NO_REPLY},
	[FUSE_GETATTR] = {handle_getattr, STRUCT(getattr)},
	[FUSE_READLINK] = {handle_readlink},
	[FUSE_STATFS] = {handle_statfs},

	[FUSE_OPEN] = {handle_open, STRUCT(open)},
	[FUSE_READ] = {handle_read, STRUCT(read)},
	[FUSE_LSEEK] = {handle_lseek, STRUCT(lseek)},
	[FUSE_RELEASE] = {handle_release, STRUCT(release), ANY_NODE},
	[FUSE_FSYNC] = {handle_fsync, STRUCT(fsync)},
	[FUSE_WRITE] = {handle_write, STRUCT(write), CHANGES},
	[FUSE_FALLOCATE] = {handle_fallocate, STRUCT(fallocate), CHANGES},
	[FUSE_SETATTR] = {handle_setattr, STRUCT(setattr), CHANGES},

	[FUSE_OPENDIR] = {handle_opendir, STRUCT(open)},
	[FUSE_READDIR] = {handle_readdir, STRUCT(read)},
	[FUSE_READDIRPLUS] = {handle_readdirplus, STRUCT(read)},
	[FUSE_RELEASEDIR] = {handle_releasedir, STRUCT(release), ANY_NODE},
	[FUSE_FSYNCDIR] = {handle_fsyncdir, STRUCT(fsync)},

	[FUSE_CREATE] = {handle_create, STRUCT(create), CHANGES, "n"},
	[FUSE_MKNOD] = {handle_mknod, STRUCT(mknod), CHANGES, "n"},
	[FUSE_MKDIR] = {handle_mkdir, STRUCT(mkdir), CHANGES, "n"},
	[FUSE_SYMLINK] = {handle_symlink, 0, CHANGES, "nt"},
	[FUSE_LINK] = {handle_link, STRUCT(link), CHANGES, "n"},
	[FUSE_UNLINK] = {handle_unlink, 0, CHANGES, "n"},
	[FUSE_RMDIR] = {handle_rmdir, 0, CHANGES, "n"},
	/* It has no flags, and is else the same. */
	[FUSE_RENAME] = {handle_rename, sizeof(struct fuse_rename_in), CHANGES, "nn"},
	[FUSE_RENAME2] = {handle_rename, STRUCT(rename), CHANGES, "nn"},

	[FUSE_GETXATTR] = {handle_getxattr, STRUCT(getxattr), 0, "t"},
	[FUSE_LISTXATTR] = {handle_listxattr, STRUCT(getxattr)},
	/* The longer struct is for those that ask for SETXATTR_EXT. */
	[FUSE_SETXATTR] = {handle_setxattr, FUSE_COMPAT_SETXATTR_IN_SIZE, CHANGES, "t"},
	[FUSE_REMOVEXATTR] = {handle_removexattr, 0, CHANGES, "t"},
};

/* One component, which neither stays in the directory nor leaves it. */
static bool is_name(const char *name)
{
	return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		!strchr(name, '/');
}

static int parse_arguments(const struct row *row, struct request *r)
{
	const char **to[] = {&r->name, &r->second};

	if (r->data_len < row->size)
		return -EINVAL;
	if (row->size > 0)
		memcpy(&r->in, r->data, row->size);
	r->data += row->size;
	r->data_len -= row->size;
	for (size_t i = 0; row->strings && row->strings[i]; i++) {
		const char *end = memchr(r->data, '\0', r->data_len);

		if (!end || (row->strings[i] == 'n' && !is_name(r->data)))
			return -EINVAL;
		*to[i] = r->data;
		r->data_len -= end + 1 - r->data;
		r->data = end + 1;
	}
	return 0;
}

static int run(struct share *s, const struct row *row, struct request *r)
{
	int result;

	if (!s->started && row->handle != handle_init)
		return -EIO;
	result = parse_arguments(row, r);
	if (result < 0)
		return result;
	if (!(row->flags & ANY_NODE)) {
		r->node = nodes_get(&s->nodes, r->header.nodeid);
		if (!r->node)
			return -ESTALE;
	}
	if (row->flags & CHANGES &&
		(node_mode(s, r->node) != SHARE_RW || r->node->hidden))
		return -EROFS;
	return row->handle(s, r);
}

static void tell_outdated(struct share *s)
{
	const struct {
		struct fuse_out_header header;
		struct fuse_notify_inval_inode_out body;
	} out = {
		.header = {.len = sizeof(out), .error = FUSE_NOTIFY_INVAL_INODE},
		/* Its attributes, not its content. */
		.body = {.ino = s->outdated, .off = -1},
	};

	strbuf_add(&s->out, &out, sizeof(out));
	s->outdated = 0;
}

static void answer(struct share *s, struct request *r)
{
	static const struct row none;
	const struct row *row =
		r->header.opcode < ARRAY_SIZE(rows) ? &rows[r->header.opcode] : &none;
	struct fuse_out_header header = {.unique = r->header.unique};
	size_t begin = s->out.len;

	strbuf_add(&s->out, &header, sizeof(header));
	s->nodes.request++;
	header.error = row->handle ? run(s, row, r) : -ENOSYS;
	if (row->flags & NO_REPLY) {
		s->out.len = begin;
		return;
	}
	if (header.error < 0)
		s->out.len = begin + sizeof(header);
	header.len = s->out.len - begin;
	memcpy(s->out.data + begin, &header, sizeof(header));
	if (s->outdated)
		tell_outdated(s);
}

ssize_t share_take(struct share *s, const void *data, size_t len, struct error *err)
{
	size_t taken = 0;

	while (s->out.len - s->out_sent < OUTPUT_MAX) {
		struct request r = {.data = (const char *)data + taken};

		if (len - taken < sizeof(r.header))
			break;
		memcpy(&r.header, r.data, sizeof(r.header));
		if (r.header.len < sizeof(r.header) || r.header.len > SHARE_MESSAGE_MAX)
			return error_set(err, 0,
				"the guest sent what is no message of its kernel "
				"(%u bytes long)",
				r.header.len);
		if (len - taken < r.header.len)
			break;
		r.data += sizeof(r.header);
		r.data_len = r.header.len - sizeof(r.header);
		answer(s, &r);
		taken += r.header.len;
	}
	return taken;
}

const void *share_output(const struct share *s, size_t *ret_len)
{
	*ret_len = s->out.len - s->out_sent;
	return s->out.data + s->out_sent;
}

void share_output_sent(struct share *s, size_t len)
{
	s->out_sent += len;
	if (s->out_sent == s->out.len) {
		strbuf_clear(&s->out);
		s->out_sent = 0;
	}
}

static int handle_nothing(struct share *s, struct request *r)
{
	(void)s;
	(void)r;
	return 0;
}

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
		if (mounts_is_kernels(d->fd) || st.st_dev == s->devtmpfs)
			return error_set(err, 0,
				"share %s belongs to a file system of the kernel (such "
				"as proc or sysfs), which can't be shared",
				d->name);
		nodes_add_share(&s->nodes, d->name, i, d->fd, &st);
	}
	return 0;
}

/* A guest may mount again: nothing remains of what it knew. */
static int handle_init(struct share *s, struct request *r)
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
	if (begin(s, &ignored))
		return -EIO;
	out.minor = MIN(in->minor, MINOR_MAX);
	/* A newer major version: the guest says INIT again, with this one. */
	s->started = in->major == FUSE_KERNEL_VERSION;
	out.max_readahead = in->max_readahead;
	out.flags = in->flags & wanted;
	s->data_max = out.flags & FUSE_MAX_PAGES ? SHARE_DATA_MAX : 32 * 4096;
	out.max_write = s->data_max;
	out.max_pages = SHARE_DATA_MAX / 4096;
	out.time_gran = 1;
	/* So that reading ahead keeps the socket busy. */
	out.max_background = 64;
	out.congestion_threshold = 48;
	reply_add(s, &out, sizeof(out));
	return 0;
}

static int handle_destroy(struct share *s, struct request *r)
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
	/* Some are for the moment, and for the shares. The host has a limit for all
	 * processes, which no guest is to reach. */
	s->descriptors = MIN(limit.rlim_cur, DESCRIPTORS_MAX);
	s->descriptors -= MIN(s->descriptors / 2, 32 + count);
	if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &mounts, &len,
		    &ignored) == 0)
		s->devtmpfs = mounts_devtmpfs(mounts);
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
