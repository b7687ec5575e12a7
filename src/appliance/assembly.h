/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An appliance in a directory of the caller's, made from inputs that say what goes in:
 *
 *	inputs ──► assembly_make() ──stamp fits──────────────────► nothing to do
 *	                 │ no                                         ▲
 *	                 └──► the builder program ──► assemble() ─────┘
 *
 * This half is hot: it takes the lock, and reads the stamp that lies in the output. The
 * other half is in src/assemble. A format is either a disk image with a kernel and an
 * initrd that boot it and execute its /init, or the bare tree.
 *
 *	OUT/kernel OUT/initrd OUT/root OUT/.hypermin-stamp     for an image
 *	OUT/… and beside it .OUT.hypermin-stamp                for a tree
 *
 * The stamp file is a row of NUL-terminated fields: magic, what was asked for, the key of
 * what was made, what the output's files are; behind them the stamp of what it depends
 * on. A power cut may take what was written last from the files and leave the stamp. So
 * one that is asked for with if_newer, and may be taken for current for months, goes to
 * the disk first, if it is an image; of all others the fourth field ends with the boot of
 * the host that knows it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vector.h"

enum assembly_format { ASSEMBLY_EXT2, ASSEMBLY_CHROOT };

struct assembly {
	const char *root;     /* the host, "/" */
	struct strvec inputs; /* absolute paths, in order */
	struct strvec trees;  /* directories that are put in as they are, after them */
	const char *output;   /* absolute */
	enum assembly_format format;
	uint64_t size;	    /* of the image in bytes; 0: 4 GiB, or what it takes */
	bool copy_kernel;   /* else OUT/kernel is a symlink */
	bool if_newer;	    /* leave an output that is as it should be */
	bool package_list;  /* put /packagelist into it */
	const char *cpu;    /* prefer kernels for it: "x86_64"; or NULL */
	const char *kernel; /* an image, or NULL to find one */
	const char *kernel_version; /* of it, where the image does not say; or NULL */
	const char *modules_dir;    /* or NULL */
	const char *spool_dir;	    /* for what is unpacked; NULL: beside the output */
	bool clamp_mtime;	    /* no file is younger than epoch */
	int64_t epoch;
	int log_level; /* of the builder */
};

/*
 * Make the output if it is needed. `lock` (or NULL) is a file: of several callers with
 * the same one, one works at a time. *ret_made tells whether anything was made.
 */
int assembly_make(const struct assembly *a, const char *lock, const char *builder,
	int control_fd, bool *ret_made, struct error *err);

/* ---- What both halves know ---- */

/* The topic of the builder's finding that the output is as it would be made. */
#define ASSEMBLY_UNCHANGED "unchanged"

/* The builder's options that say all of it, and back. */
void assembly_argv(const struct assembly *a, struct strvec *argv);
int assembly_parse_argv(int argc, char **argv, struct assembly *ret, struct error *err);
void assembly_done(struct assembly *a);

/* The stamp file: its first two fields are what assembly_request() gives. */
#define ASSEMBLY_MAGIC	   "hypermin-output 2"
#define ASSEMBLY_STAMP	   ".hypermin-stamp"
#define ASSEMBLY_STAMP_MAX (64 * 1024 * 1024)

/* What was asked for, as text: two that differ in it give different outputs. */
void assembly_request(const struct assembly *a, struct strbuf *ret);
/* What the output's files are, as text; false if one is missing. */
bool assembly_parts(const struct assembly *a, const char *dir, struct strbuf *ret);
/* The path of the stamp file of the output, if it is to lie in `dir`. */
char *assembly_stamp_path(const struct assembly *a, const char *dir);

struct assembly_stamp {
	char *data; /* the whole file */
	const char *key;
	const char *parts;
	const char *fields; /* for stamp_fits() */
	size_t fields_len;
};

/* False: there is none, it is damaged, or it is of another request. */
bool assembly_stamp_read(const struct assembly *a, struct assembly_stamp *ret);
void assembly_stamp_done(struct assembly_stamp *s);
/* Is the output there, as the stamp says? */
bool assembly_stamp_has_output(const struct assembly *a, const struct assembly_stamp *s);
