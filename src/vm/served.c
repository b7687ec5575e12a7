/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm/served.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "vm/confinement.h"

int served_start(const struct vm_config *config, const struct vm_share *share,
	int messages_fd, struct child *ret_server, int *ret_fd, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	CLEANUP_CONFINE struct confine confine = {0};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(err, errno, "create a channel for '%s'", share->path);
	CLEANUP_CLOSE int near = ends[0], far = ends[1];
	const int pass[] = {near, share->fd};
	strvec_add(&argv, config->serve_program);
	if (log_max_level() >= LOG_LEVEL_INFO)
		strvec_add(&argv, "--verbose");
	strvec_addf(&argv, "%d", near);
	strvec_addf(&argv, "%d", share->fd);
	strvec_add(&argv, share->path);
	*ret_server = (struct child){
		.argv = strvec_argv(&argv),
		.output_fd = messages_fd,
		.pass = pass,
		.n_pass = ARRAY_SIZE(pass),
		.shielded = true,
	};
	confinement_of_served(config, share, &confine);
	confine_child(&confine, ret_server);
	if (child_start(ret_server, err) < 0)
		return -1;
	if (confine_confirm(&confine, err) < 0) {
		child_kill(ret_server);
		return -1;
	}
	*ret_fd = TAKE_FD(far);
	return 0;
}

static bool begins_with(const char *line, const char *start, const char **ret_rest)
{
	size_t len = strlen(start);

	*ret_rest = line + len;
	return strncmp(line, start, len) == 0;
}

bool served_log(const char *line)
{
	const char *text;

	/* What it ends for is told with the failure that follows. */
	if (begins_with(line, SERVED_ERROR, &text))
		log_info("%s", text);
	else if (begins_with(line, SERVED_WARNING, &text))
		log_warning("%s", text);
	else if (begins_with(line, SERVED_INFO, &text))
		log_info("%s", text);
	else
		return false;
	return true;
}
