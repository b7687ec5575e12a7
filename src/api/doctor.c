/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the host offers: each thing that a start needs, looked at in the way a start looks
 * at it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "api/handle.h"
#include "appliance/builder.h"
#include "base/child.h"
#include "base/monotonic.h"
#include "base/printable.h"
#include "base/strbuf.h"
#include "vm/accel.h"
#include "vm/confinement.h"

/* For a first appliance and some room. */
#define CACHE_WANTED_MIB 1024

struct doctor {
	hypermin_doctor_fn *fn;
	void *data;
	int problems;
};

static void report(struct doctor *d, enum hypermin_finding finding, const char *topic,
	const char *text, const char *advice)
{
	CLEANUP_FREE char *safe_text = printable_dup(text);
	CLEANUP_FREE char *safe_advice = advice ? printable_dup(advice) : NULL;

	if (finding == HYPERMIN_FINDING_PROBLEM)
		d->problems++;
	d->fn(finding, topic, safe_text, safe_advice, d->data);
}

/* How long `qemu --version` may take. */
#define VERSION_PATIENCE_MS 5000

struct version {
	char *line;
	int64_t deadline_ms;
};

static void keep_first_line(char *line, void *data)
{
	struct version *version = data;

	if (!version->line)
		version->line = xstrdup(line);
}

static int check_patience(void *data, struct error *err)
{
	const struct version *version = data;

	if (monotonic_ms() < version->deadline_ms)
		return 0;
	return error_set(err, ETIMEDOUT, "wait for its answer to --version");
}

/* The first line of `qemu --version`, or why there is none. A new string. `option`: one
 * more word, with its value "on"; NULL: none. */
static char *qemu_version(const char *qemu, const char *option, bool *ret_works)
{
	char *with[] = {
		(char *)qemu, (char *)option, (char *)"on", (char *)"--version", NULL};
	char *plain[] = {(char *)qemu, (char *)"--version", NULL};
	struct version version = {.deadline_ms = monotonic_ms() + VERSION_PATIENCE_MS};
	const struct child_listener listener = {.on_line = keep_first_line,
		.stop = check_patience,
		.stop_fd = -1,
		.data = &version};
	struct child child = {.argv = option ? with : plain};
	struct ended ended;
	struct error err = {0};

	*ret_works = false;
	if (child_run(&child, &listener, &ended, &err) < 0) {
		free(version.line);
		return xstrdup(err.msg);
	}
	CLEANUP_FREE char *failed = child_describe(ended);
	*ret_works = !failed;
	return version.line ? version.line : failed ? TAKE_PTR(failed) : xstrdup("");
}

static char *examine_qemu(struct doctor *d, const struct hypermin *h)
{
	struct error err;
	bool works;
	char *qemu = vm_find_qemu(h->architecture, &err);

	if (!qemu) {
		report(d, HYPERMIN_FINDING_PROBLEM, "qemu", err.msg, NULL);
		return NULL;
	}
	CLEANUP_FREE char *version = qemu_version(qemu, NULL, &works);
	CLEANUP_FREE char *text = xasprintf("%s: %s", qemu, version);
	report(d, works ? HYPERMIN_FINDING_OK : HYPERMIN_FINDING_PROBLEM, "qemu", text,
		works ? NULL : "it does not run: install it anew");
	return qemu;
}

/* qemu's emulation writes machine code to memory and executes it there. systemd's
 * MemoryDenyWriteExecute= and SELinux may forbid that. */
static bool may_emulate(void)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return false;
	munmap(page, 1);
	return true;
}

static void examine_accelerator(struct doctor *d, struct hypermin *h, const char *qemu)
{
	const struct verdict_key key = {h->cache.fd, qemu, NULL};
	struct accel_choice choice;

	accel_choose(VM_ACCEL_AUTO, h->architecture, &key, &choice);
	if (choice.kvm) {
		report(d, HYPERMIN_FINDING_OK, "KVM", choice.reason, NULL);
	} else if (!may_emulate()) {
		CLEANUP_FREE char *text = xasprintf(
			"not usable: %s; and this process may not have memory that can be "
			"written and executed, which emulation (TCG) needs",
			choice.reason);
		report(d, HYPERMIN_FINDING_PROBLEM, "KVM", text,
			"a systemd service takes MemoryDenyWriteExecute=no");
	} else {
		CLEANUP_FREE char *text = xasprintf("not usable: %s", choice.reason);
		report(d, HYPERMIN_FINDING_NOTE, "KVM", text,
			"everything works without it, by emulation (TCG), only slower");
	}
	accel_choice_done(&choice);
}

