/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a VM: the appliance for the best route, and another one if that route fails.
 * Here src/vm, which resumes VMs from snapshots, meets the cache, which keeps them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/cgroup.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "base/strbuf.h"
#include "cache/snapshots.h"
#include "protocol/boot.h"
#include "vm/network.h"

/* A week. */
#define GDB_PATIENCE_MS (7u * 24 * 3600 * 1000)

/* ---- Snapshots ---- */

struct snapshot_search {
	const struct cache *cache;
	/* The cache has no snapshot with the best number of slots, or a snapshot could not
	 * be resumed: one should be made. */
	bool missing;
	/* It had one, which was no good. */
	bool discarded;
	/* Such VMs can't resume here: that was found out before. */
	bool refused;
};

static bool find_snapshot(
	const char *identity, bool best, struct vm_snapshot *ret, void *data)
{
	struct snapshot_search *search = data;
	struct snapshot_files files;

	switch (snapshots_find(search->cache, identity, &files)) {
	case SNAPSHOTS_FOUND:
		*ret = (struct vm_snapshot){files.ram_fd, files.state_fd};
		return true;
	case SNAPSHOTS_NONE:
		search->missing |= best;
		break;
	case SNAPSHOTS_REFUSED:
		search->refused = true;
		break;
	}
	return false;
}

/* ---- The one that came with the appliance ---- */

/* As the log has it: the first line that only one of them has. */
static void log_other_identity(const char *shipped, const char *here)
{
	const char *a = shipped, *b = here;

	for (size_t len; (len = strcspn(a, "\n")) == strcspn(b, "\n") &&
		strncmp(a, b, len) == 0 && a[len];) {
		a += len + 1;
		b += len + 1;
	}
	CLEANUP_FREE char *line = xstrndup(a, strcspn(a, "\n"));
	CLEANUP_FREE char *theirs = printable_dup(line);
	log_info(
		"the appliance's snapshot is for another VM or qemu: it has '%s' where this "
		"one has '%.*s'",
		theirs, (int)strcspn(b, "\n"), b);
}

static bool find_shipped(
	const char *identity, bool best, struct vm_snapshot *ret, void *data)
{
	const struct appliance *a = data;
	struct snapshot_files files;
	struct error err;

	(void)best;
	if (strcmp(a->snapshot->identity, identity) != 0) {
		log_other_identity(a->snapshot->identity, identity);
		return false;
	}
	if (appliance_open_snapshot(a, &files, &err) < 0) {
		log_warning("the appliance's snapshot can't be used, the VM boots: %s",
			err.msg);
		return false;
	}
	*ret = (struct vm_snapshot){
		.ram_fd = files.ram_fd, .state_fd = files.state_fd, .is_own = true};
	return true;
}

/* It was not written to the appliance yet. */
static bool find_trial(
	const char *identity, bool best, struct vm_snapshot *ret, void *data)
{
	const struct vm_snapshot *trial = data;
	CLEANUP_CLOSE int ram = fcntl(trial->ram_fd, F_DUPFD_CLOEXEC, 3);
	CLEANUP_CLOSE int state = fcntl(trial->state_fd, F_DUPFD_CLOEXEC, 3);

	(void)identity;
	(void)best;
	if (ram < 0 || state < 0 || lseek(state, 0, SEEK_SET) < 0)
		return false;
	*ret = (struct vm_snapshot){TAKE_FD(ram), TAKE_FD(state)};
	return true;
}

static void discard_snapshot(const char *identity, void *data)
{
	struct snapshot_search *search = data;

	snapshots_discard(search->cache, identity);
	search->missing = search->discarded = true;
}

/* ---- The start ---- */

/*
 * The last line of /etc/localtime is the zone's rule in the form of TZ (tzfile(5)), which
 * needs no zone data in the guest. "" for UTC, which the guest has anyway.
 */
