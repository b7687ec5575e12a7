/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program that serves directories of the host to a VM; src/share/share.h says how.
 * hypermin starts it, one for each VM:
 *
 *	hypermin-share [--map-root UID:GID] SOCKET NAME:MODE:DIRECTORY …
 *
 * SOCKET and DIRECTORY are descriptors that it inherits. It ends when the socket does.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/quantity.h"
#include "base/vector.h"
#include "protocol/protocol.h"
#include "share/share.h"

static const char *const modes[] = {
	[SHARE_RO] = ATTACH_MODE_READ_ONLY,
	[SHARE_RW] = ATTACH_MODE_WRITABLE,
	[SHARE_OVERLAY] = ATTACH_MODE_OVERLAY,
	[SHARE_HOST] = ATTACH_MODE_HOST,
};

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	return text && quantity_parse_number(text, 0, max, ret);
}

/* Cuts the text at its colons. */
static int parse_directory(char *text, struct share_directory *ret)
{
	const char *name = strsep(&text, ":"), *mode = strsep(&text, ":");
	uint64_t number, fd;

	if (!mode || !parse_number(name, UINT32_MAX, &number) ||
		!parse_number(text, INT32_MAX, &fd))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(mode, modes[i]) == 0) {
			*ret = (struct share_directory){
				.name = name, .mode = i, .fd = fd};
			return 0;
		}
	}
	return -1;
}

static int parse_root_owner(char *text, struct share_root_owner *ret)
{
	const char *user = strsep(&text, ":");
	uint64_t uid, gid;

	if (!parse_number(user, UINT32_MAX - 1, &uid) ||
		!parse_number(text, UINT32_MAX - 1, &gid))
		return -1;
	*ret = (struct share_root_owner){.uid = uid, .gid = gid};
	return 0;
}

static int usage(void)
{
	fprintf(stderr,
		"hypermin-share: hypermin starts this program; its arguments are "
		"[--map-root UID:GID] SOCKET NAME:MODE:DIRECTORY ...\n");
	return 2;
}

/* The VM may outlive a Ctrl-C, and a file that can't grow is the guest's business. */
static void set_process(void)
{
	static const int ignored[] = {
		SIGPIPE, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGXFSZ};
	struct rlimit limit;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	VECTOR(struct share_directory) directories = {0};
	struct share_root_owner root = {0};
	struct share *s;
	struct error err;
	uint64_t socket;
	int result = -1;

	if (argc > 2 && strcmp(argv[1], "--map-root") == 0) {
		if (parse_root_owner(argv[2], &root))
			return usage();
		argv += 2;
		argc -= 2;
	}
	if (argc < 3 || !parse_number(argv[1], INT32_MAX, &socket))
		return usage();
	for (int i = 2; i < argc; i++) {
		struct share_directory d;

		if (parse_directory(argv[i], &d))
			return usage();
		vector_push(&directories, d);
	}
	set_process();
	s = share_new(directories.items, directories.len, &root, &err);
	if (s)
		result = share_serve(s, socket, &err);
	if (result)
		fprintf(stderr, "hypermin-share: %s\n", err.msg);
	share_free(s);
	vector_done(&directories);
	return result ? 1 : 0;
}
