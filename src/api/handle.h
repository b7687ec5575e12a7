/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a public handle holds. Three parts, each written by one side only:
 *
 *	settings    by the calls that set them, before the appliance is opened. Nothing
 *	            else changes them: where a call needs a start that differs from the
 *	            settings, it says how in struct start_terms.
 *	appliance   by handle_prepare(), with the routes and the caches that it takes
 *	VM          by handle_start(), on an open appliance
 *
 * and beside them the commands under way, which several threads may use at once (job.c).
 */
#pragma once

#include <jansson.h>
#include <poll.h>
#include <pthread.h>

#include "appliance/appliance.h"
#include "base/child.h"
#include "base/vector.h"
#include "cache/states.h"
#include "hypermin.h"
#include "protocol/protocol.h"
#include "session/memory.h"
#include "vm/vm.h"

#define MEMORY_MIN_MIB	   128
#define DEFAULT_MEMORY_MIB 1024
#define DEFAULT_CPUS	   1

/* The saved state that a VM resumes from. */
struct handle_state {
	/* While a state is being saved, only directory and manifest are set. */
	struct state files;
	struct vm_saved vm;
	unsigned memory_mib, cpus;
	/* First the vm.n_disks of the state; those that were writable are files of the state.
	 * Behind them are the disks of the settings, as copies whose strings belong to the
	 * settings. */
	VECTOR(struct vm_disk) disks;
};

/* The last error of one thread, of those that have used the handle at once. */
struct thread_error {
	pthread_t thread;
	struct error error;
};

struct hypermin {
	/* Of the last call that had the handle for itself, or of the one that has the lock. */
	struct error error;
	/* base/control.h; -1 if it could not be opened: control_error says why. */
	int control[2];
	struct error control_error;

	/* ---- Settings ---- */
	struct strvec packages;
	/* The system that the VM is made of. */
	char *root;
	char *kernel, *modules_dir;
	/* As image_name_text() writes it; NULL: the root is made of packages. */
	char *image;
	char *cache_dir;
	/* The directory of an appliance that is taken as it is. */
	char *fixed;
	/* Of one with an /init of its own: the port that it is held at, or NULL. */
	char *hold;
	/* The name of a saved state, which is taken in place of an appliance. */
	char *from;
	/* 0: what handle_memory_mib() finds fit. */
	unsigned memory_mib;
	unsigned cpus, boot_timeout_ms, silence_timeout_ms;
	enum vm_accel accel;
	/* NULL: the best. */
	char *machine, *root_bus;
	unsigned wait_memory_ms; /* 0: it starts whether there is memory or not */
	bool plain, fast, console;
	/* Always boot. */
	bool cold;
	/* Start only what can be confined by all layers. */
	bool strict;
	unsigned copy_timeout_ms; /* 0: none */
	/* hypermin_start() takes a VM that waits, if there is one. */
	bool take_ready;
	/* Words for the kernel's command line, and arguments for qemu. */
	struct strvec append, qemu_args;
	unsigned gdb_port; /* 0: none */
	bool gdb_waits;
	VECTOR(struct vm_disk) disks;
	VECTOR(struct vm_share) shares;
	/* The host's tree; NULL: it is not shared. */
	struct vm_share *host;
	struct vm_network network;
	/* Paths, found when they are needed. */
	char *share_program, *serve_program, *reach_program;
	/* NULL: not kept. */
	struct timeline *timeline;
	char *timeline_path;
	int timeline_fd;

	/* ---- The appliance ---- */
	/* Of the root, or of the fixed appliance; NULL: not found out yet. */
	const struct architecture *architecture;
	/* By handle_start(): the guest's memory where the settings leave it open; 0: not found
	 * out yet. A limit may change while the VM runs. */
	unsigned found_memory_mib;
	/* The routes that have not failed so far. */
	struct vm_routes routes;
	struct cache cache;
	/* Takes the cache's place where that can't be written to. */
	struct cache private_cache;
	struct appliance appliance;
	/* With `from`, where the appliance is the state's root; else NULL. */
	struct handle_state *state;

	/* ---- The VM ---- */
	struct vm *vm;
	/* The VM is another process's: the session's name. Then all of the above is as in a
	 * new handle. */
	char *session;
	/* The session is a VM that has waited for this handle, and ends when this is closed;
	 * -1: it does not. */
	int owner_fd;
	/* Of the directories that such a VM was given; zero: there are none. */
	struct child share_server;
	struct memory_claim memory_claim;
	/* By hypermin_stop(); vm is NULL then. */
	bool stopped;
	/* Why the VM was booted, and not resumed; NULL: it was resumed. */
	const char *why_boot;
	/* hypermin_start() found no snapshot for such a VM, or one that was no good:
	 * hypermin_free() has one made. */
	bool wants_snapshot;

