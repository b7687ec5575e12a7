/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program as a user of the library would write it: with the public header and the
 * shared library alone. Says what it finds on stdout; api-library judges.
 *
 *	api-client DISK...
 */
#include <hypermin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hypermin *vm;

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	printf("%s failed: %s\n", what, hypermin_error(vm));
	exit(1);
}

static void *start(void *unused)
{
	(void)unused;
	check(hypermin_start(vm), "start");
	return NULL;
}

static void run(const char *const *argv)
{
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct hypermin_result result;

	fflush(stdout);
	command.argv = argv;
	check(hypermin_exec(vm, &command, &result), argv[0]);
	printf("%s: outcome %d, status %d\n", argv[0], result.outcome, result.status);
}

static void list_devices(void)
{
	struct hypermin_block_device *devices;
	size_t n;

	check(hypermin_block_devices(vm, &devices, &n), "block devices");
	for (size_t i = 0; i < n; i++)
		printf("%s %llu %s\n", devices[i].name,
			(unsigned long long)devices[i].size,
			devices[i].read_only ? "ro" : "rw");
	free(devices);
}

static void *interrupt(void *unused)
{
	(void)unused;
	sleep(2);
	hypermin_interrupt(vm, 15);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	bool taken;

	vm = hypermin_new();
	if (argc == 1)
		check(hypermin_warm(vm, 2, false, &taken), "warm");
	for (int i = 1; i < argc; i++)
		check(hypermin_add_disk(vm, argv[i], NULL,
			      i % 2 == 0 ? HYPERMIN_WRITABLE : HYPERMIN_READ_ONLY),
			argv[i]);
	/* The thread that starts a VM may end before it. */
	pthread_create(&thread, NULL, start, NULL);
	pthread_join(thread, NULL);
	sleep(1);

	list_devices();
	run((const char *const[]){"echo", "first", NULL});
	run((const char *const[]){"sh", "-c", "exit 3", NULL});
	run((const char *const[]){"no-such-command", NULL});
	pthread_create(&thread, NULL, interrupt, NULL);
	run((const char *const[]){"sleep", "1000", NULL});
	pthread_join(thread, NULL);
	run((const char *const[]){"echo", "last", NULL});
	if (hypermin_set_memory(vm, 512) == 0 || hypermin_start(vm) == 0)
		printf("a running VM was changed\n");
	/* Most often a variable that is not set; it would be root. */
	struct hypermin_command nobody = HYPERMIN_COMMAND_INIT;
	nobody.argv = (const char *const[]){"id", NULL};
	nobody.user = "";
	if (hypermin_exec(vm, &nobody, &(struct hypermin_result){0}) == 0)
		printf("a command ran as a user without a name\n");
	run((const char *const[]){"sh", "-c", "echo on the console >/dev/console", NULL});
	check(hypermin_stop(vm), "stop");
	char *tail = hypermin_console_tail(vm, 1);
	printf("%s", tail ? tail : hypermin_error(vm));
	free(tail);
	if (hypermin_exec(vm, &(struct hypermin_command)HYPERMIN_COMMAND_INIT,
		    &(struct hypermin_result){0}) == 0)
		printf("a command ran in a VM that has ended\n");
	hypermin_free(vm);
	return 0;
}
