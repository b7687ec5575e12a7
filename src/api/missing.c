/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command that the guest does not have, but the system that the guest is made of: which of
 * its packages has to be added? Only the builder reads package databases. It takes a while,
 * which does not matter: the command has failed.
 */
#include <string.h>
#include <unistd.h>

#include "api/handle.h"
#include "appliance/builder.h"
#include "base/path.h"
#include "base/program.h"
#include "base/strbuf.h"

/* As the guest's own, where a command is looked up. */
#define GUEST_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool can_run(const struct hypermin *h, const char *path)
{
	CLEANUP_FREE char *full = path_below(h->root, path);

	return access(full, X_OK) == 0;
}

/* Where the system has it, as a path in it; NULL: it has not. */
static char *find_command(const struct hypermin *h, const char *command)
{
	CLEANUP_FREE char *dirs = xstrdup(GUEST_PATH);
	char *rest = dirs;

	if (strchr(command, '/'))
		return *command == '/' && can_run(h, command) ? xstrdup(command) : NULL;
	for (char *dir; (dir = strsep(&rest, ":"));) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", dir, command);
		if (can_run(h, path))
			return TAKE_PTR(path);
	}
	return strcmp(h->root, "/") == 0 ? program_find(command, "") : NULL;
}

static void take_owner(enum finding finding, const char *topic, const char *text,
	const char *advice, void *data)
{
	char **owner = data;

	(void)advice;
	if (finding == FINDING_OK && strcmp(topic, "owner") == 0 && !*owner)
		*owner = xstrdup(text);
}

/* The package that has this file; NULL: none, or there is no telling. */
static char *find_owner(const struct hypermin *h, const char *path, int control_fd)
{
	char *owner = NULL;
	struct builder_task task = {
		.request = {.root = h->root, .architecture = h->architecture},
		.path = path};
	struct builder_listener listener = {.on_finding = take_owner, .data = &owner};
	CLEANUP_STRVEC struct strvec argv = {0};
	struct error ignored;

	CLEANUP_FREE char *builder = handle_find_program("hypermin-builder", &ignored);
	if (!builder)
		return NULL;
	builder_argv(&argv, builder, "owner", &task);
	builder_run(&argv, control_fd, &listener, &ignored);
	return owner;
}

void handle_explain_missing(
	const struct hypermin *h, const char *command, int control_fd, struct error *err)
{
	const char *whose = strcmp(h->root, "/") == 0 ? "this machine" : h->root;
	const char *or_host = strcmp(h->root, "/") == 0 ? ", or run it with --host" : "";
	CLEANUP_FREE char *why = xstrdup(err->msg);

	/* An image has commands of its own; and with the host's tree the guest has all that
	 * there is. */
	CLEANUP_FREE char *path = h->image || h->host ? NULL : find_command(h, command);
	if (!path)
		return;
	CLEANUP_FREE char *owner = h->fixed ? NULL : find_owner(h, path, control_fd);
	if (h->fixed)
		error_set(err, 0,
			"%s; %s has %s, but the appliance has not: build it again with the "
			"package that has this command",
			why, whose, path);
	else if (owner)
		error_set(err, 0, "%s; %s has %s: add it to the VM with --package %s%s",
			why, whose, path, owner, or_host);
	else
		error_set(err, 0,
			"%s; %s has %s, but the VM has only files of packages, and no package "
			"has this one%s",
			why, whose, path, *or_host ? ": run it with --host" : "");
}
