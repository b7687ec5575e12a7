/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a program may do that handles bytes of others, in layers. Each layer is taken where
 * the host has it, and it is known of each whether it is in force:
 *
 *	confine_init()     what can be found out and allocated before the fork
 *	child_start()      in the child, confine_apply() puts the layers in force, just
 *	                   before the program is executed, and notes how that went in a page
 *	                   that both processes have
 *	confine_confirm()  tells the log; with `strict` it fails if a layer is missing
 *
 * A program that knows only by its own options what it needs confines itself:
 *
 *	confine_init()     …
 *	confine_self()     puts the layers in force, before it reads anything, and tells the log
 *
 * A layer that can't be had is left out, and the program starts all the same, unless the
 * confinement is strict.
 */
#pragma once

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/child.h"
#include "base/error.h"
#include "base/vector.h"

enum confine_layer {
	/* No variables but those that it needs. */
	CONFINE_ENVIRONMENT,
	/* No core dumps, which would have the guest's memory in them; no more descriptors,
	 * no more memory, no more time and no larger files than it needs. */
	CONFINE_LIMITS,
	/* Nothing that it executes gets more rights than it has: no setuid programs. */
	CONFINE_PRIVILEGES,
	/* Of root's rights, only those that it needs. */
	CONFINE_CAPABILITIES,
	/* The program's own filter of its system calls, which it puts in force itself. */
	CONFINE_OWN_FILTER,
	/* It opens the files that it needs, and reaches no other process: landlock.c. */
	CONFINE_LANDLOCK,
	/* Calls that it has no use for fail: filter.c. */
	CONFINE_FILTER,
	CONFINE_LAYERS
};

enum confine_access {
	/* Of a directory: all that is below it. */
	CONFINE_READ,
	CONFINE_EXECUTE,
	CONFINE_WRITE,
	/* Make files in a directory, and use them. */
	CONFINE_MAKE_FILES,
	/* Whatever can be done below a directory, but no devices. */
	CONFINE_CHANGE,
	CONFINE_CHANGE_AND_DEVICES,
};

/* A file that it opens, or a directory. */
struct confine_file {
	const char *path;
	/* It is open, and the path may be NULL; -1: it is not. */
	int fd;
	enum confine_access access;
	/* Without it the program does not do what it is started for. */
	bool needed;
};

/* Each includes those before it. */
enum confine_network {
	CONFINE_NO_NETWORK,
	/* It listens at some ports. */
	CONFINE_PORTS,
	CONFINE_INTERNET,
	/* All kinds of sockets. */
	CONFINE_ANY_NETWORK,
};

/* Bits of linux/capability.h: root opens what root may open, and what it makes gets the owner
 * and the attributes that it is to have. */
#define CONFINE_FILES_OF_ALL                                                     \
	(UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE |            \
		UINT64_C(1) << CAP_DAC_READ_SEARCH | UINT64_C(1) << CAP_FOWNER | \
		UINT64_C(1) << CAP_FSETID | UINT64_C(1) << CAP_SETFCAP)

/* In bytes: a hostile input can make libraries ask for more than an honest one needs. Sanitizers
 * reserve far more than they use. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_MEMORY_OF_PARSERS 0
#else
#define CONFINE_MEMORY_OF_PARSERS (UINT64_C(4) << 30)
#endif

/* The strings are the caller's, and live as long as the confinement. */
struct confine_needs {
	/* As messages call the program. */
	const char *program;
	/* Why a layer is left out; NULL: it is not. */
	const char *without[CONFINE_LAYERS];
	/* NULL-terminated names: what it gets of our environment. */
	const char *const *variables;
	/* Bits of linux/capability.h: what it keeps of those that we have. */
	uint64_t capabilities;
	VECTOR(struct confine_file) files;
	/* Paths that are not the caller's. */
	struct strvec owned;
	enum confine_network network;
	VECTOR(uint16_t) ports;
	bool starts_programs;
	/* And signals them. Of other processes only Landlock tells them apart. */
	bool ends_programs;
	/* It writes to files. */
	bool writes;
	/* 0: as many descriptors as we may have. */
	unsigned max_descriptors;
	/* Bytes of its own memory, and seconds on a processor; 0: no limit. */
	uint64_t max_memory;
	unsigned max_seconds;
	/* Bits of layers that are not for this program, and so not missing. */
	unsigned not_for_it;
	/* All layers or none: it does not start without one. */
	bool strict;
};

/* ---- What it needs ---- */

/* A path may be NULL: nothing. */
void confine_need_file(
	struct confine_needs *needs, const char *path, enum confine_access access);
/* What may be missing. */
void confine_may_need_files(struct confine_needs *needs, const char *const *paths,
	size_t n, enum confine_access access);
/* The same; the path is the needs' from here on. */
void confine_may_need_own(
	struct confine_needs *needs, char *path, enum confine_access access);
/* An open file. */
void confine_need_fd(struct confine_needs *needs, int fd, enum confine_access access);
/* What programs and their libraries read. */
void confine_need_system(struct confine_needs *needs);

/* ---- Putting it in force ---- */

struct confine_notes;

struct confine {
	struct confine_needs needs;
	struct strvec env;
	/* NULL: there was no memory for it, and the child will not start. */
	struct confine_notes *notes;
};

/* The needs belong to the confinement from here on. */
void confine_init(struct confine *c, struct confine_needs *needs);
void confine_done(struct confine *c);
#define CLEANUP_CONFINE CLEANUP(confine_done)

/* Have the child confined: it reads `c` in child_start(), not later. */
void confine_child(struct confine *c, struct child *child);

/* After child_start(): tell the log what is in force. -1: a layer is missing, and strict was
 * asked for: the program was not executed. */
int confine_confirm(const struct confine *c, struct error *err);

/* Confine this process itself, which has one thread so far; confine_confirm() is included. What
 * it has open stays open. */
int confine_self(struct confine *c, struct error *err);

/* Of CONFINE_LIMITS only that this process, and what it executes, dumps no core. For a process that
 * nothing else may be taken from. 0, or an errno. */
int confine_refuse_core_dumps(void);

/* Of one layer: `missing` says why it is not in force; NULL: it is. */
typedef void confine_report_fn(const char *layer, const char *missing, void *data);
void confine_report(const struct confine *c, confine_report_fn *fn, void *data);
/* What would be in force: in a child that executes nothing. */
int confine_try(struct confine *c, confine_report_fn *fn, void *data, struct error *err);
