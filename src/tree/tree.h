/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The merged file tree: every file that goes into an image, with all of its metadata and
 * where its content comes from. No content is held here but small in-memory files.
 *
 *	directory trees ─┐
 *	archives ────────┼──► tree_add_…()  ──►  tree  ──►  ext2 plan
 *	single files ────┘     later ones win
 *
 * A *name* (struct tree_entry) is in one directory and points to an *inode*; an inode with
 * hard links has several names. Paths are resolved inside the tree: where `lib` is a
 * symlink to `usr/lib`, adding `lib/x` adds `usr/lib/x`. The links of the host are never
 * followed, `..` never leads above the root, and nothing read from an archive can name a
 * place outside the tree.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/vector.h"

struct tree;
struct tree_inode;

/* Packed: there is one in every inode. */
struct tree_time {
	int64_t sec;   /* since 1970, negative before */
	uint32_t nsec; /* 0 to 999,999,999 */
} __attribute__((packed, aligned(4)));

bool tree_time_is_later(const struct tree_time *a, const struct tree_time *b);

struct tree_xattr {
	const char *name; /* whole, with its namespace: "user.mime_type" */
	const void *value;
	uint32_t len;
};

/* A run of data in a sparse file; what lies between two runs reads as zeros. */
struct tree_extent {
	uint64_t offset; /* in the file */
	uint64_t len;
};

enum tree_content_kind {
	TREE_CONTENT_NONE,   /* not a regular file, or an empty one */
	TREE_CONTENT_MEMORY, /* bytes in the tree's arena */
	TREE_CONTENT_FILE,   /* a file on the host, opened when it is copied */
	TREE_CONTENT_SPOOL,  /* a slice of a spool file made from an archive */
};

/*
 * One file, in the tree's arena. There may be hundreds of thousands, so members that only
 * one type of file has share their place: look at the mode first.
 */
struct tree_inode {
	/* Type and permissions, as in st_mode. */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	/* Names in the tree; for a directory 2 + subdirectories. Set by tree_finish(). */
	uint32_t nlink;
	/* In walk order from 0 (the root), set by tree_finish(). */
	uint32_t index;
	uint32_t n_xattrs;
	uint32_t n_extents;
	enum tree_content_kind content : 8;
	bool all_hole;
	/* tree_identity() reads the content instead of trusting the file's times. */
	bool by_content;
	/* An archive has brought it. */
	bool foreign;
	/* One time for all three: atime and ctime say when the input was read and written,
	 * and the same input must give the same bytes. */
	union {
		struct tree_time mtime, atime, ctime;
	};
	/* A regular file's content's or a symlink's target's; else 0. */
	uint64_t size;
	/* Sorted by name, no duplicates. */
	const struct tree_xattr *xattrs;
	union {
		/* Directory: its names. */
		struct tree_dir *dir;
		/* Symlink: NUL-terminated, 1 to 4095 bytes of any other value. */
		const char *target;
		/* Device. */
		struct {
			uint32_t rdev_major;
			uint32_t rdev_minor;
		};
		/* Regular file: where its data is. n_extents == 0 means from 0 to size,
		 * unless all_hole. Ascending, not touching, none empty, within size. */
		const struct tree_extent *extents;
	};
	/* Regular file: private to the tree. */
	const void *source;
};

struct tree_entry {
	const char *name; /* no slash, not "." or "..", 1 to 255 bytes */
	struct tree_inode *inode;
};

/* What came of looking for something, or of adding it. */
enum tree_result {
	TREE_FAILED = -1,
	TREE_DONE = 0,
	/* There is no such thing, which is no error. */
	TREE_ABSENT = 1,
};

/* How inputs are taken. Zero bytes are the default. */
struct tree_options {
	/* Every file gets this owner. */
	bool set_owner;
	uint32_t uid, gid;
	/* Later times become this one. */
	bool clamp_mtime;
	struct tree_time mtime_max;
	/* Archives may have this many bytes of data in one file, and some times as much in
	 * all; 0: any number. */
	uint64_t max_data;
	/* A file that can't be read is left out, and on_skip is called; else it is an
	 * error. */
	bool skip_unreadable;
	/* Where a file system of the kernel's own is mounted (base/kernel-fs.h) there is an
	 * empty directory. */
	bool skip_kernel_fs;
	void (*on_skip)(const char *path, const char *reason, void *data);
	void *on_skip_data;
};

/* An empty root directory, root:root, mode 0755, time 0. */
struct tree *tree_new(const struct tree_options *options);
void tree_free(struct tree *t);

/*
 * Of extended attributes all inputs bring `user.*`, `trusted.*`, `security.*` and POSIX
 * ACLs (`system.posix_acl_access` and `_default`, as getxattr() gives them). Other
 * `system.*` ones are how a file system shows its own metadata.
 */

/*
 * Add the directory `dir` of the host, all that is in it and its own metadata, at `at`
 * ("/" for the root). Merges into what is there: where a directory meets a directory, or a
 * symlink to one, the latter stays; anything else is replaced. File systems that are
 * mounted in it are read too, as by cp and tar.
 */
int tree_add_directory(
	struct tree *t, const char *dir, const char *at, struct error *err);
