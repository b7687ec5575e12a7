/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "confine/confine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fork.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "confine/layers.h"
#include "confine/notes.h"

static const char *const names[] = {
	[CONFINE_ENVIRONMENT] = "environment",
	[CONFINE_LIMITS] = "limits",
	[CONFINE_PRIVILEGES] = "no new privileges",
	[CONFINE_CAPABILITIES] = "no capabilities",
	[CONFINE_OWN_FILTER] = "its own filter of system calls",
	[CONFINE_LANDLOCK] = "Landlock",
	[CONFINE_FILTER] = "hypermin's filter of system calls",
};
static_assert(ARRAY_SIZE(names) == CONFINE_LAYERS, "each layer has a name");

/* ---- Before the fork ---- */

void confine_init(struct confine *c, struct confine_needs *needs)
{
	*c = (struct confine){.needs = *needs};
	*needs = (struct confine_needs){0};
	c->notes = mmap(NULL, sizeof(*c->notes), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->notes == MAP_FAILED)
		c->notes = NULL;
	else
		c->notes->foreign_file = -1;
	for (const char *const *name = c->needs.variables; name && *name; name++)
		if (getenv(*name))
			strvec_addf(&c->env, "%s=%s", *name, getenv(*name));
}

void confine_done(struct confine *c)
{
	vector_done(&c->needs.files);
	vector_done(&c->needs.ports);
	strvec_done(&c->needs.owned);
	strvec_done(&c->env);
	if (c->notes)
		munmap(c->notes, sizeof(*c->notes));
	*c = (struct confine){0};
}

/* ---- In the child ---- */

static int apply_layer(struct confine *c, enum confine_layer layer)
{
	int num;

	if (c->needs.without[layer])
		return ENOTSUP;
	switch (layer) {
	case CONFINE_ENVIRONMENT:
	case CONFINE_OWN_FILTER:
		return 0;
	case CONFINE_LIMITS:
		return layer_set_limits(&c->needs);
	case CONFINE_PRIVILEGES:
		return layer_refuse_privileges();
	case CONFINE_CAPABILITIES:
		num = layer_drop_capabilities(&c->needs, &c->notes->foreign_file);
		return num ? num : c->notes->foreign_file >= 0 ? EACCES : 0;
	case CONFINE_LANDLOCK:
		return layer_restrict_files(&c->needs);
	case CONFINE_FILTER:
		return layer_filter_calls(&c->needs);
	case CONFINE_LAYERS:
		break;
	}
	return EINVAL;
}

/* Async-signal-safe, as all that it calls. */
static int apply(void *data)
{
	struct confine *c = data;

	if (!c->notes)
		return ENOMEM;
	for (enum confine_layer i = 0; i < CONFINE_LAYERS; i++) {
		if (c->needs.not_for_it >> i & 1)
			continue;
		int num = apply_layer(c, i);
		c->notes->layers[i] = (struct confine_note){
			num ? CONFINE_MISSING : CONFINE_IN_FORCE, num};
		if (num && c->needs.strict)
			return num;
	}
	return 0;
}

void confine_child(struct confine *c, struct child *child)
{
	child->env = c->needs.without[CONFINE_ENVIRONMENT] ? NULL : strvec_argv(&c->env);
	child->before_exec = apply;
	child->before_exec_data = c;
}

/* ---- Afterwards ---- */

/* Why a layer is not in force, as a new string; NULL: it is, or it did not come to it. */
static char *why_missing(const struct confine *c, enum confine_layer layer)
{
	const struct confine_note *note;

	if (!c->notes)
		return xstrdup(strerror(ENOMEM));
	note = &c->notes->layers[layer];
	if (note->state != CONFINE_MISSING)
		return NULL;
	if (c->needs.without[layer])
		return xstrdup(c->needs.without[layer]);
	if (layer == CONFINE_CAPABILITIES && c->notes->foreign_file >= 0)
		return xasprintf(
			"root opens '%s', which is another user's, by CAP_DAC_OVERRIDE",
			c->needs.files.items[c->notes->foreign_file].path);
	if (layer == CONFINE_LANDLOCK && note->num == ENOSYS)
		return xstrdup("this kernel has none (it came with Linux 5.13)");
	if (layer == CONFINE_LANDLOCK && note->num == EXDEV)
		return xstrdup("this kernel's version of it keeps files from being moved "
			       "to other directories (it can since Linux 5.19)");
	if (layer == CONFINE_LANDLOCK && note->num == EOPNOTSUPP)
		return xstrdup("this kernel was booted without it (lsm=landlock,...)");
	return xstrdup(strerror(note->num));
}

static void log_layers(const struct confine *c)
{
	CLEANUP_STRBUF struct strbuf in_force = {0};

	if (log_max_level() < LOG_LEVEL_INFO)
		return;
	for (enum confine_layer i = 0; i < CONFINE_LAYERS; i++) {
		CLEANUP_FREE char *missing = why_missing(c, i);
		if (missing)
			log_info("%s is not confined by: %s: %s", c->needs.program,
				names[i], missing);
		else if (c->notes->layers[i].state == CONFINE_IN_FORCE)
			strbuf_addf(
				&in_force, "%s%s", in_force.len ? ", " : "", names[i]);
	}
	if (in_force.len)
		log_info("%s is confined by: %s", c->needs.program, in_force.data);
}

int confine_confirm(const struct confine *c, struct error *err)
{
	log_layers(c);
	for (enum confine_layer i = 0; c->needs.strict && i < CONFINE_LAYERS; i++) {
		CLEANUP_FREE char *missing = why_missing(c, i);
		if (missing)
			return error_set(err, 0,
				"start %s confined by all layers: \"%s\" can't be had: %s; "
				"without --strict it starts with the others",
				c->needs.program, names[i], missing);
	}
	return 0;
}

/* The text of a variable that is not kept is wiped out: it lies in this process's memory. */
static void forget_variables(const char *const *kept)
{
	char **to = environ;

	for (char **from = environ; from && *from; from++) {
		const char *const *name = kept;
		size_t len = strcspn(*from, "=");
		while (name && *name &&
			(strlen(*name) != len || strncmp(*name, *from, len) != 0))
			name++;
		if (name && *name)
			*to++ = *from;
		else
			explicit_bzero(*from, strlen(*from));
	}
	if (to)
		*to = NULL;
}

int confine_self(struct confine *c, struct error *err)
{
	apply(c);
	if (!c->needs.without[CONFINE_ENVIRONMENT] &&
		!(c->needs.not_for_it >> CONFINE_ENVIRONMENT & 1))
		forget_variables(c->needs.variables);
	return confine_confirm(c, err);
}

void confine_report(const struct confine *c, confine_report_fn *fn, void *data)
{
	for (enum confine_layer i = 0; i < CONFINE_LAYERS; i++) {
		CLEANUP_FREE char *missing = why_missing(c, i);
		if (!(c->needs.not_for_it >> i & 1))
			fn(names[i], missing, data);
	}
}

int confine_try(struct confine *c, confine_report_fn *fn, void *data, struct error *err)
{
	pid_t pid = fork_quietly();

	if (pid == 0) {
		apply(c);
		_exit(0);
	}
	if (pid < 0)
		return error_set(err, errno, "create a process");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	confine_report(c, fn, data);
	return 0;
}