static void find_timezone(char ret[static TIMEZONE_SIZE])
{
	/* It becomes a word of the kernel's command line. */
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789<>,.:/+-";
	char file[8192];

	ret[0] = '\0';
	CLEANUP_CLOSE int fd = open("/etc/localtime", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : read(fd, file, sizeof(file));
	if (len < 6 || len == sizeof(file) || memcmp(file, "TZif", 4) != 0 ||
		file[len - 1] != '\n')
		return;
	file[len - 1] = '\0';
	const char *rule = memrchr(file, '\n', len - 1);
	if (rule && rule[1 + strspn(rule + 1, allowed)] == '\0' &&
		strlen(rule + 1) < TIMEZONE_SIZE && strcmp(rule + 1, "UTC0") != 0)
		strcpy(ret, rule + 1);
}

static const char *kernel_options_variable(void)
{
	const char *options = secure_getenv("HYPERMIN_KERNEL_OPTIONS");

	return options && *options ? options : NULL;
}

/* The user's words for the kernel; NULL if there are none. */
static char *kernel_options(const struct hypermin *h)
{
	const char *variable = kernel_options_variable();
	struct strbuf sb = {0};

	if (variable)
		strbuf_adds(&sb, variable);
	vector_foreach (words, &h->append)
		strbuf_addf(&sb, "%s%s", sb.len ? " " : "", *words);
	return sb.len ? strbuf_detach(&sb) : NULL;
}

bool handle_is_special(const struct hypermin *h)
{
	return kernel_options_variable() || h->append.len || h->qemu_args.len ||
		h->gdb_port;
}

/* The VM on the open appliance, which is made for one route: the VM takes that one. */
static int make_config(
	struct hypermin *h, const char *qemu, const char *options, struct vm_config *ret)
{
	size_t n_served = handle_served_count(h);

	if ((h->host || h->shares.len > n_served) && !h->share_program &&
		!(h->share_program = handle_find_program("hypermin-share", &h->error)))
		return -1;
	if (n_served && !h->serve_program &&
		!(h->serve_program = handle_find_program("hypermin-serve", &h->error)))
		return -1;
	if (h->network.endpoints.len && !h->reach_program &&
		!(h->reach_program = handle_find_program("hypermin-reach", &h->error)))
		return -1;
	const struct handle_state *state = h->state;
	static const struct vm_network no_network = {0};
	struct vm_config config = {
		.qemu = qemu,
		.kernel = h->appliance.kernel,
		.initrd = h->appliance.initrd,
		.root = h->appliance.root,
		.kernel_options = options,
		.route = handle_route(h),
		.plain = h->plain,
		.fast = h->fast,
		.own_init = h->appliance.own_init,
		.hold = h->appliance.own_init ? h->hold : NULL,
		.console = h->console,
		.qemu_args = h->qemu_args.len ? &h->qemu_args : NULL,
		.gdb_port = h->gdb_port,
		.gdb_waits = h->gdb_waits,
		.accel = h->accel,
		.memory_mib = handle_memory_mib(h),
		.cpus = handle_cpus(h),
		/* A guest that is looked at in gdb stands still. */
		.boot_timeout_ms = h->gdb_port ? GDB_PATIENCE_MS : h->boot_timeout_ms,
		.silence_timeout_ms =
			h->gdb_port ? GDB_PATIENCE_MS : h->silence_timeout_ms,
		.saved = state ? &state->vm : NULL,
		.network = vm_network_is_wanted(&h->network) ? &h->network
			: state && state->vm.has_network     ? &no_network
							     : NULL,
		.share_program = h->share_program,
		.serve_program = h->serve_program,
		.reach_program = h->reach_program,
		.timeline = h->timeline,
		.strict = h->strict,
		/* How it boots with such options is not to be remembered. */
		.cache_fd = handle_is_special(h) ? -1 : h->cache.fd,
		.fixed = h->fixed ? h->appliance.contents : NULL,
		.part_fds = h->appliance.part_fds,
		.control_fd = h->control[0],
	};

	if (!config.route)
		return error_set(&h->error, 0,
			"start the appliance: it is for the route '%s', which this version "
			"of hypermin does not know; build the appliance again",
			h->appliance.route);
	config.disks = handle_disks(h, &config.n_disks);
	strcpy(config.root_uuid, h->appliance.root_uuid);
	find_timezone(config.timezone);
	*ret = config;
	return 0;
}

/* Why a VM that has these terms is not resumed, whatever snapshots there are; NULL: it may
 * be. */
static const char *why_never_resumed(
	const struct hypermin *h, const struct start_terms *terms)
{
	if (terms->cold)
		return "a cold start was asked for";
	if (h->timeline)
		return "a timeline is of a boot";
	if (h->appliance.own_init && !h->hold)
		return "the appliance is not held at a port";
	if (handle_is_special(h))
		return "options for kernel developers always boot";
	/* A fixed appliance runs where there is no cache, too. */
	if (h->cache.fd < 0 || h->private_cache.path)
		return "the cache can't be written to";
	return NULL;
}

static const char *why_booted(
	const struct hypermin *h, const struct snapshot_search *search)
{
	if (!vm_identity(h->vm))
		return "there can be no snapshot with this machine and these disks";
	if (search->discarded)
		return "the snapshot could not be used";
	return search->refused ? "snapshots of such a VM do not work here"
			       : "there is no snapshot of such a VM yet";
}

/* ---- Memory ---- */

/* Of qemu itself, with the code that it makes of the guest's, and of hypermin. */
#define MEMORY_BESIDE_MIB 128

/* In MiB, for a guest. */
static unsigned room_in_control_group(void)
{
	CLEANUP_CLOSE int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t limit = cgroup_memory_limit(host) >> 20;

	return limit <= MEMORY_BESIDE_MIB
		? 0
		: MIN(limit - MEMORY_BESIDE_MIB, (uint64_t)UINT32_MAX);
}

unsigned handle_memory_mib(const struct hypermin *h)
{
	unsigned mib = DEFAULT_MEMORY_MIB;

	if (h->state)
		return h->state->memory_mib;
	if (h->memory_mib || h->found_memory_mib)
		return h->memory_mib ? h->memory_mib : h->found_memory_mib;
	/* Its maker may be anyone: it can ask for less, and not for more. */
	if (h->appliance.snapshot)
		mib = MIN(mib, h->appliance.snapshot->memory_mib);
	return MAX(MEMORY_MIN_MIB, MIN(mib, room_in_control_group()));
}

/* What was asked for is the user's to know. */
static int check_memory(struct hypermin *h)
{
	if (h->state || h->memory_mib)
		return 0;
	unsigned room = room_in_control_group();
	if (room < MEMORY_MIN_MIB)
		return error_set(&h->error, ENOMEM,
			"start the VM: the memory limit of this control group leaves %u MiB for "
			"the guest, beside the %d MiB for qemu, and it needs %d: raise the limit, "
			"or choose the guest's memory yourself (--memory)",
			room, MEMORY_BESIDE_MIB, MEMORY_MIN_MIB);
	h->found_memory_mib = 0;
	h->found_memory_mib = handle_memory_mib(h);
	if (room >= DEFAULT_MEMORY_MIB)
		return 0;
	log_info(
		"memory: %u MiB, since this control group's limit leaves %u MiB for the guest",
		h->found_memory_mib, room);
	return 0;
}

static int check_own_init(struct hypermin *h, const struct start_terms *terms)
{
	bool own_init = h->appliance.own_init;

	if (h->hold && !own_init)
		return error_set(&h->error, 0,
			"hold the VM at the port '%s': only an appliance with an /init of its own "
			"can be held",
			h->hold);
	if (own_init && h->host)
		return error_set(&h->error, 0,
			"show the host's whole tree: an appliance with an /init of its own "
			"decides what is the root of its commands; share directories instead "
			"(--share)");
	if (own_init && !h->hold && h->shares.len)
		return error_set(&h->error, 0,
			"share directories with an appliance that has an /init of its own: it has "
			"to be held at a port meanwhile; name that (--hold)");
	if (own_init && (terms->lasting || terms->awaits_disks))
		return error_set(&h->error, 0,
			"keep the VM: its appliance has an /init of its own, which decides what "
			"runs in it");
	if (own_init && h->timeline)
		return error_set(&h->error, 0,
			"draw a timeline: an appliance with an /init of its own has none");
	return 0;
}

static enum vm_start_result start_on_route(struct hypermin *h, const char *qemu,
	const struct start_terms *terms, bool *ret_no_snapshot)
{
	struct snapshot_search search = {.cache = &h->cache};
	const struct vm_snapshots snapshots = {find_snapshot, discard_snapshot, &search};
	const struct vm_snapshots shipped = {.find = find_shipped, .data = &h->appliance};
	const struct vm_snapshots trial = {
		.find = find_trial, .data = (struct vm_snapshot *)terms->trial};
	CLEANUP_FREE char *options = kernel_options(h);
	struct vm_config config;
	size_t n_shares;
	CLEANUP_FREE struct vm_share *shares = handle_shares(h, &n_shares);

	if (make_config(h, qemu, options, &config) < 0)
		return VM_NO_START;
	config.reserved_slots = terms->reserved_slots;
	config.record = terms->record;
	config.lasting = terms->lasting;
	config.awaits_disks = terms->awaits_disks;
	config.portable = terms->portable;
	config.shipped_is_ours = terms->trial != NULL;
	if (terms->portable || terms->trial)
		config.accel = VM_ACCEL_TCG;
	config.shares = shares;
	config.n_shares = n_shares;
	struct vm_disk *disks = handle_all_disks(h, shares, n_shares, &config.n_disks);
	config.disks = disks;
	h->why_boot = h->from ? NULL : why_never_resumed(h, terms);
	if (!h->from && !h->why_boot)
		config.snapshots = &snapshots;
	if (terms->trial)
		config.shipped = &trial;
	else if (h->appliance.snapshot && !terms->cold && !terms->record &&
		!h->timeline && !handle_is_special(h))
		config.shipped = &shipped;
	enum vm_start_result result = vm_start(&config, &h->vm, &h->error);
	handle_free_disks(h, disks, config.n_disks);
	if (result != VM_STARTED)
		return result;
	if (vm_is_resumed(h->vm))
		h->why_boot = NULL;
	else if (config.snapshots)
		h->why_boot = why_booted(h, &search);
	*ret_no_snapshot = search.missing && (vm_is_resumed(h->vm) || vm_identity(h->vm));
	return VM_STARTED;
}

/* Find out first what can't be run; building takes long. The architecture of a fixed
 * appliance, and of a saved state, stands in it. */
static char *find_qemu(struct hypermin *h)
{
	if ((h->fixed || h->from ? hypermin_prepare(h) : handle_find_architecture(h)) < 0)
		return NULL;
	return vm_find_qemu(h->architecture, &h->error);
}

int handle_start(
	struct hypermin *h, const struct start_terms *terms, bool *ret_no_snapshot)
{
	bool check_later = true;

	if (h->vm || h->stopped || h->session)
		return error_set(&h->error, 0,
			"start the VM: it was started before; a handle is one VM");
	CLEANUP_FREE char *qemu = find_qemu(h);
	if (!qemu)
		return -1;
	for (;;) {
		if (handle_prepare(h, !terms->no_build, check_later) < 0 ||
			check_own_init(h, terms) < 0 || check_memory(h) < 0)
			return -1;
		int taken = terms->take_ready ? handle_take_ready(h) : 0;
		if (taken < 0 || (!taken && handle_claim_memory(h, qemu) < 0))
			return -1;
		enum vm_start_result result = taken
			? VM_STARTED
			: start_on_route(h, qemu, terms, ret_no_snapshot);
		if (result == VM_STARTED) {
			if (!taken)
				handle_confirm_memory(h);
			if (appliance_confirm(&h->appliance))
				return 0;
			/* No command has run in this VM, and none may. */
			log_info("a file of the host was changed in place");
			vm_free(TAKE_PTR(h->vm));
			handle_leave_ready(h);
			appliance_done(&h->appliance);
			check_later = false;
			continue;
		}
		/* Another route takes another appliance. */
		if (result != VM_NO_ROUTE || !handle_close_route(h))
			return -1;
	}
}

int hypermin_start(struct hypermin *h)
{
	const struct start_terms terms = {.cold = h->cold, .take_ready = h->take_ready};

	if (handle_start(h, &terms, &h->wants_snapshot) < 0)
		return -1;
	/* Between two calls, and while commands are under way, it is ours (job.c). A VM that
	 * was taken is not in this process. */
	if (h->vm)
		vm_set_control(h->vm, -1);
	return 0;
}

char *handle_convert(
	struct hypermin *h, int checkpoint_fd, const struct vm_snapshot *record)
{
	struct vm_config config;
	char *identity;

	CLEANUP_FREE char *qemu = vm_find_qemu(h->architecture, &h->error);
	if (!qemu || make_config(h, qemu, NULL, &config) < 0)
		return NULL;
	config.record = record;
	return vm_convert(&config, checkpoint_fd, &identity, &h->error) < 0 ? NULL
									    : identity;
}

/* ---- Without starting it ---- */

/* As a shell reads it; an option and its value are a line. */
static void add_quoted(struct strbuf *sb, const char *word, bool is_first)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_-+=:,./@%";

	if (!is_first)
		strbuf_adds(sb, *word == '-' ? " \\\n\t" : " ");
	if (*word && !word[strspn(word, safe)]) {
		strbuf_adds(sb, word);
		return;
	}
	strbuf_addc(sb, '\'');
	for (; *word; word++)
		strbuf_adds(sb, *word == '\'' ? "'\\''" : (const char[]){*word, '\0'});
	strbuf_addc(sb, '\'');
}

