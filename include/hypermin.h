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
 * - A process that the caller forks has no part in the caller's handles: it calls nothing
 *   on them, hypermin_free() neither.
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

/* Those of the process's standard streams that are closed become /dev/null, so that no
 * file of the library's takes their place. */
HYPERMIN_API struct hypermin *hypermin_new(void);
/* Ends the VM if it runs, without waiting for the guest. NULL is allowed. */
HYPERMIN_API void hypermin_free(struct hypermin *h);

/* After a call that failed: why. Valid until the next call on this handle. */
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

/*
 * Make the VM of the system that is installed in this directory, instead of this
 * machine's: of its packages, its configuration and a kernel in it. It may be for another
 * processor, x86_64 or aarch64: then qemu emulates that, which takes a qemu for it, and a
 * hypermin built with a compiler for it.
 */
HYPERMIN_API int hypermin_set_root(struct hypermin *h, const char *dir);

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
 * The machine that is emulated ("auto"; "pc", "q35", "microvm" for x86_64; "virt" for
 * aarch64) and the bus that the root disk is on ("auto", "virtio-blk", "virtio-scsi",
 * "nvme", "pmem", "ide", "scsi-cdrom", "ide-cdrom"). auto (default) takes the best that
 * qemu and the kernel can do; what was named is taken or fails. hypermin_start() fails if
 * the two do not go together.
 */
HYPERMIN_API int hypermin_set_machine(struct hypermin *h, const char *name);
HYPERMIN_API int hypermin_set_root_bus(struct hypermin *h, const char *name);
/* Boot without the settings that only make it faster; hypermin(1) lists them. Default:
 * with them. */
HYPERMIN_API int hypermin_set_plain(struct hypermin *h, bool plain);
/*
 * Always boot. Otherwise hypermin_start() goes on from a snapshot of a VM with the same
 * settings where the cache has one, and where it has none, hypermin_free() has one made:
 * a process in the background boots another VM for that, some seconds long and at the
 * lowest priority. Default: false, or true if the environment has HYPERMIN_COLD and it is
 * not 0.
 */
HYPERMIN_API int hypermin_set_cold(struct hypermin *h, bool cold);
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

/*
 * Run this appliance, a directory that hypermin_export() wrote, here or on another
 * machine; one of another architecture emulates it. The host needs no package database
 * and no kernel. Its sizes are checked by hypermin_prepare(), what it holds by
 * hypermin_cache_verify().
 */
HYPERMIN_API int hypermin_set_appliance(struct hypermin *h, const char *dir);

/* ---- The VM ---- */

/* Build the appliance if the cache has none for these settings. hypermin_start() does it
 * too. Where the cache is full or read-only it is built in a directory of its own in
 * $TMPDIR or /tmp, with a warning for the log; that goes with the handle, or with the
 * process. */
HYPERMIN_API int hypermin_prepare(struct hypermin *h);

/* 1 if hypermin_prepare() would find the appliance in the cache by a few stat calls; 0 if
 * it would have to look closer, and perhaps to build; -1: an error. */
HYPERMIN_API int hypermin_is_prepared(struct hypermin *h);

/*
 * Write the appliance for these settings, built if need be, to a directory: kernel,
 * initrd, root and manifest.json. `dir` must be new, empty, or an appliance, which is
 * replaced; it is seen whole or not at all. Its files hold what this user could read of
 * the host: they and the directory are for this user alone.
 */
HYPERMIN_API int hypermin_export(struct hypermin *h, const char *dir);

/*
 * Take a snapshot for these settings, of a VM that boots for nothing else, and try it;
 * *ret_taken is false if there was one that works. It has slots for so many `disks`: VMs
 * with as many go on from it. (VMs with more than HYPERMIN_WARM_DISKS, or for which there
 * is no snapshot with as many slots, go on from one without slots, somewhat slower.)
 * With only_built it fails if the appliance is not in the cache, and leaves the work to
 * another process that is at it. Does not start the handle's VM.
 */
#define HYPERMIN_WARM_DISKS 8
HYPERMIN_API int hypermin_warm(
	struct hypermin *h, unsigned disks, bool only_built, bool *ret_taken);

/* Boot, or go on from a snapshot; returns when the guest's agent answers. */
HYPERMIN_API int hypermin_start(struct hypermin *h);

struct hypermin_command {
	size_t size; /* sizeof(struct hypermin_command): set by HYPERMIN_COMMAND_INIT */
	const char *const
		*argv; /* NULL-terminated; argv[0] is looked up in the guest's PATH */
	const char *const
		*env;	  /* NULL-terminated NAME=VALUE, on top of the guest's default */
	const char *cwd;  /* NULL: the user's home directory */
	const char *user; /* NULL: root. NAME, UID, NAME:GROUP or UID:GID of the guest */
	/* Descriptors of the caller; they stay open and keep their flags. -1, or a
	 * stdin_fd that is open for writing alone: nothing to read, or output is thrown
	 * away. */
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
	HYPERMIN_KILLED,       /* by a signal */
	HYPERMIN_NOT_FOUND,    /* there is no such command */
	HYPERMIN_NOT_EXECUTED, /* it could not be started */
	HYPERMIN_TIMED_OUT,
};

/* Statuses of commands that did not exit by themselves, as shells and timeout(1) have
 * them. */
enum hypermin_status {
	HYPERMIN_STATUS_TIMED_OUT = 124,
	/* In no result: what a program that runs a command exits with if it fails
	 * itself. */
	HYPERMIN_STATUS_FAILED = 125,
	HYPERMIN_STATUS_NOT_EXECUTED = 126,
	HYPERMIN_STATUS_NOT_FOUND = 127,
	HYPERMIN_STATUS_KILLED = 128, /* plus the signal's number */
};

