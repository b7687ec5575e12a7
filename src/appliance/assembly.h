/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An appliance in a directory of the caller's, made from inputs that say what goes in:
 *
 *	inputs ──► assembly_make() ──stamp fits──────────────────► nothing to do
 *	                 │ no                                         ▲
 *	                 └──► the builder program ──► assemble() ─────┘
 *
 * This half is hot: it takes the lock and reads the stamp file. The other half is in
 * src/assemble. The output is either a disk image, with a kernel and an initrd that boot it
 * and execute its /init, or a directory tree.
 *
 *	OUT/kernel OUT/initrd OUT/root OUT/.hypermin-stamp     for an image
 *	OUT/… and beside it .OUT.hypermin-stamp                for a tree
 *
 * The stamp file is a row of NUL-terminated fields: a magic word, what was asked for, the
 * key of what was made, and what stat() says of the output's files. Behind them is the
 * stamp (cache/stamp.h) of what the output depends on.
 *
 * After a power cut the stamp file may be there without the last writes to the output. So
 * an image made with if_newer, which may be found current for months, is flushed to disk
 * before its stamp file is written. For all others the fourth field ends with the id of
 * the host's boot, and the stamp fits only until the host boots again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vector.h"

enum assembly_format { ASSEMBLY_EXT2, ASSEMBLY_CHROOT };

struct assembly {
	/* The host's root directory, "/" or another. */
	const char *root;
	/* Absolute paths, in order. */
	struct strvec inputs;
	/* Directories that are put in as they are, after the inputs. */
	struct strvec trees;
	/* An absolute path. */
	const char *output;
	enum assembly_format format;
	/* Of the image in bytes; 0: 4 GiB, or more if the contents need it. */
	uint64_t size;
	/* Else OUT/kernel is a symlink. */
	bool copy_kernel;
	/* Leave the output alone if it is current. */
	bool if_newer;
	/* Put /packagelist into it. */
	bool package_list;
	/* In a tree: keep devices, and the setuid bits and capabilities that archives bring. */
	bool privileged;
	/* Prefer kernels for this processor ("x86_64"); or NULL. */
	const char *cpu;
	/* An image, or NULL to find one. */
	const char *kernel;
	/* The kernel's version, if the image does not tell it; or NULL. */
	const char *kernel_version;
	/* Or NULL. */
	const char *modules_dir;
	/* Where archives are unpacked; NULL: beside the output. */
	const char *spool_dir;
	/* Give files that are younger than `epoch` that time. */
	bool clamp_mtime;
	int64_t epoch;
	/* Of the builder; set by the decoder alone. */
	int log_level;
};

/* Make the output, unless if_newer finds it current. `lock` (or NULL) is the path of a
 * lock file: callers that name the same file work one after another. *ret_made tells
 * whether anything was made. */
int assembly_make(const struct assembly *a, const char *lock, const char *builder,
	int control_fd, bool *ret_made, struct error *err);

/* ---- What both halves know ---- */

/* As the builder's options, and back; argv[0] is the task. */
void assembly_argv(const struct assembly *a, struct strvec *argv);
int assembly_parse_argv(int argc, char **argv, struct assembly *ret, struct error *err);
void assembly_done(struct assembly *a);

/* The stamp file: its first two fields are what assembly_request() gives. */
#define ASSEMBLY_MAGIC	   "hypermin-output 2"
#define ASSEMBLY_STAMP	   ".hypermin-stamp"
#define ASSEMBLY_STAMP_MAX (64 * 1024 * 1024)

/* What was asked for, as text. Requests with different texts have different outputs. */
void assembly_request(const struct assembly *a, struct strbuf *ret);
/* What stat() says of the output's files, as text; false if one is missing. */
bool assembly_parts(const struct assembly *a, const char *dir, struct strbuf *ret);
/* The path of the stamp file of an output that is, or will be, in `dir`. */
char *assembly_stamp_path(const struct assembly *a, const char *dir);

struct assembly_stamp {
	/* The whole file; the others point into it. */
	char *data;
	const char *key;
	const char *parts;
	/* For stamp_fits(). */
	const char *fields;
	size_t fields_len;
};

/* False if there is none, it is damaged, or it belongs to another request. */
bool assembly_stamp_read(const struct assembly *a, struct assembly_stamp *ret);
void assembly_stamp_done(struct assembly_stamp *s);
/* Whether the output's files are those that the stamp tells of. */
bool assembly_stamp_has_output(const struct assembly *a, const struct assembly_stamp *s);
