/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From bytes to handlers: messages, the table of opcodes, the one parser of arguments.
 * What it lets through has the form that the protocol says; server.h has the picture.
 */
#include <errno.h>
#include <string.h>

#include "share/server.h"

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

static request_handler handle_nothing;

#define STRUCT(member) sizeof(((struct request *)0)->in.member)

/* An opcode that has no row is answered with ENOSYS. The guest's kernel does not ask
 * again, and does itself what can be done: locks, access checks, copies. */
static const struct row rows[] = {
	/* Since minor 36 the struct is longer. */
	[FUSE_INIT] = {handle_init, 4 * sizeof(uint32_t), ANY_NODE},
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
	/* RENAME2 with no flags: the rest of the struct stays zero. */
	[FUSE_RENAME] = {handle_rename, sizeof(struct fuse_rename_in), CHANGES, "nn"},
	[FUSE_RENAME2] = {handle_rename, STRUCT(rename), CHANGES, "nn"},

	[FUSE_GETXATTR] = {handle_getxattr, STRUCT(getxattr), 0, "t"},
	[FUSE_LISTXATTR] = {handle_listxattr, STRUCT(getxattr)},
	/* The struct is longer for a server that asks for SETXATTR_EXT. */
	[FUSE_SETXATTR] = {handle_setxattr, 2 * sizeof(uint32_t), CHANGES, "t"},
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
	/* Not each time, or a large rest would be moved again and again. */
	if (s->out_sent >= s->out.len - s->out_sent) {
		strbuf_consume(&s->out, s->out_sent);
		s->out_sent = 0;
	}
}

static int handle_nothing(struct share *s, struct request *r)
{
	(void)s;
	(void)r;
	return 0;
}