struct hypermin_result {
	enum hypermin_outcome outcome;
	int status; /* an exit code or one of the above */
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
/* The caller's terminal has a new size (SIGWINCH), or is the caller's again after it was
 * stopped (SIGCONT). Async-signal-safe. */
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
 * before what a command wrote to a writable disk is certain to be there; it takes as long
 * as that disk does. */
HYPERMIN_API int hypermin_stop(struct hypermin *h);

/* ---- Appliances in directories, for launchers of their own. No VM is started. ---- */

enum hypermin_format {
	/* `kernel`, `initrd` and `root`, a raw image with an ext2 file system. The initrd
	 * mounts the disk that root=UUID=…, LABEL=… or /dev/… on the kernel's command
	 * line names, and executes its /init. */
	HYPERMIN_FORMAT_EXT2,
	/* The bare tree. */
	HYPERMIN_FORMAT_CHROOT,
};

struct hypermin_assembly {
	size_t struct_size; /* set by HYPERMIN_ASSEMBLY_INIT */
	/*
	 * NULL-terminated paths: files, or directories of such, whose content tells what
	 * they are, also inside gzip, xz or zstd: base images (tar, cpio), lists of
	 * packages, of the host's files ("/…", with wildcards) and of what to leave out
	 * ("-…").
	 */
	const char *const *inputs;
	const char *const
		*trees; /* NULL-terminated: directories to put in as they are; or NULL */
	const char *output; /* a directory, replaced in one step */
	enum hypermin_format format;
	uint64_t image_size; /* bytes; 0: 4 GiB, or more where that leaves little room */
	bool copy_kernel;    /* else `kernel` is a symlink to the host's */
	bool if_newer;	     /* leave an output alone that is as it would be made */
	bool package_list;   /* put /packagelist in */
	const char *lock_file; /* one that uses it works at a time; or NULL */
	const char *cpu; /* prefer kernels with this in their names ("x86_64"); or NULL */
	const char *kernel, *kernel_version,
		*modules_dir;  /* or NULL: found on the host */
	const char *spool_dir; /* for what is unpacked; NULL: beside the output */
	bool clamp_times;      /* no file is younger than clamp_to, seconds since 1970 */
	int64_t clamp_to;
};

#define HYPERMIN_ASSEMBLY_INIT                                  \
	{                                                       \
		.struct_size = sizeof(struct hypermin_assembly) \
	}

/* *ret_made (may be NULL): false if if_newer found nothing to do. hypermin_interrupt()
 * ends it early; whatever ends it, the output is the old one or the new one. */
HYPERMIN_API int hypermin_assemble(
	struct hypermin *h, const struct hypermin_assembly *assembly, bool *ret_made);

/*
 * The path of one of hypermin's own programs ("hypermin-builder"): in
 * $HYPERMIN_LIBEXECDIR, beside the running program, or where it was installed. For front
 * ends that hand a whole command on to one. NULL if there is none; the caller frees it
 * with free().
 */
HYPERMIN_API char *hypermin_find_program(struct hypermin *h, const char *name);

/* ---- The cache: what is kept to be built never twice. ---- */

struct hypermin_cache_item {
	/* "appliance", "snapshot", "part" (kernel, initrd or root image, shared by
	 * appliances), "request" (what was asked for), "temporary" or "lock" */
	const char *kind;
	const char *key;	 /* its name in the cache; for most kinds 64 hex digits */
	const char *description; /* what it is for, in a line; may be "" */
	uint64_t bytes;		 /* on disk; what is shared counts in full */
	int64_t last_use;	 /* seconds since 1970, to the minute */
	bool in_use;
	bool removed; /* just now */
};

/* `text`: what hypermin_cache_verify() found wrong, or NULL; why hypermin_cache_collect()
 * removes it; else NULL. All of it is valid during the call. */
typedef void hypermin_cache_fn(
	const struct hypermin_cache_item *item, const char *text, void *data);

/* Where it is. Valid as long as the handle; NULL with an error if it can't be used. */
HYPERMIN_API const char *hypermin_cache_directory(struct hypermin *h);

/* All that is in it, by kind, of each kind what was used longest ago first. ret_bytes
 * (may be NULL): all together on disk. */
HYPERMIN_API int hypermin_cache_list(
	struct hypermin *h, hypermin_cache_fn *fn, void *data, uint64_t *ret_bytes);

/* The manifest, JSON, of the one thing whose key begins like this. NULL: none or several.
 * The caller frees it with free(). */
HYPERMIN_API char *hypermin_cache_manifest(struct hypermin *h, const char *key);

/*
 * Read everything, or only the appliance of hypermin_set_appliance(), and compare it to
 * what was written. The number of damaged things, or -1. They are removed if `repair`
 * says so: it costs a build. fn (may be NULL) hears of each thing.
 */
HYPERMIN_API int hypermin_cache_verify(
	struct hypermin *h, bool repair, hypermin_cache_fn *fn, void *data);

struct hypermin_cache_limits {
	uint64_t
		max_bytes; /* remove what was used longest ago until there is no more than
			       this; 0: 8 GiB */
	int64_t max_age;   /* remove what was not used for so many seconds; 0: 30 days */
	bool everything;   /* remove all that is not in use */
	/* On a file system without locks it can't be told what is in use, and so only
	 * remains are removed. With this everything is taken to be out of use. */
	bool force;
};

/* Remove what is old, too much, or left by processes that were killed; nothing that is in
 * use. A build does it with the defaults. The number of things removed, or -1. */
HYPERMIN_API int hypermin_cache_collect(struct hypermin *h,
	const struct hypermin_cache_limits *limits, hypermin_cache_fn *fn, void *data);

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
