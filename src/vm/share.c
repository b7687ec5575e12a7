/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm/share.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "protocol/protocol.h"
#include "vm/confinement.h"

/* Absolute, and no component of it leads back. */
static bool is_place(const char *path)
{
	if (*path != '/' || strlen(path) >= PATH_MAX)
		return false;
	for (const char *p = path; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return false;
	return true;
}

int vm_share_init(struct vm_share *share, const char *dir, const char *place,
	const char *mode, struct error *err)
{
	bool is_host = strcmp(mode, ATTACH_MODE_HOST) == 0;

	CLEANUP_FREE char *full = realpath(dir, NULL);
	if (!full)
		return error_set(err, errno, "share '%s'", dir);
	/* O_PATH: the server looks whether it may be read. */
	CLEANUP_CLOSE int fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "share '%s'", dir);
	if (!place)
		place = full;
	if (!is_place(place))
		return error_set(err, 0,
			"share '%s': its place in the guest is an absolute path, not '%s'",
			dir, place);
	if (!is_host && place[strspn(place, "/")] == '\0')
		return error_set(err, 0,
			"share '%s': it can't be the guest's root directory; --host makes "
			"the whole of this machine that",
			dir);
	*share = (struct vm_share){
		.path = full, .place = xstrdup(place), .mode = mode, .fd = TAKE_FD(fd)};
	TAKE_PTR(full);
	return 0;
}

char *vm_shares_find(const struct vm_share *shares, size_t n, const char *path)
{
	const struct vm_share *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(shares[i].path);
		if (strcmp(shares[i].path, "/") == 0)
			len = 0;
		if (strncmp(path, shares[i].path, len) == 0 &&
			(path[len] == '/' || path[len] == '\0') &&
			(!best || len > best_len)) {
			best = &shares[i];
			best_len = len;
		}
	}
	if (!best)
		return NULL;
	return xasprintf("%s%s", strcmp(best->place, "/") == 0 ? "" : best->place,
		best_len == 0 && strcmp(path, "/") == 0 ? "/" : path + best_len);
}

static bool has_host(const struct vm_config *config)
{
	for (size_t i = 0; i < config->n_shares; i++)
		if (strcmp(config->shares[i].mode, ATTACH_MODE_HOST) == 0)
			return true;
	return false;
}

bool vm_shares_need_server(const struct vm_config *config)
{
	for (size_t i = 0; i < config->n_shares; i++)
		if (!attach_mode_is_served(config->shares[i].mode))
			return true;
	return false;
}

int vm_shares_serve(const struct vm_config *config, int messages_fd,
	struct child *ret_server, int *ret_fd, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	int pass[VM_MAX_SHARES + 1], ends[2];
	size_t n_pass = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(err, errno, "create a channel for the directories");
	CLEANUP_CLOSE int near = ends[0], far = ends[1];
	pass[n_pass++] = near;
	strvec_add(&argv, config->share_program);
	/* In the host's tree commands run as this user, and not as root. */
	if (getuid() != 0 && !has_host(config)) {
		strvec_add(&argv, "--map-root");
		strvec_addf(&argv, "%u:%u", getuid(), getgid());
	}
	strvec_addf(&argv, "%d", near);
	for (size_t i = 0; i < config->n_shares; i++) {
		const struct vm_share *share = &config->shares[i];
		if (attach_mode_is_served(share->mode))
			continue;
		strvec_addf(&argv, "%zu:%s:%d", i, share->mode, share->fd);
		pass[n_pass++] = share->fd;
	}
	*ret_server = (struct child){
		.argv = strvec_argv(&argv),
		.output_fd = messages_fd,
		.pass = pass,
		.n_pass = n_pass,
		.shielded = true,
	};
	CLEANUP_CONFINE struct confine confine = {0};
	confinement_of_share(config, &confine);
	confine_child(&confine, ret_server);
	if (child_start(ret_server, err) < 0 || confine_confirm(&confine, err) < 0)
		return -1;
	*ret_fd = TAKE_FD(far);
	return 0;
}

void vm_share_done(struct vm_share *share)
{
	free(share->path);
	free(share->place);
	close(share->fd);
}
