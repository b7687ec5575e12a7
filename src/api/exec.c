/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A command for a handle's VM, made of what its caller says, its image and the handle. */
#include <errno.h>
#include <unistd.h>

#include "api/handle.h"
#include "base/monotonic.h"

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

/* ---- An appliance with an /init of its own ---- */

int handle_let_go(struct hypermin *h, const struct hypermin_command *command,
	struct hypermin_result *ret)
{
	int64_t deadline = command->timeout_ms ? monotonic_ms() + command->timeout_ms : 0;

	vm_set_control(h->vm, h->control[0]);
	int result = vm_let_go(
		h->vm, command->stdin_fd, command->stdout_fd, deadline, &h->error);
	vm_set_control(h->vm, -1);
	if (result == 0)
		*ret = (struct hypermin_result){HYPERMIN_EXITED, 0};
	else if (h->error.num == ETIMEDOUT && deadline)
		*ret = (struct hypermin_result){
			HYPERMIN_TIMED_OUT, HYPERMIN_STATUS_TIMED_OUT};
	else
		return -1;
	return 0;
}