char *hypermin_qemu_command(struct hypermin *h)
{
	struct vm_config config;
	struct vm_line line;
	struct strbuf sb = {0};

	if (h->from)
		return error_null(&h->error, 0,
			"print qemu's command line: by hand no VM can go on from a saved state");
	CLEANUP_FREE char *qemu = find_qemu(h);
	if (!qemu || hypermin_prepare(h) < 0)
		return NULL;
	if (h->appliance.own_init)
		return error_null(&h->error, 0,
			"print qemu's command line: there would be no shell, since the appliance "
			"has an /init of its own");
	if (h->private_cache.path)
		return error_null(&h->error, EROFS,
			"print qemu's command line: the cache can't be written to, and the "
			"appliance that was built elsewhere is removed now");
	CLEANUP_FREE char *options = kernel_options(h);
	if (make_config(h, qemu, options, &config) < 0)
		return NULL;
	config.by_hand = true;
	if (h->host || h->shares.len)
		log_warning(
			"started by hand, the VM has none of the shared directories: a "
			"process of hypermin's would have to serve them");
	if (config.network)
		log_warning("started by hand, the VM has a network interface without an "
			    "address: the agent would configure it");
	if (vm_line_make(&config, -1, -1, &line, &h->error) < 0)
		return NULL;
	for (size_t i = 0; i < line.argv.len; i++)
		add_quoted(&sb, line.argv.items[i], i == 0);
	vm_line_done(&line);
	return strbuf_detach(&sb);
}

