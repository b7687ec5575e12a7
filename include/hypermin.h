/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hypermin: boot the machine you run on as a throwaway VM and run commands in it.
 *
 *	struct hypermin *h = hypermin_new();
 *	struct hypermin_command cmd = HYPERMIN_COMMAND_INIT;
 *	struct hypermin_result result;
 *
 *	hypermin_add_disk(h, "fedora.img", NULL, false);
 *	cmd.argv = (const char *const[]){"fdisk", "-l", "/dev/vda", NULL};
 *	if (hypermin_start(h) < 0 || hypermin_exec(h, &cmd, &result) < 0)
 *		errx(1, "%s", hypermin_error(h));
 *	hypermin_free(h);
 *
 * Rules for all calls:
 *
 * - Functions that return int return 0, or -1 with a message in hypermin_error(). A message
 *   says what was tried, what went wrong and, where that helps, what to do; it may have
 *   several lines (the guest console's last ones).
 * - Strings and arrays passed in are copied before the call returns, and stay the caller's.
 * - A handle is used by one thread at a time; different handles are independent. Only
 *   hypermin_interrupt() and hypermin_window_changed() may be called from another thread or
 *   a signal handler while a call is under way.
 * - Running out of memory aborts the process.
 * - The VM never outlives the process that started it, however that one ends.
 */
#ifndef HYPERMIN_H
#define HYPERMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HYPERMIN_API __attribute__((visibility("default")))

/* One VM: its settings, and once started the VM itself. */
struct hypermin;

HYPERMIN_API struct hypermin *hypermin_new(void);
/* Ends the VM if it runs, without waiting for the guest. NULL is allowed. */
HYPERMIN_API void hypermin_free(struct hypermin *h);

/* Why the last call failed; "" if none did. Valid until the next call on this handle. */
HYPERMIN_API const char *hypermin_error(const struct hypermin *h);
/* The errno value behind it, or 0 where there is none. */
HYPERMIN_API int hypermin_error_number(const struct hypermin *h);

/* "0.1.0" */
HYPERMIN_API const char *hypermin_version(void);

/* ---- Log: what was chosen, and why. Process-wide; set it before other threads use the
 * library. */

enum hypermin_log_level {
	HYPERMIN_LOG_WARNING = 0, /* something was left out or worked around */
	HYPERMIN_LOG_NOTICE = 1,  /* long work began or goes on: for a person who waits */
	HYPERMIN_LOG_INFO = 2,	  /* what was chosen and where the time went */
	HYPERMIN_LOG_DEBUG = 3,	  /* each step, and the guest's console */
};

typedef void hypermin_log_fn(enum hypermin_log_level level, const char *line, void *data);

/* Lines of `max` and below go to fn, without a newline. NULL: nothing is said. */
HYPERMIN_API void hypermin_set_log(
	hypermin_log_fn *fn, void *data, enum hypermin_log_level max);

/* ---- Settings: before hypermin_start() or hypermin_prepare(). ---- */

/* A package of the host, with all it depends on. On top of a default set: a shell and its
 * usual tools. Whether it is installed is checked by hypermin_prepare(). */
HYPERMIN_API int hypermin_add_package(struct hypermin *h, const char *name);

/* Boot this kernel instead of one found on the host. modules_dir is the directory that
 * holds its modules.dep; NULL: /lib/modules/VERSION. */
HYPERMIN_API int hypermin_set_kernel(
	struct hypermin *h, const char *image, const char *modules_dir);

/* Guest memory in MiB; default 1024, at least 128. What the guest writes goes there
 * too. */
HYPERMIN_API int hypermin_set_memory(struct hypermin *h, unsigned mib);
/* Virtual CPUs, 1 to 255; default 1. */
HYPERMIN_API int hypermin_set_cpus(struct hypermin *h, unsigned cpus);
/* "auto" (default: KVM where stock kernels truly run on it, else TCG), "kvm" or "tcg". */
HYPERMIN_API int hypermin_set_accelerator(struct hypermin *h, const char *name);
/*
 * The machine that is emulated ("auto", "pc", "q35", "microvm") and the bus that the root
 * disk is on ("auto", "virtio-blk", "virtio-scsi", "nvme", "pmem", "ide", "scsi-cdrom",
 * "ide-cdrom"). auto (default) takes the best that qemu and the kernel can do; what was
 * named is taken or fails. hypermin_start() fails if the two do not go together.
 */
HYPERMIN_API int hypermin_set_machine(struct hypermin *h, const char *name);
HYPERMIN_API int hypermin_set_root_bus(struct hypermin *h, const char *name);
/* Boot without the settings that only make it faster; hypermin(1) lists them. Default:
 * with them. */
HYPERMIN_API int hypermin_set_plain(struct hypermin *h, bool plain);
/* How long the guest may take until its agent answers, in milliseconds; default
 * 120,000. */
HYPERMIN_API int hypermin_set_boot_timeout(struct hypermin *h, unsigned ms);
/* How long a guest whose agent has answered may then be silent, in milliseconds, before
 * it is taken for hung; default 60,000. It is asked for a sign of life after a sixth of
 * that. */
HYPERMIN_API int hypermin_set_silence_timeout(struct hypermin *h, unsigned ms);
/*
 * Keep a record of what the time goes to, from here to the end of the first command:
 * created as the file `path` now, and filled in by hypermin_write_timeline() after
 * hypermin_exec(). A name that ends with .svg gives a boot chart, with .json the same for
 * programs, in microseconds. Keeping it takes some milliseconds of the boot.
 */
HYPERMIN_API int hypermin_set_timeline(struct hypermin *h, const char *path);
/* Where appliances are kept; default $XDG_CACHE_HOME/hypermin or ~/.cache/hypermin. */
HYPERMIN_API int hypermin_set_cache_dir(struct hypermin *h, const char *dir);

/*
 * Attach a disk image or block device; the first one is /dev/vda in the guest, and so on,
 * up to
 * 200. `format` is qemu's name: "raw", "qcow2", … NULL means raw, and is refused for a
 * file that looks like one of the other formats: those can name further files, and a
 * guest that may write to a raw disk could make it look like one.
 */
HYPERMIN_API int hypermin_add_disk(
	struct hypermin *h, const char *path, const char *format, bool writable);

/* ---- The VM ---- */

/* Build the appliance if the cache has none for these settings. hypermin_start() does it
 * too. */
HYPERMIN_API int hypermin_prepare(struct hypermin *h);

/* Boot; returns when the guest's agent answers. */
HYPERMIN_API int hypermin_start(struct hypermin *h);

struct hypermin_command {
	size_t size; /* sizeof(struct hypermin_command): set by HYPERMIN_COMMAND_INIT */
	const char *const
		*argv; /* NULL-terminated; argv[0] is looked up in the guest's PATH */
	const char *const
		*env;	  /* NULL-terminated NAME=VALUE, on top of the guest's default */
	const char *cwd;  /* NULL: the user's home directory */
	const char *user; /* NULL: root. NAME, UID, NAME:GROUP or UID:GID of the guest */
	/* Descriptors of the caller; they stay open and keep their flags. -1: nothing to
	 * read, or output is thrown away. */
	int stdin_fd, stdout_fd, stderr_fd;
	/* Give the command a terminal in place of stdin_fd and stdout_fd, which must both
	 * be terminals; they are in raw mode while it runs. stderr_fd is the same
	 * terminal if it is one, else stays apart. */
	bool terminal;
	/* End the command after this time; 0: never. It gets SIGTERM, and 2 s later the
	 * VM ends. */
	unsigned timeout_ms;
};

#define HYPERMIN_COMMAND_INIT                                                            \
	{                                                                                \
		.size = sizeof(struct hypermin_command), .stdin_fd = -1, .stdout_fd = 1, \
		.stderr_fd = 2                                                           \
	}

enum hypermin_outcome {
	HYPERMIN_EXITED,       /* status is its exit code */
	HYPERMIN_KILLED,       /* by a signal: status is 128 + its number */
	HYPERMIN_NOT_FOUND,    /* there is no such command: status is 127 */
	HYPERMIN_NOT_EXECUTED, /* it could not be started: status is 126 */
	HYPERMIN_TIMED_OUT,    /* status is 124 */
};

struct hypermin_result {
	enum hypermin_outcome outcome;
	int status; /* as a shell would say it */
};

/*
 * Run one command to its end. For the outcomes NOT_FOUND and NOT_EXECUTED
 * hypermin_error() has the reason, though 0 is returned. -1: the VM itself failed, or
 * hypermin_interrupt() ended it, or the output could not be written; the VM is gone then.
 */
HYPERMIN_API int hypermin_exec(struct hypermin *h, const struct hypermin_command *command,
	struct hypermin_result *ret_result);

/*
 * Pass a signal to the running command. Where none runs, and the second time in any case,
 * end what is under way instead: the call returns -1 and hypermin_error_number() is
 * EINTR. Async-signal-safe.
 */
HYPERMIN_API void hypermin_interrupt(struct hypermin *h, int signal);
/* The caller's terminal has a new size. Async-signal-safe. */
HYPERMIN_API void hypermin_window_changed(struct hypermin *h);

/* Write what hypermin_set_timeline() asked for: once. */
HYPERMIN_API int hypermin_write_timeline(struct hypermin *h);

struct hypermin_block_device {
	char name[32]; /* "vda": the guest's /dev/vda */
	uint64_t size; /* bytes */
	bool read_only;
};

/* The guest's block devices, without the appliance's own. The caller frees *ret with
 * free(). */
HYPERMIN_API int hypermin_block_devices(
	struct hypermin *h, struct hypermin_block_device **ret, size_t *ret_len);

/* End all processes in the guest, unmount and sync its file systems, end the VM. Needed
 * before what a command wrote to a writable disk is certain to be there. */
HYPERMIN_API int hypermin_stop(struct hypermin *h);

/*
 * The path of one of hypermin's own programs ("hypermin-builder"): in $HYPERMIN_LIBEXECDIR,
 * beside the running program, or where it was installed. For front ends that hand a whole
 * command on to one. NULL if there is none; the caller frees it with free().
 */
HYPERMIN_API char *hypermin_find_program(struct hypermin *h, const char *name);

/* ---- What the host offers ---- */

enum hypermin_finding {
	HYPERMIN_FINDING_OK,
	HYPERMIN_FINDING_NOTE,	  /* works, could be better */
	HYPERMIN_FINDING_PROBLEM, /* hypermin_start() will fail */
};

/* `topic` is a word ("qemu"), `text` what was found, `advice` what to do or NULL. */
typedef void hypermin_doctor_fn(enum hypermin_finding finding, const char *topic,
	const char *text, const char *advice, void *data);

/* Look at everything a start needs. The number of problems, or -1. */
HYPERMIN_API int hypermin_doctor(struct hypermin *h, hypermin_doctor_fn *fn, void *data);

#ifdef __cplusplus
}
#endif

#endif
