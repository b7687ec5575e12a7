/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running commands in a handle's VM. */
#include <errno.h>
#include <unistd.h>

#include "api/handle.h"

int handle_check_started(struct hypermin *h)
{
	if (h->stopped)
		return error_set(&h->error, ESRCH, "the VM was stopped");
	if (!h->vm)
		return error_set(&h->error, ESRCH,
			h->session ? "this can't be done to the VM of a session"
				   : "the VM has not been started");
	return 0;
}

static int make_command(struct hypermin *h, const struct hypermin_command *command,
	const char *here, struct handle_command *ret)
{
	if (handle_image_command(h, command, &ret->as_run) < 0)
		return -1;
	const char *name = ret->as_run.argv.items[0];
	if (command->user && !*command->user)
		return error_set(&h->error, 0,
			"run '%s': the name of the user is empty; NULL is root", name);
	if (command->cwd && !*command->cwd)
		return error_set(&h->error, 0,
			"run '%s': the path of its directory is empty; NULL is the user's "
			"home",
			name);
	if (!command->cwd && handle_guest_directory(h, here, &ret->directory) < 0)
		return -1;
	if (h->host)
		ret->user = xasprintf("%u:%u", getuid(), getgid());
	ret->vm = (struct vm_command){
		.agent =
			{
				.argv = (const char *const *)strvec_argv(
					&ret->as_run.argv),
				.env = (const char *const *)strvec_argv(&ret->as_run.env),
				.cwd = ret->directory ? ret->directory : ret->as_run.cwd,
				.user = ret->as_run.user ? ret->as_run.user : ret->user,
				.in_host = h->host,
				.terminal = command->terminal,
				.stderr_apart =
					command->terminal && !isatty(command->stderr_fd),
			},
		.stdin_fd = command->stdin_fd,
		.stdout_fd = command->stdout_fd,
		.stderr_fd = command->stderr_fd,
		.timeout_ms = command->timeout_ms,
	};
	return 0;
}

int handle_command_make(struct hypermin *h, const struct hypermin_command *command,
	const char *here, struct handle_command *ret)
{
	struct handle_command c = {0};

	if (make_command(h, command, here, &c) < 0) {
		handle_command_done(&c);
		return -1;
	}
	*ret = c;
	return 0;
}

void handle_command_done(struct handle_command *c)
{
	image_command_done(&c->as_run);
	free(c->directory);
	free(c->user);
}

int hypermin_exec(struct hypermin *h, const struct hypermin_command *command,
	struct hypermin_result *ret_result)
{
	CLEANUP(handle_command_done) struct handle_command c = {0};
	CLEANUP_FREE char *here = getcwd(NULL, 0);

	if (command->size != sizeof(*command))
		return error_set(&h->error, 0,
			"run a command: its size is not that of HYPERMIN_COMMAND_INIT; was "
			"the program compiled for another version of hypermin?");
	if (h->session)
		return session_exec(h, command, ret_result);
	if (handle_check_started(h) < 0)
		return -1;
	if (command->detached)
		return error_set(&h->error, 0,
			"run a command and leave it: that takes a session, whose VM goes on");
	if (handle_command_make(h, command, here, &c) < 0)
		return -1;
	int result = vm_exec(h->vm, &c.vm, ret_result, &h->error);
	/* An image has its own commands, and gets none of the system's. */
	if (result == 0 && ret_result->outcome == HYPERMIN_NOT_FOUND &&
		!h->appliance.image && !h->state)
		handle_explain_missing(h, command->argv[0]);
	return result;
}
