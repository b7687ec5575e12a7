/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounts shares on this machine's own kernel, which takes the guest's part, and runs a
 * command there:
 *
 *	fuse-relay PROGRAM MOUNT-POINT MODE:DIRECTORY … -- COMMAND …
 *
 * It needs root and a mount namespace of its own. Its status is the command's; 77 if
 * nothing can be mounted here, 1 if the server fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX (2 << 20)

static int fuse, guest;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *copy_requests(void *unused)
{
	static char message[MESSAGE_MAX];

	(void)unused;
	for (;;) {
		ssize_t len = read(fuse, message, sizeof(message));

		/* Its caller does not wait for it any more. */
		if (len < 0 && (errno == ENOENT || errno == EINTR))
			continue;
		/* It was unmounted. */
		if (len <= 0)
			return NULL;
		for (ssize_t done = 0, n; done < len; done += n) {
			n = write(guest, message + done, len - done);
			if (n <= 0)
				return NULL;
		}
	}
}

static void *copy_replies(void *unused)
{
	static char message[MESSAGE_MAX];
	uint32_t len;

	(void)unused;
	while (recv(guest, &len, sizeof(len), MSG_WAITALL) == sizeof(len)) {
		memcpy(message, &len, sizeof(len));
		if (len < 16 || len > sizeof(message) ||
			recv(guest, message + 4, len - 4, MSG_WAITALL) != len - 4)
			break;
		if (write(fuse, message, len) != len && errno != ENOENT)
			perror("fuse-relay: a reply that the kernel does not take");
	}
	return NULL;
}

/* Start the server, with the shares up to "--". Returns where that is. */
static char **start_server(
	const char *program, char **shares, int *ret_socket, pid_t *ret)
{
	char *argv[32] = {NULL};
	int ends[2], argc = 2;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		die("socketpair");
	for (; *shares && strcmp(*shares, "--") != 0 && argc < 31; shares++) {
		char *path = strchr(*shares, ':');
		int fd = open(path + 1, O_PATH | O_DIRECTORY);

		if (fd < 0)
			die(path + 1);
		if (asprintf(&argv[argc], "%d:%.*s:%d", argc - 2, (int)(path - *shares),
			    *shares, fd) < 0)
			abort();
		argc++;
	}
	argv[0] = (char *)program;
	if (asprintf(&argv[1], "%d", ends[1]) < 0)
		abort();
	*ret = fork();
	if (*ret == 0) {
		close(ends[0]);
		execv(program, argv);
		die(program);
	}
	close(ends[1]);
	*ret_socket = ends[0];
	return shares;
}

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	pthread_t requests, replies;
	pid_t server, command;
	char options[200];
	char **rest;
	int status;

	if (argc < 6)
		return 2;
	rest = start_server(argv[1], argv + 3, &guest, &server);
	fcntl(guest, F_SETFD, FD_CLOEXEC);
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options),
		"fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,"
		"allow_other,max_read=1048576",
		fuse);
	if (fuse < 0 || mount("share", argv[2], "fuse", 0, options)) {
		perror("fuse-relay: mount");
		return 77;
	}
	if (pthread_create(&requests, NULL, copy_requests, NULL) ||
		pthread_create(&replies, NULL, copy_replies, NULL))
		die("pthread_create");
	command = fork();
	if (command == 0) {
		execvp(rest[1], rest + 1);
		die(rest[1]);
	}
	status = wait_for(command);
	umount2(argv[2], MNT_DETACH);
	shutdown(guest, SHUT_RDWR);
	if (wait_for(server) != 0) {
		fprintf(stderr, "fuse-relay: the server failed\n");
		status = 1;
	}
	return status;
}
