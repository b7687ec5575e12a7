/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The appliance's kernel: which of the host's, and what of its modules leads to the root
 * disk.
 *
 * /lib/modules/VERSION/vmlinuz, /boot/vmlinuz*
 *	  ──► kernel_find()              the highest version that can be read *and* has what is needed
 *	  ──► kernel_modules_closure()   the modules to load, in order
 *	  ──► kernel_extract()           the kernel unpacked, in the form that starts at once
 *
 * It need not be the kernel that the host runs: containers have none of that one's files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/architecture.h"
#include "base/error.h"
#include "base/vector.h"

struct kernel {
	char *image;	   /* path on the host, with the root */
	char *version;	   /* "6.1.0-56-cloud-amd64", read from the image */
	char *modules_dir; /* path on the host, with the root */
	/* The tree that it was built in, or NULL. modules_dir is a directory of links into
	 * that, which lasts as long as this process. */
	char *build_tree;
	const struct architecture *architecture; /* NULL: its image does not say */
	/* Image and modules are taken from this directory alone: a link of theirs that leads
	 * out of it is not followed. NULL: the user named them, or they are the host's. */
	char *within;
};

struct kernel_request {
	const char *root; /* "/" or a fixture */
	/* A kernel that the user named, or the tree that it was built in; NULL: search. */
	const char *image;
	const char *version; /* of it, where the image does not say; or NULL */
	const struct architecture *architecture; /* no others will do; or NULL */
	/* With a search: a word in the names of kernels that come before others, or NULL.
	 * "x86_64" and "amd64" mean the same, and so do "aarch64" and "arm64". */
	const char *cpu;
	const char *modules_dir; /* its modules, or NULL: ROOT/lib/modules/VERSION */
	/* Module names that the boot needs, as modules or built in; NULL-terminated. */
	const char *const *needs;
};

/*
 * Choose: the highest version, and of one version the flavour made for virtual machines.
 * Each candidate that was passed over goes to `ret_rejected` (may be NULL) as "PATH:
 * reason", best first; on failure the error holds them too, and says what to install or
 * to name. A kernel that the user named is taken or fails; its modules may be beside it.
 */
int kernel_find(const struct kernel_request *request, struct kernel *ret,
	struct strvec *ret_rejected, struct error *err);
void kernel_done(struct kernel *k);
/* The tree in which a kernel was built that the user named, a new string; NULL: in none. To take
 * its modules kernel_find() starts depmod, with files in $TMPDIR or /tmp. */
char *kernel_build_tree(const char *named, const struct architecture *architecture);

/*
 * The version string inside a kernel image: a bzImage's header has it, for which the
 * first bytes of the file are enough; ELF and arm64 images have it somewhere in their
 * text, which takes all of them. Pure. Returns a new string or NULL.
 */
char *kernel_version_parse(const uint8_t *data, size_t len);
/* As the distributions order versions: numbers as numbers, "~rc1" and "-rc1" before the
 * release. */
int kernel_version_compare(const char *a, const char *b);

struct kernel_module {
	char *name; /* "virtio_blk" */
	char *path; /* on the host */
};

struct kernel_modules {
	struct kernel_module *items; /* in load order */
	size_t len;
	size_t cap;
};

/*
 * Close over dependencies and soft dependencies ("pre" before, "post" after); what is
 * built in is left out. A name may be an alias, which can mean several modules
 * ("crc32c"): all are taken, so one that finds no hardware (crc32c_intel) is no reason to
 * stop loading. A name that the kernel has neither way is an error, unless written with a
 * leading '?'.
 */
int kernel_modules_closure(const struct kernel *k, const char *const *names,
	struct kernel_modules *ret, struct error *err);
void kernel_modules_done(struct kernel_modules *m);

/*
 * Does it load signed modules only? Its configuration says so, which is looked for beside
 * the modules, beside the image and in ROOT/boot. Without a configuration: false.
 */
bool kernel_enforces_signatures(const char *root, const struct kernel *k);

/*
 * A module's ELF bytes: decompressed (.gz, .xz, .zst) and, unless keep_signature, without
 * what costs more than the loading: the signature behind it, whose check is expensive,
 * and the type information for BPF programs. Caller frees.
 */
int kernel_module_read(const char *path, bool keep_signature, uint8_t **ret_data,
	size_t *ret_len, struct error *err);

/*
 * The kernel in the form that starts at once, out of a bzImage, a zboot image or a file
 * that is compressed as a whole (gzip, bzip2, xz, lzma, lz4, zstd), or the file itself:
 * an ELF vmlinux with a PVH entry note (XEN_ELFNOTE_PHYS32_ENTRY), or an arm64 Image.
 * Returns 1, not an error, where there is none to be had: boot the image itself then;
 * `why` (may be NULL) says the reason. Caller frees.
 */
int kernel_extract(const char *image, uint8_t **ret_data, size_t *ret_len, char **ret_why,
	struct error *err);
