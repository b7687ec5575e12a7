/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that are not as simple as a command line, and use the library. What each of
 * them is, is its argument; its exit status is a command's in the VM. api-process judges.
 */
#include <err.h>
#include <fcntl.h>
#include <hypermin.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct hypermin *started(void)
{
	struct hypermin *h = hypermin_new();

	hypermin_set_silence_timeout(h, 4000);
	if (hypermin_start(h) < 0)
		errx(1, "%s", hypermin_error(h));
	return h;
}

/* Its output to `fd`; its status. */
static int run(struct hypermin *h, const char *script, int fd)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct hypermin_result result;

	command.argv = (const char *const[]){"sh", "-c", script, NULL};
	command.stdout_fd = fd;
	command.stderr_fd = fd;
	if (hypermin_exec(h, &command, &result) < 0)
		errx(1, "%s", hypermin_error(h));
	return result.status;
}

/* It lets more time pass between two calls than a guest may be silent. */
static int idle(void)
{
	struct hypermin *h = started();

	sleep(6);
	int status = run(h, "sleep 0.2; exit 3", STDOUT_FILENO);
	hypermin_free(h);
	return status;
}

/* It has closed its standard streams. */
static int closed(void)
{
	int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		close(fd);
	struct hypermin *h = started();
	/* What is printed goes nowhere. To a pipe of the library's it would be an
	 * interrupt: this is how it says that to itself. */
	int first =
		run(h, "printf '\\1\\0\\0\\0\\17\\0\\0\\0'; sleep 0.5", STDOUT_FILENO);
	int status = run(h, "echo out; exit 5", out);
	hypermin_free(h);
	return first ? first : status;
}

/* It has forked others, which have all that it has open and stay for a while. */
static int forked(void)
{
	struct hypermin *h = started();

	if (fork() == 0) {
		alarm(30);
		pause();
	}
	int status = run(h, "exit 4", STDOUT_FILENO);
	hypermin_free(h);
	return status;
}

/* The same, and it does not get around to hypermin_free(). */
static int killed(void)
{
	struct hypermin *h = started();

	if (fork() == 0) {
		alarm(30);
		pause();
	}
	return run(h, "echo ready; sleep 1000", STDOUT_FILENO);
}

/* It uses a session, and asks for a VM of its own by the same handle. */
static int client(void)
{
	struct hypermin *h = hypermin_new();

	if (hypermin_open_session(h, "kept") < 0)
		errx(1, "%s", hypermin_error(h));
	if (hypermin_start(h) == 0)
		return 1;
	fprintf(stderr, "%s\n", hypermin_error(h));
	int status = run(h, "exit 6", STDOUT_FILENO);
	hypermin_free(h);
	return status;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*be)(void);
	} processes[] = {
		{"idle", idle},
		{"closed", closed},
		{"forked", forked},
		{"killed", killed},
		{"client", client},
	};

	for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++)
		if (argc == 2 && strcmp(argv[1], processes[i].name) == 0)
			return processes[i].be();
	return 2;
}