/* A build tree has its vmlinux at its top; distributions' packages have it there. */
char *hypermin_gdb_command(struct hypermin *h)
{
	if (!h->gdb_port)
		return error_null(&h->error, 0, "debug the VM: no port for gdb is set");
	if (hypermin_prepare(h) < 0)
		return NULL;
	const char *version = h->appliance.kernel_version;
	const char *kernel = h->kernel ? h->kernel : "";
	/* The tree, or the image in it. */
	const char *image = strstr(kernel, "/arch/");
	char *const places[] = {
		xasprintf("%.*s/vmlinux",
			(int)(image ? (size_t)(image - kernel) : strlen(kernel)), kernel),
		xasprintf("/usr/lib/debug/boot/vmlinux-%s", version),
		xasprintf("/usr/lib/debug/lib/modules/%s/vmlinux", version),
	};
	struct strbuf sb = {0};

	strbuf_adds(&sb, "gdb ");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (sb.len == strlen("gdb ") && access(places[i], R_OK) == 0)
			add_quoted(&sb, places[i], true);
		free(places[i]);
	}
	strbuf_addf(&sb, "%s-ex 'target remote :%u'", sb.len == strlen("gdb ") ? "" : " ",
		h->gdb_port);
	return strbuf_detach(&sb);
}