struct confinement {
	struct doctor *doctor;
	struct strbuf in_force;
};

static void note_layer(const char *layer, const char *missing, void *data)
{
	struct confinement *c = data;

	if (!missing) {
		strbuf_addf(&c->in_force, "%s%s", c->in_force.len ? ", " : "", layer);
		return;
	}
	CLEANUP_FREE char *text = xasprintf("qemu goes without: %s: %s", layer, missing);
	report(c->doctor, HYPERMIN_FINDING_NOTE, "confined", text,
		"a VM that is taken over has one barrier less; SECURITY.md says which, and "
		"--strict starts none so");
}

static void examine_confinement(struct doctor *d, const char *qemu)
{
	struct confinement c = {.doctor = d};
	struct error err;
	bool has_sandbox;

	free(qemu_version(qemu, "-sandbox", &has_sandbox));
	if (confinement_examine(qemu, has_sandbox, note_layer, &c, &err) < 0)
		report(d, HYPERMIN_FINDING_PROBLEM, "confined", err.msg, NULL);
	else if (c.in_force.len)
		report(d, HYPERMIN_FINDING_OK, "confined", c.in_force.data, NULL);
	strbuf_done(&c.in_force);
}

static void examine_cache(struct doctor *d, struct hypermin *h)
{
	struct statvfs fs;

	static const char advice[] =
		"appliances are built anew each time, in a temporary place; name a directory "
		"that can be written to with --cache-dir or XDG_CACHE_HOME";

	if (handle_open_cache(h) < 0) {
		bool unwritable = cache_is_unwritable(&h->cache, &h->error);
		report(d, unwritable ? HYPERMIN_FINDING_NOTE : HYPERMIN_FINDING_PROBLEM,
			"cache", h->error.msg, unwritable ? advice : NULL);
		return;
	}
	if (faccessat(h->cache.fd, ".", W_OK, AT_EACCESS) < 0 ||
		fstatvfs(h->cache.fd, &fs) < 0) {
		CLEANUP_FREE char *text =
			xasprintf("%s: %s", h->cache.path, strerror(errno));
		report(d, HYPERMIN_FINDING_NOTE, "cache", text, advice);
		return;
	}
	unsigned long long mib = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	CLEANUP_FREE char *text = xasprintf("%s, %llu MiB free", h->cache.path, mib);
	bool enough = mib >= CACHE_WANTED_MIB;
	report(d, enough ? HYPERMIN_FINDING_OK : HYPERMIN_FINDING_NOTE, "cache", text,
		enough ? NULL
		       : "an appliance takes some hundred MiB: make room, or name another "
			 "directory with --cache-dir");
}

static_assert((int)HYPERMIN_FINDING_OK == FINDING_OK &&
		(int)HYPERMIN_FINDING_NOTE == FINDING_NOTE &&
		(int)HYPERMIN_FINDING_PROBLEM == FINDING_PROBLEM,
	"the builder's findings are the library's");

static void pass_finding(enum finding finding, const char *topic, const char *text,
	const char *advice, void *data)
{
	report(data, (enum hypermin_finding)finding, topic, text, advice);
}

static void examine_host(struct doctor *d, struct hypermin *h)
{
	struct builder_task task = {0};
	struct builder_listener listener = {.on_finding = pass_finding, .data = d};
	CLEANUP_FREE char *builder = handle_find_program("hypermin-builder", &h->error);
	CLEANUP_STRVEC struct strvec argv = {0};

	bool asked = builder && handle_appliance_request(h, &task.request) == 0;
	if (asked)
		builder_argv(&argv, builder, "examine", &task);
	strvec_done(&task.request.routes);
	if (!asked || builder_run(&argv, h->control[0], &listener, &h->error) < 0)
		report(d, HYPERMIN_FINDING_PROBLEM, "builder", h->error.msg, NULL);
}

int hypermin_doctor(struct hypermin *h, hypermin_doctor_fn *fn, void *data)
{
	struct doctor d = {.fn = fn, .data = data};

	if (handle_find_architecture(h) < 0) {
		report(&d, HYPERMIN_FINDING_PROBLEM, "processor", h->error.msg, NULL);
		return d.problems;
	}
	CLEANUP_FREE char *qemu = examine_qemu(&d, h);
	examine_cache(&d, h);
	examine_accelerator(&d, h, qemu ? qemu : "");
	if (qemu)
		examine_confinement(&d, qemu);
	examine_host(&d, h);
	return d.problems;
}