	/* ---- Commands under way: job.c ---- */
	/* Held wherever several threads may call, but not while one of them waits. */
	pthread_mutex_t lock;
	/* A job is over, or nobody polls any more. */
	pthread_cond_t others;
	VECTOR(struct hypermin_job *) jobs;
	VECTOR(struct thread_error *) errors;
	/* What a thread polls for all, while is_polled. is_listed: the caller polls it. */
	VECTOR(struct pollfd) polled;
	bool is_polled, is_listed;
	/* How often that has changed; wake_fd, an eventfd, wakes the thread that polls. */
	unsigned changes;
	int wake_fd;
	/* Why the VM is over; empty: that has not been noticed. */
	struct error loss;
	/* When the time of the last command is over; 0: it has no limit. */
	int64_t time_over_ms;
};

/*
 * One of hypermin's own programs: in $HYPERMIN_LIBEXECDIR, beside the running program (a
 * build tree), or where it was installed. A new string.
 */
char *handle_find_program(const char *name, struct error *err);
int handle_open_cache(struct hypermin *h);
int handle_check_not_started(struct hypermin *h);
/* Find out h->architecture by the settings, unless that was done. */
int handle_find_architecture(struct hypermin *h);
/* The same for h->routes. */
int handle_find_routes(struct hypermin *h);
/* What to ask for, by the settings. The caller frees appliance_request.routes; the rest is
 * the handle's. */
int handle_appliance_request(struct hypermin *h, struct appliance_request *ret);
void handle_drop_timeline(struct hypermin *h);
/* The route that the open appliance is for. */
const struct vm_route *handle_route(const struct hypermin *h);
/* Forget the appliance and its route, which failed. False if there is no other route. */
bool handle_close_route(struct hypermin *h);
/* hypermin_prepare(); without may_build it fails if the cache has no such appliance.
 * check_later is appliance_open()'s. */
int handle_prepare(struct hypermin *h, bool may_build, bool check_later);

/* ---- image.c ---- */

/* A command as it runs in an image's VM. */
struct image_command {
	struct strvec argv, env;
	const char *cwd, *user;
};

/* The command, with what the image says where it says nothing. Strings of ret->cwd and
 * ret->user are the command's and the appliance's. */
int handle_image_command(struct hypermin *h, const struct hypermin_command *command,
	struct image_command *ret);
void image_command_done(struct image_command *command);

/* ---- exec.c ---- */

/* A command as the VM gets it, with the strings that it is made of. */
struct handle_command {
	struct vm_command vm;
	struct image_command as_run;
	char *directory, *user;
};

/* `here` is the caller's directory, or NULL. */
int handle_command_make(struct hypermin *h, const struct hypermin_command *command,
	const char *here, struct handle_command *ret);
void handle_command_done(struct handle_command *c);
/* Let an appliance with an /init of its own go on, to its end. */
int handle_let_go(struct hypermin *h, const struct hypermin_command *command,
	struct hypermin_result *ret);
int handle_check_started(struct hypermin *h);

/* ---- session.c ---- */

/* hypermin_stop() of a session that was opened. 1: of a VM that has waited and was taken; it
 * goes on, and is the last of its place. */
int session_stop(struct hypermin *h, bool at_once);

/* Take the VM of this name that waits, and give it what `gift` describes (SESSION_TAKE):
 * h->session and h->owner_fd are set. EBUSY: another run has it already, and nothing of the
 * gift was used. */
int session_take(struct hypermin *h, const char *name, const char *gift, const int *fds,
	size_t n_fds);
/* hypermin_stop() of a VM that was taken: wait until it has ended, so long at most; -1: for
 * ever. */
int session_stop_taken(struct hypermin *h, bool at_once, int limit_ms);
/* Close the connection by which a VM was taken, so that it ends; with `wait`, wait for that,
 * but not for ever. */
void session_hang_up(int *owner_fd, bool wait);
/* What the keeper of the session of this name says of it, by one call of fn. One that ends just
 * now is none any more; one that does not answer is left out with a warning. */
int session_describe(
	struct hypermin *h, const char *name, hypermin_session_fn *fn, void *data);
/* The keeper has the VM written down to the directory, in files for a saved state: JSON that
 * says what the VM is; a new string. */
char *session_write_down(struct hypermin *h, int dir_fd);

/* ---- state.c ---- */

/* Open the state h->from as the appliance. */
int handle_open_state(struct hypermin *h);
void handle_close_state(struct hypermin *h);
/* All disks that the VM has. */
const struct vm_disk *handle_disks(const struct hypermin *h, size_t *ret_len);
/* What the VM has: a saved state says it, or else the settings. */
unsigned handle_cpus(const struct hypermin *h);
/* Write the VM down to the directory, for session_write_down(). NULL: an error, and the VM goes
 * on, unless it is over. */
char *handle_write_down(struct hypermin *h, int dir_fd);

/* ---- settings.c ---- */

/* Those of the settings that shape a snapshot, as options of the command line. */
void handle_snapshot_options(const struct hypermin *h, struct strvec *options);

/* ---- describe.c ---- */

/* What is known of the handle's own VM, as hypermin_describe() has it. */
json_t *handle_describe(const struct hypermin *h);

/* ---- memory.c ---- */