/* The same of an open directory; `dir` is for messages. */
int tree_add_open_directory(
	struct tree *t, int fd, const char *dir, const char *at, struct error *err);

/*
 * Add one path of the host below `root`, without what is in it if it is a directory, with
 * its ancestors and their metadata where the tree does not have them. An ancestor that is
 * a symlink on the host (`/lib`) is added as that symlink, and its target's directories
 * too. TREE_ABSENT: the path does not exist on the host, or was left out as unreadable; its
 * ancestors may have been added.
 */
enum tree_result tree_add_path(
	struct tree *t, const char *root, const char *path, struct error *err);
/* The same under another name: the file that the host has at `path` gets to `at`. */
enum tree_result tree_add_path_as(struct tree *t, const char *root, const char *path,
	const char *at, struct error *err);

/* Add one file of the host below `root` as `at`, without the directories that it is in:
 * missing ancestors of `at` become root:root 0755. No symlink on its way is followed. */
enum tree_result tree_add_single(struct tree *t, const char *root, const char *path,
	const char *at, struct error *err);

struct tree_archive {
	/* Read to its end; need not be seekable. */
	int fd;
	/* The archive is this part of the file; 0: it is the whole file. */
	uint64_t offset, size;
	/* For errors. */
	const char *name;
	/* Where it is put, "/" for the root. */
	const char *at;
	/* Contents wait here in an unlinked file until they are copied. */
	const char *spool_dir;
	/* It is a layer of a container image: whiteouts in it remove what the tree has, and
	 * a directory replaces a symlink. */
	bool is_layer;
	/* The tree's identity has its content, so that a copy is the same. Otherwise it has
	 * the file's times, unless the file has none (a pipe). */
	bool by_content;
	/* The SHA-256 of the archive as it is in the file, or decompressed, in hexadecimal; or
	 * NULL. An archive with another one is an error. It stands for the content. */
	const char *digest, *plain_digest;
};

/*
 * Add an archive: tar in all its forms (GNU and PAX sparse entries, xattrs, ACLs) and cpio,
 * plain or compressed, and others appended to it as by cat. It is an error if the archive is
 * empty or damaged, if it ends without its end mark, or if an entry can't be stored as it
 * is.
 */
int tree_add_archive(
	struct tree *t, const struct tree_archive *archive, struct error *err);

/* A file from memory, but no device. */
struct tree_file {
	/* Type and permissions, as in st_mode. */
	uint32_t mode;
	uint32_t uid, gid;
	struct tree_time mtime;
	/* A regular file's content, or a symlink's target. */
	const void *data;
	size_t len;
};

/* Add a file from memory, which is copied. Missing ancestors become root:root 0755. */
int tree_add_file(struct tree *t, const char *path, const struct tree_file *file,
	struct error *err);

/* After the last input: the root directory gets this owner, or these permissions (up to
 * 07777), whatever inputs and options said. New permissions replace an access ACL. */
void tree_set_root_owner(struct tree *t, uint32_t uid, uint32_t gid);
void tree_set_root_mode(struct tree *t, uint32_t permissions);

/* Take a name out, with all below it. */
enum tree_result tree_remove(struct tree *t, const char *path);

/* The inode at a path resolved inside the tree; a symlink at its end is not followed.
 * NULL: none. */
struct tree_inode *tree_lookup(const struct tree *t, const char *path);

/*
 * Sort names, count links, number the inodes. Call once after the last tree_add_…(); what
 * follows here needs it.
 */
void tree_finish(struct tree *t);

struct tree_inode *tree_root(const struct tree *t);
/* Inodes, by index. Their order does not depend on the order of input. */
uint32_t tree_inode_count(const struct tree *t);
struct tree_inode *tree_inode_at(const struct tree *t, uint32_t index);
/* One of the inode's names, as an absolute path, for messages. Caller frees. */
char *tree_inode_path(const struct tree *t, const struct tree_inode *inode);
/* A directory's names, sorted bytewise. Valid as long as the tree. */
const struct tree_entry *tree_dir_entries(const struct tree_inode *dir, size_t *ret_len);

/*
 * SHA-256 over all names and metadata; of contents: bytes in memory, and for host files
 * size, mtime, ctime, device and inode number; or the bytes, where by_content says so.
 * Two trees with equal identities give equal images. It is not the reproducible UUID's
 * source: that must not depend on the host's inode numbers.
 */
void tree_identity(const struct tree *t, uint8_t ret_sha256[static 32]);

/*
 * Open a regular file's content (kind FILE or SPOOL): a descriptor for the caller to
 * close, and where in it offset 0 of the file lies. It may share its position with
 * others: use pread() and copy_file_range() with offsets. An error if the file is not the
 * one that was added. Thread-safe.
 */
int tree_content_open(const struct tree_inode *inode, int *ret_fd, uint64_t *ret_offset,
	struct error *err);
/* After copying: an error that names the file if it changed since it was added. */
int tree_content_verify(const struct tree_inode *inode, int fd, struct error *err);
/* The bytes of a file of kind MEMORY. */
const void *tree_content_memory(const struct tree_inode *inode);
