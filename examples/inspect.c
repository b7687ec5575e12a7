/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Say what is on a disk image that nobody trusts. Its file systems are mounted by the kernel of
 * a VM, which is there for this alone: the image is only read, there is no network, and nothing
 * of this machine is shared. Here it can take at most so much time, memory and output.
 *
 *	cc inspect.c -o inspect $(pkg-config --cflags --libs hypermin)
 *	./inspect suspicious.img
 *
 * It has a loop of its own, as a program would that has more to do meanwhile.
 */
#include <ctype.h>
#include <fcntl.h>
#include <hypermin.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECONDS_MAX	60
#define MEMORY_MIB	512
#define OUTPUT_MAX	(1024 * 1024)
#define DESCRIPTORS_MAX 16

static const char script[] =
	"for disk in /dev/vda*; do\n"
	"	type=$(blkid -p -s TYPE -o value $disk)\n"
	"	echo \"$disk: ${type:-no file system that is known}\"\n"
	"	mount -r \"$disk\" /mnt 2>/dev/null || continue\n"
	"	find /mnt -xdev -mindepth 1 -printf '  %M %9s %P\\n'\n"
	"	umount /mnt\n"
	"done\n";

static bool is_over;
static int status = HYPERMIN_STATUS_FAILED;

static void ended(
	struct hypermin_job *job, const struct hypermin_result *result, void *vm)
{
	(void)job;
	is_over = true;
	if (!result) {
		fprintf(stderr, "inspect: %s\n", hypermin_error(vm));
		return;
	}
	status = result->status;
	if (result->outcome == HYPERMIN_TIMED_OUT)
		fprintf(stderr, "inspect: not done after %d seconds\n", SECONDS_MAX);
}

/* The names are the image's, and what the VM says may be all its own by now: what is no text
 * could be meant for the terminal. */
static void print(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = text[i];

		if (isprint(c) || c == '\n')
			putchar(c);
		else
			printf("\\%03o", c);
	}
}

/* All that has come, but at most so much. Returns how much that was. */
static size_t pass_on(int output, size_t max)
{
	char buf[4096];
	size_t done = 0;
	ssize_t n;

	while (done < max && (n = read(output, buf, sizeof(buf))) > 0) {
		size_t len = (size_t)n < max - done ? (size_t)n : max - done;
		print(buf, len);
		done += len;
	}
	return done;
}

/* When the command's end is told, all that it has written is in the pipe. */
static void loop(struct hypermin *vm, struct hypermin_job *job, int output)
{
	struct pollfd fds[1 + DESCRIPTORS_MAX] = {{output, POLLIN, 0}};
	size_t left = OUTPUT_MAX;

	while (!is_over && left) {
		int timeout_ms;
		size_t n =
			hypermin_descriptors(vm, fds + 1, DESCRIPTORS_MAX, &timeout_ms);

		poll(fds, 1 + n, timeout_ms);
		hypermin_dispatch(vm);
		left -= pass_on(output, left);
	}
	if (!left)
		fprintf(stderr, "inspect: it says more than %d bytes\n", OUTPUT_MAX);
	if (!is_over)
		hypermin_give_up(job);
}

static int inspect(struct hypermin *vm, const char *image)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	int output[2];

	hypermin_set_boot_timeout(vm, SECONDS_MAX * 1000);
	if (hypermin_set_memory(vm, MEMORY_MIB) < 0 ||
		hypermin_add_disk(vm, image, "raw", HYPERMIN_READ_ONLY) < 0 ||
		hypermin_start(vm) < 0)
		return -1;
	if (pipe(output) < 0 || fcntl(output[0], F_SETFL, O_NONBLOCK) < 0) {
		perror("inspect: pipe");
		exit(HYPERMIN_STATUS_FAILED);
	}
	command.argv = (const char *const[]){"sh", "-c", script, NULL};
	command.stdout_fd = output[1];
	command.stderr_fd = output[1];
	command.timeout_ms = SECONDS_MAX * 1000;
	struct hypermin_job *job = hypermin_begin(vm, &command, ended, vm);
	if (!job)
		return -1;
	loop(vm, job, output[0]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: inspect IMAGE\n");
		return HYPERMIN_STATUS_FAILED;
	}
	struct hypermin *vm = hypermin_new();
	if (inspect(vm, argv[1]) < 0)
		fprintf(stderr, "inspect: %s\n", hypermin_error(vm));
	hypermin_free(vm);
	return status;
}