/* Claim what the VM may take of the host's memory until the handle is freed, and wait for it if
 * that is asked for. */
int handle_claim_memory(struct hypermin *h, const char *qemu);
/* The VM runs: it takes what it has claimed. */
void handle_confirm_memory(const struct hypermin *h);

/* ---- start.c ---- */

/* What one start does beyond the settings. */
struct start_terms {
	/* Boot, even if there is a snapshot. */
	bool cold;
	/* A VM of another process's will do, one that waits. */
	bool take_ready;
	/* Don't build the appliance. */
	bool no_build;
	/* It may be saved. */
	bool lasting;
	/* vm_config.awaits_disks */
	bool awaits_disks;
	/* A snapshot of it is for other machines. */
	bool portable;
	/* Resume from this portable one, which is tried; NULL: from what there is. */
	const struct vm_snapshot *trial;
	/* vm_config.reserved_slots, vm_config.record */
	unsigned reserved_slots;
	const struct vm_snapshot *record;
};

/* The guest's memory: as a saved state or the settings say; else that of the appliance's
 * snapshot, or the usual size, and no more than this process' control group has room for. */
unsigned handle_memory_mib(const struct hypermin *h);
/* Make a snapshot of a VM that was written down, as h->state says that it was: in `record`.
 * The state's identity; a new string. */
char *handle_convert(
	struct hypermin *h, int checkpoint_fd, const struct vm_snapshot *record);
/* Is such a VM only for this start? Then it always boots, and leaves no trace of how it
 * did. */
bool handle_is_special(const struct hypermin *h);
/* *ret_no_snapshot: there could be a snapshot of such a VM, but there was none that
 * works. */
int handle_start(
	struct hypermin *h, const struct start_terms *terms, bool *ret_no_snapshot);

/* ---- ready.c ---- */

#define READY_KEY_LEN 16

/* Is the end of such a VM waited for? It has disks, which are locked until then, or directories
 * that its guest may still write to. */
bool handle_is_awaited(const struct hypermin *h);
/* Can a VM of these settings wait for a run? It has nothing that only a run attaches. */
bool handle_may_wait(const struct hypermin *h);
/* By which VMs that wait are found, of the settings and the open appliance. */
void handle_ready_key(const struct hypermin *h, char ret[static READY_KEY_LEN + 1]);
/* Has the host the memory for so many VMs of this key? */
int handle_check_memory(struct hypermin *h, const char *key, unsigned max);
/* Take a VM that waits, if there is one that fits the open appliance: 1, and h->session is
 * set; 0: there is none. */
int handle_take_ready(struct hypermin *h);
/* The keeper's side: the disks and directories that a SESSION_TAKE describes become h's, the
 * directories without what is in them. The descriptors, which came with it, stay the caller's.
 * *ret_shares is an array for ret->shares, and the caller's. -1: they do not fit. */
int handle_read_gift(struct hypermin *h, const struct frame *f, const int *fds,
	size_t n_fds, struct vm_gift *ret, struct vm_share **ret_shares);
/* Give it up, if one was taken: it ends. */
void handle_leave_ready(struct hypermin *h);

/* ---- missing.c ---- */

/* The guest has no such command, as the error says. If the system that the guest is made of
 * has it, the error then also says how to get it into the VM. It takes a while; control_fd
 * (-1: nothing) ends it early. */
void handle_explain_missing(
	const struct hypermin *h, const char *command, int control_fd, struct error *err);

/* ---- job.c ---- */

void handle_init_jobs(struct hypermin *h);
void handle_done_jobs(struct hypermin *h);

/* ---- warm.c ---- */

/* Run a first command, which brings into the guest's memory what every command needs. */
void handle_rehearse(struct vm *vm);

/* Have a snapshot made for the next start, by a process of its own that nobody waits
 * for. */
void handle_warm_later(const struct hypermin *h);
/* All directories that the VM shares, the host's tree first: a new array of copies, to be
 * freed before the settings. */
struct vm_share *handle_shares(const struct hypermin *h, size_t *ret_len);
/* The host's directory `here` as the guest has it, in *ret, which is the caller's; NULL: the
 * guest has it not. Fails if with the host's tree it has another there. */
int handle_guest_directory(struct hypermin *h, const char *here, char **ret);
/* Is there something of the host's that the guest may write to? */
bool handle_is_writable(const struct hypermin *h);
/* The user's disks, and behind them one for each of these shares that is a disk: a new array,
 * to be freed by handle_free_disks(). */
struct vm_disk *handle_all_disks(const struct hypermin *h, const struct vm_share *shares,
	size_t n_shares, size_t *ret_len);
void handle_free_disks(const struct hypermin *h, struct vm_disk *disks, size_t len);
/* How many of the shares are disks. */
size_t handle_served_count(const struct hypermin *h);
/* As the options --share, --rw and --overlay have them. */
int handle_add_share_text(struct hypermin *h, const char *text);
int handle_add_writable_text(struct hypermin *h, const char *text);
int handle_add_overlay_text(struct hypermin *h, const char *text);
