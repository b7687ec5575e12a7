/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work through a list in copies of a saved state. Each copy has a thread, and takes the next line
 * of standard input as long as there is one: the words of the command line, and that line behind
 * them, are the command. What a command prints appears at once when it has ended.
 *
 *	hypermin start --name base --package gcc
 *	hypermin cp sources base:/src			# whatever takes long is done once
 *	hypermin save base prepared
 *	hypermin stop base
 *
 *	cc pool.c -o pool -pthread $(pkg-config --cflags --libs hypermin)
 *	ls tests | ./pool prepared 4 sh /src/run-test
 *
 * The exit status is 1 if a command has failed, 2 if a copy has.
 */
#include <hypermin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPIES_MAX 64
#define WORDS_MAX  64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int worst;

static struct {
	const char *state;
	/* With room for the line and NULL. */
	const char *words[WORDS_MAX + 2];
	int n_words;
} options;

static void note(int status)
{
	pthread_mutex_lock(&lock);
	worst = status > worst ? status : worst;
	pthread_mutex_unlock(&lock);
}

/* The next line, which the caller frees; NULL: there is none. */
static char *next_line(void)
{
	char *line = NULL;
	size_t size = 0;

	pthread_mutex_lock(&lock);
	ssize_t len = getline(&line, &size, stdin);
	pthread_mutex_unlock(&lock);
	if (len < 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void print(const char *line, int status, FILE *output)
{
	char buf[4096];
	size_t n;

	rewind(output);
	pthread_mutex_lock(&lock);
	printf("%s: status %d\n", line, status);
	while ((n = fread(buf, 1, sizeof(buf), output)) > 0)
		fwrite(buf, 1, n, stdout);
	pthread_mutex_unlock(&lock);
}

static int run_one(struct hypermin *vm, const char *line, FILE *output)
{
	const char *words[WORDS_MAX + 2];
	struct hypermin_command command = HYPERMIN_COMMAND_INIT;
	struct hypermin_result result;

	memcpy(words, options.words, sizeof(words));
	words[options.n_words] = line;
	command.argv = words;
	command.stdout_fd = fileno(output);
	command.stderr_fd = fileno(output);
	command.timeout_ms = 10 * 60 * 1000;
	if (hypermin_exec(vm, &command, &result) < 0)
		return -1;
	print(line, result.status, output);
	note(result.status ? 1 : 0);
	return 0;
}

/* A thread and its copy. A handle is one VM, so they share nothing. */
static void *work(void *unused)
{
	struct hypermin *vm = hypermin_new();
	int result = hypermin_set_from(vm, options.state);
	char *line;

	if (result == 0)
		result = hypermin_start(vm);
	while (result == 0 && (line = next_line())) {
		FILE *output = tmpfile();

		if (!output) {
			perror("pool: make a temporary file");
			exit(2);
		}
		result = run_one(vm, line, output);
		fclose(output);
		free(line);
	}
	if (result < 0) {
		fprintf(stderr, "pool: %s\n", hypermin_error(vm));
		note(2);
	}
	hypermin_free(vm);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[COPIES_MAX];
	int copies = argc > 3 ? atoi(argv[2]) : 0;

	if (copies < 1 || copies > COPIES_MAX || argc - 3 > WORDS_MAX) {
		fprintf(stderr, "usage: pool STATE COPIES COMMAND [ARGUMENT...] <LIST\n");
		return 2;
	}
	options.state = argv[1];
	options.n_words = argc - 3;
	memcpy(options.words, argv + 3, options.n_words * sizeof(*options.words));
	for (int i = 0; i < copies; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < copies; i++)
		pthread_join(threads[i], NULL);
	return worst;
}
