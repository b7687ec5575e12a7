/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a request to an appliance: look into the cache, else run the builder and look again. The
 * builder is a program of its own: its libraries cost the hot path nothing, and archives and
 * package databases are parsed in a process that holds nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/entry.h"
#include "base/control.h"
#include "base/io.h"
#include "base/log.h"
#include "base/supervise.h"

/* How long the builder may take to tidy up when it is told to end. */
#define BUILDER_END_MS 3000

/* ---- The builder's messages: JSON objects, a line each ---- */

struct builder {
	struct supervised process;
	int output_fd;
	struct strbuf line;
	struct error error; /* what it said it could not do */
	bool failed;
};

static void take_message(struct builder *b, const char *line)
{
	json_t *message = json_loads(line, 0, NULL);
	const char *text = json_string_value(json_object_get(message, "text"));
	const json_t *level = json_object_get(message, "log");
	const json_t *num = json_object_get(message, "error");

	if (text && num) {
		b->failed = true;
		error_set(&b->error, 0, "%s", text);
		b->error.num = json_integer_value(num);
	} else if (text && level) {
		log_line(MIN(json_integer_value(level), LOG_LEVEL_DEBUG), "%s", text);
	} else if (*line) {
		/* Not ours: a library's message on stderr. */
		log_warning("builder: %s", line);
	}
	json_decref(message);
}

/* False at the end. */
static bool take_output(struct builder *b)
{
	char buf[4096];

	ssize_t n = read(b->output_fd, buf, sizeof(buf));
	if (n < 0 && errno == EINTR)
		return true;
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\n') {
			strbuf_addc(&b->line, buf[i]);
			continue;
		}
		take_message(b, b->line.data ? b->line.data : "");
		strbuf_clear(&b->line);
	}
	return n > 0;
}

/* Tell it to end and give it time to remove what it has made. */
static int end_builder(struct builder *b, int signal, struct error *err)
{
	struct pollfd pfd = {b->process.status_fd, POLLIN, 0};

	if (b->process.child > 0)
		kill(b->process.child, SIGTERM);
	poll(&pfd, 1, BUILDER_END_MS);
	return control_error(signal, err);
}

static int serve_builder(struct builder *b, int control_fd, struct error *err)
{
	struct control_message message;

	for (;;) {
		struct pollfd fds[] = {{b->output_fd, POLLIN, 0}, {control_fd, POLLIN, 0}};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return error_set(err, errno, "poll");
		if (fds[1].revents && control_read(control_fd, &message) &&
			message.what == CONTROL_INTERRUPT)
			return end_builder(b, message.signal, err);
		if (fds[0].revents && !take_output(b))
			return 0;
	}
}

static int judge_end(struct builder *b, struct error *err)
{
	struct ended ended = supervise_wait(&b->process);

	if (b->failed) {
		if (err)
			*err = b->error;
		return -1;
	}
	switch (ended.how) {
	case ENDED_NO_EXEC:
		return error_set(err, ended.value, "run the appliance builder");
	case ENDED_SIGNALED:
		return error_set(err, 0, "the appliance builder was killed by signal %d (%s)",
			ended.value, strsignal(ended.value));
	case ENDED_UNKNOWN:
		return error_set(err, 0, "the appliance builder was lost");
	case ENDED_EXITED:
		break;
	}
	if (ended.value != 0)
		return error_set(err, 0, "the appliance builder ended with exit status %d and "
					 "without a word", ended.value);
	return 0;
}

static void builder_argv(struct strvec *argv, const struct appliance_request *request,
	const struct cache *cache, const char *builder)
{
	strvec_add(argv, builder);
	strvec_add(argv, "build");
	strvec_addf(argv, "--cache=%s", cache->path);
	strvec_addf(argv, "--root=%s", request->root);
	strvec_addf(argv, "--log-level=%d", log_max_level());
	if (request->kernel)
		strvec_addf(argv, "--kernel=%s", request->kernel);
	if (request->modules_dir)
		strvec_addf(argv, "--modules=%s", request->modules_dir);
	vector_foreach (name, &request->packages)
		strvec_addf(argv, "--package=%s", *name);
}

static int run_builder(const struct appliance_request *request, const struct cache *cache,
	const char *program, int control_fd, struct error *err)
{
	CLEANUP_STRVEC struct strvec argv = {0};
	struct builder b = {0};
	int output[2];

	builder_argv(&argv, request, cache, program);
	if (pipe2(output, O_CLOEXEC) < 0)
		return error_set(err, errno, "create a pipe");
	b.output_fd = output[0];
	int result = supervise_start(&b.process, strvec_argv(&argv), output[1], NULL, 0, err);
	close(output[1]);
	if (result == 0)
		result = serve_builder(&b, control_fd, err);
	if (result == 0)
		result = judge_end(&b, err);
	supervise_kill(&b.process);
	strbuf_done(&b.line);
	close(output[0]);
	return result;
}

/* ---- From the cache ---- */

/* Hold the entry: what is locked is not collected. 1: it is gone. */
static int hold(const struct cache *cache, const struct entry *e, struct appliance *ret,
	struct error *err)
{
	CLEANUP_FREE char *dir = xasprintf("%s/appliances/%s", cache->path, e->key);
	CLEANUP_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return 1;
	if (flock(fd, LOCK_SH) < 0)
		return error_set(err, errno, "lock '%s'", dir);
	/* It may have been removed before we held it. */
	if (faccessat(fd, "kernel", R_OK, 0) < 0 || faccessat(fd, "initrd", R_OK, 0) < 0 ||
		faccessat(fd, "root", R_OK, 0) < 0)
		return 1;
	ret->kernel = xasprintf("%s/kernel", dir);
	ret->initrd = xasprintf("%s/initrd", dir);
	ret->root = xasprintf("%s/root", dir);
	ret->kernel_version = xstrdup(e->kernel_version);
	strcpy(ret->root_uuid, e->root_uuid);
	ret->lock_fd = TAKE_FD(fd);
	return 0;
}

/* 0: here it is. 1: build it. */
static int find(const struct cache *cache, const char *digest, struct appliance *ret,
	struct error *err)
{
	struct entry e;

	int result = entry_find(cache, digest, &e);
	if (result == 0) {
		result = hold(cache, &e, ret, err);
		entry_done(&e);
	}
	return result;
}

int appliance_open(const struct appliance_request *request, const struct cache *cache,
	const char *builder, int control_fd, struct appliance *ret, struct error *err)
{
	struct appliance a = {.lock_fd = -1};
	char digest[ENTRY_KEY_LEN + 1];
	int64_t start = io_now_ms();

	entry_request_digest(request, digest);
	int result = find(cache, digest, &a, err);
	/* Twice: what the builder made may be outdated, or collected, before we hold it. */
	for (int i = 0; i < 2 && result == 1; i++) {
		a.built = true;
		if (run_builder(request, cache, builder, control_fd, err) < 0)
			return -1;
		result = find(cache, digest, &a, err);
	}
	if (result == 1)
		return error_set(err, 0, "build an appliance: the packages or kernels on the host "
					 "keep changing meanwhile; try again when they rest");
	if (result < 0)
		return -1;
	log_info("appliance: %s, kernel %s; %s %lld ms", a.root, a.kernel_version,
		a.built ? "built in" : "from the cache in", (long long)(io_now_ms() - start));
	*ret = a;
	return 0;
}

void appliance_done(struct appliance *a)
{
	if (!a->kernel)
		return;
	free(a->kernel);
	free(a->initrd);
	free(a->root);
	free(a->kernel_version);
	close(a->lock_fd);
	*a = (struct appliance){.lock_fd = -1};
}
