/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hypermin: boot the machine you run on as a throwaway VM and run commands in it.
 *
 *	struct hypermin *h = hypermin_new();
 *	struct hypermin_command cmd = HYPERMIN_COMMAND_INIT;
 *	struct hypermin_result result;
 *
 *	hypermin_add_disk(h, "fedora.img", NULL, HYPERMIN_READ_ONLY);
 *	cmd.argv = (const char *const[]){"fdisk", "-l", "/dev/vda", NULL};
 *	if (hypermin_start(h) < 0 || hypermin_exec(h, &cmd, &result) < 0)
 *		errx(1, "%s", hypermin_error(h));
 *	hypermin_free(h);
 *
 * A handle is one VM. Its life, in this order; each call makes those before it that are
 * needed:
 *
 *	settings ──► hypermin_prepare() ──► hypermin_start() ──► hypermin_exec() … ──►
 *	hypermin_stop() ──► hypermin_free()
 *
 * Rules for all calls:
 *
 * - Functions that return int return 0, or -1 with a message in hypermin_error(). A message
 *   says what was tried, what went wrong and, where that helps, what to do. It may have
 *   several lines (the last ones of the guest's console).
 * - Outputs (`ret_…`) are written only on success.
 * - Strings and arrays passed in are copied before the call returns, and stay the caller's.
 * - Paths are the host's unless they are said to be the guest's. A relative path starts at
 *   the current directory of the call.
 * - Different handles are independent: each may be used by a thread of its own.
 * - Once the VM is started, or the session opened, several threads may use one handle at once
 *   by these calls: hypermin_exec(), hypermin_begin(), hypermin_wait(), hypermin_signal(),
 *   hypermin_give_up(), hypermin_error() and hypermin_error_number(). Each thread has its own
 *   last error then. hypermin_descriptors() and hypermin_dispatch() are for one thread; beside
 *   it others may make all of these calls but the two that wait. Any other call needs the handle
 *   for itself: no other thread may be in a call on it.
 * - Only hypermin_interrupt() and hypermin_window_changed() may be called at any time, and from
 *   a signal handler.
 * - In a child that the caller forks, no call is allowed on handles of the parent, not even
 *   hypermin_free().
 * - Running out of memory aborts the process.
 * - The VM never outlives the process that started it, however that process ends.
 */
#ifndef HYPERMIN_H
#define HYPERMIN_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HYPERMIN_API __attribute__((visibility("default")))

/* One VM: its settings, and once it is started the VM itself. */
struct hypermin;

/* Never NULL. Standard streams of the process that are closed are opened on /dev/null, so
 * that no file of the library takes their place. */
HYPERMIN_API struct hypermin *hypermin_new(void);
/* Ends the VM if it runs, without waiting for the guest: what a command wrote to a writable
 * disk is only certain to be there after hypermin_stop(). NULL is allowed. */
HYPERMIN_API void hypermin_free(struct hypermin *h);

/* Why the last call of this thread failed. Valid until its next call on this handle. */
HYPERMIN_API const char *hypermin_error(const struct hypermin *h);
/* The errno value behind it, or 0 if there is none. */
HYPERMIN_API int hypermin_error_number(const struct hypermin *h);

/* Of the library that is linked: "1.2.3". */
HYPERMIN_API const char *hypermin_version(void);

/* ---- Log: what is chosen, and why. One for the process; set it before other threads use
 * the library. The function may be called by any thread that is in a call, and must not make
 * one itself. ---- */

enum hypermin_log_level {
	/* Something was left out or worked around. */
	HYPERMIN_LOG_WARNING = 0,
	/* Long work begins or goes on: for a person who waits. */
	HYPERMIN_LOG_NOTICE = 1,
	/* What is chosen, and where the time goes. */
	HYPERMIN_LOG_INFO = 2,
	/* Each step, and the guest's console. */
	HYPERMIN_LOG_DEBUG = 3,
};

typedef void hypermin_log_fn(enum hypermin_log_level level, const char *line, void *data);

/* Pass lines of the levels up to `max` to fn, without a newline. NULL: drop them. */
HYPERMIN_API void hypermin_set_log(
	hypermin_log_fn *fn, void *data, enum hypermin_log_level max);

/* ---- Settings. They come before the first call that opens the appliance:
 * hypermin_prepare(), hypermin_start(), hypermin_export() or hypermin_warm(). ---- */

/*
 * Any of the settings below by the name of its option in hypermin(1), without the hyphens,
 * and with a value as it is written there: ("memory", "2G"), ("disk", "a.img:rw"),
 * ("plain", NULL). The names are accel, append, appliance, boot-timeout, cache-dir, cold,
 * console, cpus, disk, fast, forward, from, gdb, hold, host, image, kernel, machine, memory,
 * modules, net, overlay, package, plain, qemu-arg, reach, root, root-bus, rw, share,
 * silence-timeout, strict, timeline and wait-memory. cold, console, fast, host, net, plain
 * and strict take "yes", "no", or NULL for yes, and gdb NULL for its usual port; no other
 * value may be NULL or empty.
 */
HYPERMIN_API int hypermin_set(struct hypermin *h, const char *name, const char *value);

/* Add a package of the host, with all it depends on, to the default ones: a shell and its
 * usual tools. hypermin_prepare() checks whether it is installed. */
HYPERMIN_API int hypermin_add_package(struct hypermin *h, const char *name);

/*
 * Make the VM of the system in this directory instead of this machine's: of its packages,
 * its configuration and a kernel in it. Its processor may be another one, x86_64 or
 * aarch64. Then qemu emulates that, which takes a qemu for it, and a hypermin that was
 * built with a compiler for it.
 */
HYPERMIN_API int hypermin_set_root(struct hypermin *h, const char *dir);

/*
 * Make the VM's root of an image, and not of packages. The kernel and its modules are still
 * the system's. `name` is "oci:DIR[:TAG]" for an OCI image layout, "oci-archive:FILE[:TAG]"
 * for one in an archive, "docker-archive:FILE[:TAG]" for what `docker save` writes, or the
 * path of an archive of a root file system. hypermin_prepare() reads the image, and checks
 * all digests that it has.
 */
HYPERMIN_API int hypermin_set_image(struct hypermin *h, const char *name);

/* Boot this kernel instead of one found on the host. modules_dir is the directory with its
 * modules.dep; NULL: /lib/modules/VERSION. `image` may be the tree that a kernel was built
 * in, whose modules are then taken from there. */
HYPERMIN_API int hypermin_set_kernel(
	struct hypermin *h, const char *image, const char *modules_dir);

/* Guest memory in MiB, at least 128. Files that the guest writes, except on disks, take from
 * it. The default is 1024; less for an appliance whose snapshot has less, and where the memory
 * limit of this process' control group has no room for that. */
HYPERMIN_API int hypermin_set_memory(struct hypermin *h, unsigned mib);
/* Virtual CPUs, 1 to 255; default 1. */
HYPERMIN_API int hypermin_set_cpus(struct hypermin *h, unsigned cpus);
/* "auto" (default: KVM if stock kernels run on it at full speed, else TCG), "kvm" or
 * "tcg". */
HYPERMIN_API int hypermin_set_accelerator(struct hypermin *h, const char *name);
/*
 * The machine to emulate: "auto"; "pc", "q35" or "microvm" for x86_64, "virt" for aarch64.
 * And the bus of the root disk: "auto", "memmap", "virtio-blk", "virtio-pmem",
 * "virtio-scsi", "nvme", "pmem", "ide", "scsi-cdrom" or "ide-cdrom". "auto" (default) is
 * the best that both qemu and the kernel support. Any other name is taken or fails.
 * hypermin_prepare() fails if the two don't go together.
 */
HYPERMIN_API int hypermin_set_machine(struct hypermin *h, const char *name);
HYPERMIN_API int hypermin_set_root_bus(struct hypermin *h, const char *name);
/* Boot without the settings that only save time; hypermin(1) lists them. The kernel unpacks
 * itself then, and moves to a random address. Default: false. */
HYPERMIN_API int hypermin_set_plain(struct hypermin *h, bool plain);
/* Boot without tracing by tracefs, and without the functions of the kernel that BPF programs
 * may call. That saves a fifth of a boot by emulation. It has no effect with plain, nor
 * under KVM. Default: false. */
HYPERMIN_API int hypermin_set_fast(struct hypermin *h, bool fast);
/*
 * Always boot. Otherwise hypermin_start() resumes from a snapshot of a VM with the same
 * settings if the cache has one. If it has none, hypermin_free() has one made, by a
 * process in the background that boots another VM, for some seconds and at the lowest
 * priority. Default: false, or true if HYPERMIN_COLD is in the environment, and neither
 * empty nor 0.
 */
HYPERMIN_API int hypermin_set_cold(struct hypermin *h, bool cold);
/*
 * Start a VM only if qemu, and what else is started for it, can be confined by all layers
 * that hypermin has: SECURITY.md lists them. Without it a layer that this host does not have
 * is left out. The log says which are in force. Default: false.
 */
HYPERMIN_API int hypermin_set_strict(struct hypermin *h, bool strict);
/*
 * hypermin_start() waits until the host has as much memory free as the VM may come to take: the
 * guest's, and what qemu takes itself. What this user's other VMs may still come to take is not
 * free; libguestfs' are not known. It fails with ENOMEM after this time, in milliseconds, or at
 * once if the host does not have that much. 0 (default): it does not look.
 */
HYPERMIN_API int hypermin_set_wait_memory(struct hypermin *h, unsigned ms);
/* How long the guest may take until its agent answers, in milliseconds, more than 0;
 * default 120,000. */
HYPERMIN_API int hypermin_set_boot_timeout(struct hypermin *h, unsigned ms);
/* How long a guest may be silent after its agent has answered, in milliseconds, more than
 * 0, until it counts as hung; default 60,000. It is asked for a sign of life after a sixth
 * of that. */
HYPERMIN_API int hypermin_set_silence_timeout(struct hypermin *h, unsigned ms);
/*
 * Record where the time goes, from here to the end of the first command. The file `path`
 * is created now, and hypermin_write_timeline() fills it after hypermin_exec(). A name
 * that ends with .svg gets a chart; one that ends with .json the same data for programs,
 * in microseconds. Recording takes some milliseconds of the boot, and the VM always boots.
 */
HYPERMIN_API int hypermin_set_timeline(struct hypermin *h, const char *path);
/* Where appliances are kept; default $XDG_CACHE_HOME/hypermin or ~/.cache/hypermin. */
HYPERMIN_API int hypermin_set_cache_dir(struct hypermin *h, const char *dir);

enum hypermin_access {
	HYPERMIN_READ_ONLY = 0,
	/* What the guest writes is written to the image. */
	HYPERMIN_WRITABLE = 1,
	/* The guest may write, and what it writes is dropped when the VM ends. Until then it
	 * is on the host, in a file without a name in $TMPDIR or /var/tmp. The image itself
	 * is only read. */
	HYPERMIN_SNAPSHOT = 2,
};

/*
 * Attach a disk image or block device. The first one is /dev/vda in the guest, the next one
 * /dev/vdb, up to 200. `format` is qemu's name: "raw", "qcow2", "qed", "vmdk", "vdi",
 * "vhdx" or "vpc". NULL is raw, and is refused for a file that looks like another format:
 * such an image can name other files of the host, and a guest that may write to a raw disk
 * could make it look like one. What the guest wrote is only certain to be on a writable
 * disk after hypermin_stop().
 */
HYPERMIN_API int hypermin_add_disk(struct hypermin *h, const char *path,
	const char *format, enum hypermin_access access);
/* How many bytes a sector of the disk that was added last has in the guest: 512 (a file's
 * default), 1024, 2048 or 4096. By default a device's are its own. */
HYPERMIN_API int hypermin_set_sector_size(struct hypermin *h, unsigned bytes);
/* Its serial number, which the guest has as /sys/block/vda/serial and in the link
 * /dev/disk/by-id/virtio-SERIAL: up to 20 letters, digits and "._-". By default the first
 * disk's is disk0, the second's disk1, and so on. No two disks may have the same. */
HYPERMIN_API int hypermin_set_serial(struct hypermin *h, const char *serial);

enum hypermin_share_mode {
	HYPERMIN_SHARE_READ_ONLY,
	HYPERMIN_SHARE_WRITABLE,
	/* Writable in the guest, where what is written stays in its memory. */
	HYPERMIN_SHARE_OVERLAY,
	/*
	 * A read-only disk with an ext2 file system of all that this user may read, which the
	 * guest mounts: the directory as it was when the VM started. A file that changes
	 * afterwards gives I/O errors. It takes one of the VM's disks, behind the user's.
	 */
	HYPERMIN_SHARE_SERVED,
	/* The same under an overlay. */
	HYPERMIN_SHARE_SERVED_OVERLAY,
};

/*
 * The guest mounts this directory of the host, with all that is mounted below it, except
 * what the kernel makes up (/proc, say). `place` is an absolute path in the guest; NULL: the
 * same as the host's. Symlinks are the guest's to follow, and lead to its own files. Only a
 * writable one changes, and never by devices or setuid programs. If this user is not root,
 * the user's files belong to root in the guest, except with hypermin_set_host(). Up to 63; a
 * later one may be mounted in one before it.
 */
HYPERMIN_API int hypermin_add_share(struct hypermin *h, const char *dir,
	const char *place, enum hypermin_share_mode mode);
/*
 * Commands run in the host's own tree: in all that this user may read of it, with an overlay
 * for what they write, and the guest's own /proc, /sys, /dev, /tmp and /run. They run as
 * this user, unless a command says otherwise. Default: false.
 */
HYPERMIN_API int hypermin_set_host(struct hypermin *h, bool host);

/* The guest can connect to whatever this user can, and also to services on this host's
 * loopback interface, as 10.0.2.2. Default: false; then it has no network. */
HYPERMIN_API int hypermin_set_net(struct hypermin *h, bool net);
/* "[ADDRESS:]PORT:PORT[/udp]": connections to that port of the host, at 127.0.0.1 or the
 * given IPv4 address, go to that port of the guest. The guest gets no more network by it. */
HYPERMIN_API int hypermin_add_forward(struct hypermin *h, const char *forward);
/* "HOST:PORT", up to 100: without hypermin_set_net() the guest can open TCP connections to
 * these alone, by the host's name. The name is looked up at each connection, on the host. */
HYPERMIN_API int hypermin_add_reach(struct hypermin *h, const char *endpoint);

/* ---- Settings for kernel developers ---- */

/* More words for the guest kernel's command line, behind hypermin's own. Such a VM always
 * boots, and leaves no snapshot. */
HYPERMIN_API int hypermin_append(struct hypermin *h, const char *words);
/* One more argument for qemu, which it gets as it is, behind hypermin's own. Such a VM
 * always boots, and leaves no snapshot. */
HYPERMIN_API int hypermin_add_qemu_argument(struct hypermin *h, const char *argument);
/*
 * Let gdb connect to this port of the host's loopback address; 0: 1234. With `wait` the VM
 * does nothing until gdb lets it. The kernel is where its vmlinux says, and no time limit
 * but a command's ends such a VM. It always boots, and leaves no snapshot.
 */
HYPERMIN_API int hypermin_set_gdb(struct hypermin *h, unsigned port, bool wait);
/* Write what the guest's kernel says on its console to standard error, line by line while
 * a call is under way, with what is not printable made visible. Default: false. */
HYPERMIN_API int hypermin_set_console(struct hypermin *h, bool console);
/* The last `lines` of its console, each with a newline, up to the end of the last call; also
 * when the VM was lost or was stopped. The caller frees it with free(); NULL: an error. */
HYPERMIN_API char *hypermin_console_tail(struct hypermin *h, unsigned lines);

/*
 * The command for a shell that starts gdb for such a VM: with the kernel's vmlinux, if it
 * is in the build tree of hypermin_set_kernel() or where distributions install it. Builds
 * the appliance first if need be. The caller frees it with free(); NULL: an error.
 */
HYPERMIN_API char *hypermin_gdb_command(struct hypermin *h);
/*
 * The command for a shell that starts qemu with such a VM by hand. It differs in this: no
 * agent runs in it, but root's shell on the serial console, which is the terminal; it
 * boots; and its appliance can be removed from the cache while it runs. Builds the
 * appliance first if need be. The caller frees it with free(); NULL: an error.
 */
HYPERMIN_API char *hypermin_qemu_command(struct hypermin *h);

/*
 * Run this appliance: a directory that hypermin_export() wrote, here or on another machine.
 * One of another architecture is emulated. The host needs no package database and no
 * kernel. Packages, a root, an image and a kernel can't be chosen for it.
 * hypermin_prepare() checks the sizes of its files, hypermin_cache_verify() their contents.
 *
 * It may also be an appliance with an /init of its own, which `hypermin build` has made from
 * inputs. That decides what runs in it. hypermin_exec() without a command lets it go on, to
 * the end of the machine, with the command's streams at the other end of its console, or of
 * the port of hypermin_set_hold(). It has ended with status 0, unless its kernel panicked.
 */
HYPERMIN_API int hypermin_set_appliance(struct hypermin *h, const char *dir);

/*
 * In an appliance with an /init of its own: the name of a virtio-serial port at which it
 * waits for its host. hypermin_start() has it boot to the point where it first writes there,
 * or resumes it at that point, and gives it its disks, directories and network.
 */
HYPERMIN_API int hypermin_set_hold(struct hypermin *h, const char *port);

/*
 * Go on from the saved state of this name (hypermin_save()): the VM is a copy of the one that
 * was saved, with the same memory, commands and disks. What it writes to these disks is
 * dropped. Disks, directories and a network can be added to it; what a VM is made of can't be
 * chosen any more. It starts only with the same qemu, on the same processor.
 */
HYPERMIN_API int hypermin_set_from(struct hypermin *h, const char *name);

/* ---- The VM ---- */

/*
 * Build the appliance, unless the cache has one for these settings. hypermin_start() does
 * it too. If the cache is full or read-only, the appliance is built in a new directory in
 * $TMPDIR or /tmp, with a warning in the log; that is removed with the handle, or when the
 * process ends.
 */
HYPERMIN_API int hypermin_prepare(struct hypermin *h);

/* 1 if hypermin_prepare() would find the appliance in the cache by a few calls of stat(2);
 * 0 if it would have to look closer, and perhaps to build; -1: an error. */
HYPERMIN_API int hypermin_is_prepared(struct hypermin *h);

/*
 * Write the appliance for these settings to a directory, and build it first if need be:
 * kernel, initrd, root and manifest.json. `dir` must be new, empty, or an appliance, which
 * is replaced in one step. The files have in them what this user could read of the host,
 * so only this user may read them.
 */
HYPERMIN_API int hypermin_export(struct hypermin *h, const char *dir);

/*
 * The same, with a snapshot of a VM that boots only for that: memory and state. A VM with this
 * appliance resumes from it on any x86-64 machine with the same build of qemu, by emulation, if
 * it has the memory, CPUs, machine and root bus of these settings; elsewhere it boots. Nothing
 * is ever written to the directory. The handle must have no disks. Its VM is not started.
 */
HYPERMIN_API int hypermin_export_warm(struct hypermin *h, const char *dir);

/* Most disks that a snapshot can have slots for. */
#define HYPERMIN_WARM_DISKS 8
/*
 * Take a snapshot for these settings, of a VM that boots only for that, and try it.
 * *ret_taken is false if there was one that works, or, with only_built, if another process
 * is taking one. It has slots for `disks` disks: VMs with that many resume from it. (VMs
 * with more than HYPERMIN_WARM_DISKS, or with a number that there is no snapshot for, go
 * on from one without slots, which is slower.) With only_built it fails if the appliance is
 * not in the cache. The handle must have no disks. Its VM is not started.
 */
HYPERMIN_API int hypermin_warm(
	struct hypermin *h, unsigned disks, bool only_built, bool *ret_taken);

/* Boot, or resume from a snapshot. Returns when the guest's agent answers. Once only for a
 * handle, unless it fails. */
HYPERMIN_API int hypermin_start(struct hypermin *h);

struct hypermin_command {
	/* sizeof(struct hypermin_command): set by HYPERMIN_COMMAND_INIT */
	size_t size;
	/*
	 * NULL-terminated; argv[0] is looked up in the guest's PATH. In the VM of an image
	 * these are words behind the image's entrypoint, if it has one. Without words (NULL
	 * is allowed) the image's own take their place.
	 */
	const char *const *argv;
	/* NULL-terminated NAME=VALUE, added to the guest's default environment and the
	 * image's; or NULL. */
	const char *const *env;
	/* A directory of the guest. NULL: the caller's current directory if the guest has it
	 * by hypermin_add_share() or hypermin_set_host(), else the image's, or /; without an
	 * image the user's home. Not empty. */
	const char *cwd;
	/* NAME, UID, NAME:GROUP or UID:GID of the guest; NULL: the image's, or root, or with
	 * hypermin_set_host() the caller. Not empty. */
	const char *user;
	/* A command that takes the place of an image's entrypoint and of its words; empty:
	 * none does; NULL: the image's. */
	const char *entrypoint;
	/*
	 * Descriptors of the caller. They stay open and keep their flags. -1: no input, or
	 * the output is dropped. A stdin_fd that is open only for writing is no input.
	 */
	int stdin_fd, stdout_fd, stderr_fd;
	/*
	 * Give the command a terminal in place of stdin_fd and stdout_fd, which must both
	 * be terminals; they are in raw mode while it runs. If stderr_fd is a terminal too,
	 * it is the command's terminal; else it stays a stream of its own.
	 */
	bool terminal;
	/* End the command after this time, in milliseconds; 0: never. It gets SIGTERM, and
	 * SIGKILL 2 s later. Then nobody waits for it any more, nor for its output. */
	unsigned timeout_ms;
	/* In a session: return when it runs, and let it go on. Its streams are not ours. */
	bool detached;
};

#define HYPERMIN_COMMAND_INIT                                                            \
	{                                                                                \
		.size = sizeof(struct hypermin_command), .stdin_fd = -1, .stdout_fd = 1, \
		.stderr_fd = 2                                                           \
	}

enum hypermin_outcome {
	/* status is its exit code */
	HYPERMIN_EXITED,
	/* by a signal */
	HYPERMIN_KILLED,
	/* there is no such command */
	HYPERMIN_NOT_FOUND,
	/* it could not be started */
	HYPERMIN_NOT_EXECUTED,
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
	/* plus the signal's number */
	HYPERMIN_STATUS_KILLED = 128,
};

struct hypermin_result {
	enum hypermin_outcome outcome;
	/* An exit code or one of the above. */
	int status;
};

/*
 * Run one command to its end. For the outcomes NOT_FOUND and NOT_EXECUTED hypermin_error()
 * has the reason, though 0 is returned. -1: the VM failed, and is gone. Or the command was
 * given up: for hypermin_interrupt(), or because its input could not be read, or its output not
 * be written. Then it gets SIGHUP, nothing more is known of it, and the VM goes on.
 *
 * Several threads may call it at once. Their commands run beside one another, up to 256 in a VM;
 * each has its own streams, time and end.
 */
HYPERMIN_API int hypermin_exec(struct hypermin *h, const struct hypermin_command *command,
	struct hypermin_result *ret_result);

/*
 * Pass a signal to the commands under way. Where none runs yet, and the second time in any
 * case, end the call or give up the command instead: hypermin_error_number() is EINTR then.
 * Async-signal-safe.
 */
HYPERMIN_API void hypermin_interrupt(struct hypermin *h, int signal);
/* The caller's terminal has a new size (SIGWINCH), or the caller goes on after it was
 * stopped (SIGCONT). Async-signal-safe. */
HYPERMIN_API void hypermin_window_changed(struct hypermin *h);

/*
 * ---- Several commands at once, by one thread ----
 *
 * hypermin_begin() starts a command and does not wait. There are two ways to its end. With
 * hypermin_wait(), one command after the other, all of them go on while one is waited for:
 *
 *	struct hypermin_job *a = hypermin_begin(h, &first, NULL, NULL);
 *	struct hypermin_job *b = hypermin_begin(h, &second, NULL, NULL);
 *	if (!a || !b || hypermin_wait(a, &result_a) < 0 || hypermin_wait(b, &result_b) < 0)
 *		errx(1, "%s", hypermin_error(h));
 *
 * Or a program has a loop of its own, and hears of each end by a function:
 *
 *	hypermin_begin(h, &command, ended, data);
 *	while (any_is_under_way) {
 *		size_t n = hypermin_descriptors(h, fds, FDS_MAX, &timeout_ms);
 *		poll(fds, n, timeout_ms);	// with descriptors of the program's, too
 *		hypermin_dispatch(h);		// calls ended()
 *	}
 *
 * In a VM of its own the streams of a command move only during hypermin_dispatch(),
 * hypermin_wait() and hypermin_exec(), of whichever command of the handle; and its time is over
 * when one of these calls sees that. Between them the command runs on, until it has to wait for
 * us. In a session its streams move all the time.
 */

/* A command under way. */
struct hypermin_job;

/*
 * The command is over. `result` is as from hypermin_exec(); NULL: it failed. Why, or why it could
 * not be started, is in hypermin_error(). All calls are allowed here but hypermin_free():
 * hypermin_begin(), say, for the next command. `job` only tells which one it was, and is freed
 * afterwards.
 */
typedef void hypermin_ended_fn(
	struct hypermin_job *job, const struct hypermin_result *result, void *data);

/*
 * Start a command. `command` is copied, but its descriptors have to stay open until it is over.
 * If it is to have a terminal, that is in raw mode until then, so it can be only one command's
 * at a time. hypermin_dispatch() calls ended(). NULL: the caller calls hypermin_wait().
 *
 * NULL: an error. EAGAIN: 256 commands run in the VM; of a session that is only known when the
 * command ends. If the VM ends by hypermin_stop(), hypermin_kill() or a failure, all its commands
 * end; hypermin_free() gives up those that are under way.
 */
HYPERMIN_API struct hypermin_job *hypermin_begin(struct hypermin *h,
	const struct hypermin_command *command, hypermin_ended_fn *ended, void *data);
/* Wait until it is over, and free it. Returns as hypermin_exec() does. Its ended() is not
 * called. */
HYPERMIN_API int hypermin_wait(
	struct hypermin_job *job, struct hypermin_result *ret_result);
/* Pass a signal (1 to 64) to this command, which another thread may wait for. If it is over,
 * nothing happens; but once hypermin_wait() has returned or ended() was called there is no
 * `job`. */
HYPERMIN_API void hypermin_signal(struct hypermin_job *job, int signal);
/* Free it. If the command is not over, it gets SIGHUP and its streams are closed. ended() is
 * not called. No thread may wait for it. */
HYPERMIN_API void hypermin_give_up(struct hypermin_job *job);

/*
 * What to poll until something is to be done: up to `max` descriptors in `ret`, and for how many
 * milliseconds (-1: for ever). Returns how many there are; if that is more than `max`, make room
 * and call it again. 8, and 3 for each command, are enough. The list is good for one poll, and
 * until the next call on this handle; but hypermin_begin(), hypermin_signal() and
 * hypermin_give_up() in another thread end that poll.
 */
HYPERMIN_API size_t hypermin_descriptors(
	struct hypermin *h, struct pollfd *ret, size_t max, int *ret_timeout_ms);
/*
 * Do what can be done without waiting, and call ended() of each command that is over. It looks
 * for itself at what is ready, so call it after each poll, whatever that has found. -1: EBUSY,
 * another thread is in hypermin_exec() or hypermin_wait(). That the VM has failed is no error
 * here: each command fails by it.
 */
HYPERMIN_API int hypermin_dispatch(struct hypermin *h);

/* Write what hypermin_set_timeline() asked for, once. */
HYPERMIN_API int hypermin_write_timeline(struct hypermin *h);

/*
 * What is known of the VM, also of one that could not be started or is lost: a JSON object,
 * which the caller frees with free(). What is unknown is null.
 *
 *	start              "boot"; "snapshot": it resumed; "state": it went on from a saved
 *	                   state; "ready": it had waited (hypermin_set_take_ready())
 *	why_boot           why it was booted and not resumed, in words
 *	running            it takes commands
 *	accelerator        "kvm" or "tcg"
 *	machine, root_bus, memory_mib, cpus
 *	kernel             the version of the guest's kernel
 *	qemu_version
 *	appliance_built    false: it was in the cache
 *	peak_memory_bytes  the most memory of the host that qemu had at a time, with what other
 *	                   VMs share
 *	cpu_us             the time of the host's processors that qemu took, in microseconds
 *
 * Of a session its keeper says it.
 */
HYPERMIN_API char *hypermin_describe(struct hypermin *h);

struct hypermin_block_device {
	/* "vda": the guest's /dev/vda */
	char name[32];
	/* In bytes. */
	uint64_t size;
	bool read_only;
};

/* The guest's block devices, without the appliance's own. The caller frees *ret with
 * free(). */
HYPERMIN_API int hypermin_block_devices(
	struct hypermin *h, struct hypermin_block_device **ret, size_t *ret_len);

/*
 * End the VM, with nothing lost that was written to a disk. If a writable disk or
 * directory is attached, the guest first ends all processes, unmounts and syncs its file
 * systems, which takes as long as that disk does. If the last command had a time limit, it
 * may take what is left of that, and ten times hypermin_set_silence_timeout() more. On
 * failure the VM is gone, and the disk may need e2fsck. Without a writable one the VM ends
 * at once.
 */
HYPERMIN_API int hypermin_stop(struct hypermin *h);
/* End the VM at once, without the guest: a writable disk is left as after a power cut. */
HYPERMIN_API int hypermin_kill(struct hypermin *h);

/*
 * Copy a file or tree of the host to an absolute path in the guest, as cp -a does: with
 * owners, modes, times, links, holes and attributes. If `to` is a directory the copy gets
 * its name there, else it is called `to`. "DIR/." is what is in the directory. The guest
 * needs tar. Messages about what is left out go to standard error; -1 then too. "-" is a tar
 * stream on standard input, for a directory of the guest.
 */
HYPERMIN_API int hypermin_copy_in(struct hypermin *h, const char *from, const char *to);
/*
 * The same from the guest to the host. Whatever the guest sends, nothing is written but
 * `to`, or the one entry in it, and no link leads out of that. max_bytes of data at most; 0:
 * no limit. same_owner, for root: also owners, setuid bits and all attributes; else the
 * files are the caller's. ENOENT: the guest has no `from`, or no tar. What was copied before a
 * failure stays. To "-": a tar stream on standard output, as the guest makes it; the limits are
 * not for that.
 */
HYPERMIN_API int hypermin_copy_out(struct hypermin *h, const char *from, const char *to,
	uint64_t max_bytes, bool same_owner);

/* How long a copy may take, in milliseconds; 0 (default): as long as it does. Then it fails with
 * ETIMEDOUT, and tar in the guest ends as a command does whose time is over. */
HYPERMIN_API void hypermin_set_copy_timeout(struct hypermin *h, unsigned ms);

/* ---- Sessions: VMs that other processes of this user can come back to ---- */

/*
 * Start the VM of these settings as a session, and serve its clients until one of them stops
 * it. The call lasts as long as the session; afterwards the handle is only good for
 * hypermin_free(). `name` has 1 to 63 letters, digits and "._-", and begins with a letter or
 * digit; NULL: vm1, vm2 and so on, the first that is free.
 *
 * ready() (may be NULL) is called once, when clients can connect, with the session's name, which
 * is valid during that call, and with `data`. If it returns a negative number, the session ends,
 * and hypermin_error_number() is ECANCELED. After idle_ms milliseconds (0: never) without a
 * command the session ends, too.
 *
 * 0: it was stopped, or was idle for that long. -1: EEXIST, there is a session of this name;
 * or the VM could not be started, or was lost; or, with EINTR, hypermin_interrupt() was called.
 * That ends the session as hypermin_stop() does, and a second time at once.
 */
HYPERMIN_API int hypermin_keep(struct hypermin *h, const char *name, unsigned idle_ms,
	int (*ready)(const char *name, void *data), void *data);

/*
 * Start a VM that waits, standing still, for a hypermin_start() of this user, in this or another
 * process, that wants just such a one: hypermin_set_take_ready(). It is for one handle, and ends
 * with that. The call lasts as long as the VM. It can have no disks, directories or network, and
 * none of the settings with which a VM always boots.
 *
 * At most `max` VMs that were made with the same settings wait or are in use so. If there are
 * that many, it returns 0 at once; and -1 if the host has not the memory available for them. 1:
 * the VM was taken, and has ended, in whatever way. Call it again, with a new handle, for the
 * next one. 0: hypermin_stop_ready() was called, or nobody has taken it for idle_ms milliseconds
 * (0: it waits for ever). -1: as hypermin_keep(). So is ready(), but the name that it gets is of
 * no use: such a VM is not a session.
 */
HYPERMIN_API int hypermin_keep_ready(struct hypermin *h, unsigned max, unsigned idle_ms,
	int (*ready)(const char *name, void *data), void *data);
/*
 * A setting: hypermin_start() takes a VM that waits (hypermin_keep_ready()) if there is one that
 * was made with the same settings, and gives it the handle's disks and directories. If there is
 * none, or it can't be given what the handle has, a VM is started as usual. Default: false.
 *
 * A VM that was taken is served by the process that has kept it. Commands run in it as in any
 * other, and files can be copied. hypermin_stop(), hypermin_kill(), hypermin_free() and the end
 * of this process end it; of these only hypermin_stop() has it write out its disks first.
 * hypermin_block_devices() and hypermin_save() fail.
 */
HYPERMIN_API void hypermin_set_take_ready(struct hypermin *h, bool take);
/* End all VMs of this user that wait. One that was taken goes on, and its hypermin_keep_ready()
 * returns 0 afterwards. It may take some seconds, since VMs that start just now are waited for.
 * Returns how many have ended, or -1. */
HYPERMIN_API int hypermin_stop_ready(struct hypermin *h);

/*
 * Let a new handle, without settings, stand for a session. hypermin_exec() and
 * hypermin_begin() run commands in it, beside those of others. hypermin_stop() and
 * hypermin_kill() end the session for all; hypermin_free() leaves it as it is. Different
 * handles may stand for the same session, in any number of processes.
 *
 * Whenever a call finds no such session, here or later, hypermin_error_number() is ENOENT, and
 * the message says why it has ended, if it did so by itself. EAGAIN: it is still starting.
 * EPROTO: another version of hypermin keeps it.
 */
HYPERMIN_API int hypermin_open_session(struct hypermin *h, const char *name);

/*
 * Of a handle that stands for a session: save all of its VM as a state of this name, memory,
 * running commands, disks and all. `name` is as a session's. While it is written down the VM
 * stands still, and so do all its clients; then it goes on, also if this fails.
 *
 * The state is kept in the cache of this handle (hypermin_set_cache_dir()) until
 * hypermin_remove_state(). The content of a disk that the VM may write to is copied, too. A
 * read-only disk is not: it has to stay as it is, or no VM goes on from the state.
 *
 * EEXIST: there is a state of this name. It fails, too, if the session has directories of the
 * host. hypermin_interrupt() ends it before the VM is written down; later it has no effect.
 */
HYPERMIN_API int hypermin_save(struct hypermin *h, const char *name);
/* Remove a saved state. ENOENT: there is none. EBUSY: VMs that go on from it run. */
HYPERMIN_API int hypermin_remove_state(struct hypermin *h, const char *name);

/* Its strings are valid during the call that has it. */
struct hypermin_session {
	const char *name;
	/* In seconds since 1970. */
	int64_t started;
	/* Of the host, that its VM takes, in bytes; -1: unknown. */
	int64_t memory;
	/* How many disks the VM has, and how many commands of clients run in it. */
	unsigned disks, commands;
	/* What it was made from, in a word or two. */
	const char *origin;
};

/* `json` has all that is known of it, as an object. A function for hypermin_list_sessions() may
 * make calls on other handles, but not on that one. */
typedef void hypermin_session_fn(
	const struct hypermin_session *session, const char *json, void *data);

/* All sessions of this user, by name; the handle may be any. One that ends meanwhile is left
 * out. So is, with a warning in the log, one that does not answer for two seconds, or that
 * another version of hypermin keeps. */
HYPERMIN_API int hypermin_list_sessions(
	struct hypermin *h, hypermin_session_fn *fn, void *data);

/* ---- Appliances in directories, for launchers of their own. No VM is started. ---- */

enum hypermin_format {
	/* `kernel`, `initrd` and `root`, a raw image with an ext2 file system. The initrd
	 * mounts the disk that root=UUID=…, LABEL=… or /dev/… on the kernel's command line
	 * names, and executes its /init. */
	HYPERMIN_FORMAT_EXT2,
	/* The bare tree. */
	HYPERMIN_FORMAT_CHROOT,
};

struct hypermin_assembly {
	/* Set by HYPERMIN_ASSEMBLY_INIT. */
	size_t struct_size;
	/*
	 * NULL-terminated paths of files, or of directories of such files. What a file is
	 * shows in its content, also inside gzip, xz or zstd: a base image (tar, cpio), or
	 * a list of packages, of the host's files ("/…", with wildcards), or of what to
	 * leave out ("-…").
	 */
	const char *const *inputs;
	/* NULL-terminated: directories to put in as they are; or NULL. */
	const char *const *trees;
	/* A directory, replaced in one step. */
	const char *output;
	enum hypermin_format format;
	/* In bytes; 0: 4 GiB, or more where that leaves little room. */
	uint64_t image_size;
	/* Else `kernel` is a symlink to the host's. */
	bool copy_kernel;
	/* Leave an output alone that is as it would be made. */
	bool if_newer;
	/* Put /packagelist in. */
	bool package_list;
	/* Of several calls with this file, one works at a time; or NULL. */
	const char *lock_file;
	/* Prefer kernels with this in their names ("x86_64"); or NULL. */
	const char *cpu;
	/* NULL: found on the host. */
	const char *kernel, *kernel_version, *modules_dir;
	/* For what is unpacked; NULL: beside the output. */
	const char *spool_dir;
	/* No file is younger than clamp_to, in seconds since 1970. */
	bool clamp_times;
	int64_t clamp_to;
	/* HYPERMIN_FORMAT_CHROOT: keep devices, and the setuid bits and capabilities of files that
	 * archives bring. Any user of this machine can use them there. */
	bool privileged;
};

#define HYPERMIN_ASSEMBLY_INIT                                  \
	{                                                       \
		.struct_size = sizeof(struct hypermin_assembly) \
	}

/* *ret_made (may be NULL): false if if_newer found nothing to do. hypermin_interrupt() ends
 * it early. However it ends, the output is the old one or the new one, whole. */
HYPERMIN_API int hypermin_assemble(
	struct hypermin *h, const struct hypermin_assembly *assembly, bool *ret_made);

/*
 * The path of one of hypermin's own programs ("hypermin-builder", or "hypermin" itself): in
 * $HYPERMIN_LIBEXECDIR, beside the running program, or where it was installed. For front ends
 * that hand a whole command on to one. NULL with an error if there is none that can be
 * executed. The caller frees it with free().
 */
HYPERMIN_API char *hypermin_find_program(struct hypermin *h, const char *name);

/* ---- The cache: what is kept so that nothing is built twice ---- */

struct hypermin_cache_item {
	/* "appliance", "snapshot", "state" (saved), "part" (kernel, initrd or root image,
	 * shared by appliances), "request" (what was asked for), "temporary" or "lock" */
	const char *kind;
	/* Its name in the cache; for most kinds 64 hex digits. */
	const char *key;
	/* What it is for, in a line; may be empty. */
	const char *description;
	/* On disk; shared blocks count in full. */
	uint64_t bytes;
	/* Seconds since 1970, to the minute. */
	int64_t last_use;
	bool in_use;
	/* By this call. */
	bool removed;
};

/* `text`: what hypermin_cache_verify() found wrong, or NULL; why hypermin_cache_collect()
 * removes or keeps it; else NULL. All of it is valid during the call. */
typedef void hypermin_cache_fn(
	const struct hypermin_cache_item *item, const char *text, void *data);

/* Where it is. Valid as long as the handle; NULL with an error if it can't be used. */
HYPERMIN_API const char *hypermin_cache_directory(struct hypermin *h);

/* Everything in it, by kind, and in each kind the item used longest ago first. ret_bytes
 * (may be NULL): the size of everything together on disk. */
HYPERMIN_API int hypermin_cache_list(
	struct hypermin *h, hypermin_cache_fn *fn, void *data, uint64_t *ret_bytes);

/* The manifest, JSON, of the one item whose key begins like this. NULL with an error if
 * there is none, or more than one. The caller frees it with free(). */
HYPERMIN_API char *hypermin_cache_manifest(struct hypermin *h, const char *key);

/*
 * Read everything, or only the appliance of hypermin_set_appliance(), and compare it to
 * what was written. Returns the number of damaged items, or -1. With `repair` they are
 * removed, which costs a build. fn (may be NULL) is called for each item.
 */
HYPERMIN_API int hypermin_cache_verify(
	struct hypermin *h, bool repair, hypermin_cache_fn *fn, void *data);

struct hypermin_cache_limits {
	/* Remove what was used longest ago until no more than this is left; 0: 8 GiB. */
	uint64_t max_bytes;
	/* Remove what was not used for this many seconds; 0: 30 days. */
	int64_t max_age;
	/* Remove everything that is not in use, except saved states. */
	bool everything;
	/* On a file system without locks nothing shows what is in use, and only leftovers of
	 * killed processes are removed. With this, everything counts as not in use there. */
	bool force;
};

/* Remove what is old, too much, or left by processes that were killed, but nothing that is
 * in use. A build does it with the default limits. Returns the number of items removed, or
 * -1. fn (may be NULL) is called for each item removed, or kept though it is due. */
HYPERMIN_API int hypermin_cache_collect(struct hypermin *h,
	const struct hypermin_cache_limits *limits, hypermin_cache_fn *fn, void *data);

/* ---- What the host offers ---- */

enum hypermin_finding {
	HYPERMIN_FINDING_OK,
	/* It works, but could be better. */
	HYPERMIN_FINDING_NOTE,
	/* hypermin_start() will fail. */
	HYPERMIN_FINDING_PROBLEM,
};

/* `topic` is a word ("qemu"), `text` what was found, `advice` what to do, or NULL. */
typedef void hypermin_doctor_fn(enum hypermin_finding finding, const char *topic,
	const char *text, const char *advice, void *data);

/* Look at everything that a start needs. Returns the number of problems. */
HYPERMIN_API int hypermin_doctor(struct hypermin *h, hypermin_doctor_fn *fn, void *data);

#ifdef __cplusplus
}
#endif

#endif
