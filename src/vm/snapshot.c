/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking a snapshot and going on from one, by QMP. qemu calls both migration: to a file,
 * and from one, without the memory (x-ignore-shared), since that is a file already.
 *
 * qemu accepts a stream made with another CPU model or another number of CPUs, and a
 * stream that was damaged in some places, without a word. So nothing is left to it: the
 * identity has all that a snapshot depends on, and whoever stores the stream has to vouch
 * for it.
 */
#include "vm/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/io.h"
#include "base/strbuf.h"
#include "vm/machine.h"

#define SAVE_MS 30000
/* For what the boot has left behind to come to rest. */
#define SETTLE_MS 200

/* ---- What it depends on ---- */

bool snapshot_is_possible(const struct vm_config *config, const struct profile *profile)
{
	/* On MMIO there is no looking for new devices. */
	if (profile->root_bus->no_snapshots ||
		profile->machine->transport != TRANSPORT_PCI)
		return false;
	/* The root would have the name that the user's first disk has after a boot. */
	return !profile->root_bus->named_as_disks || machine_disks(config) == 0;
}

/* A launcher may set the times of its appliance's files at each launch. */
static void add_file_itself(struct strbuf *sb, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		strbuf_addf(sb, "%s absent\n", path);
	else
		strbuf_addf(sb, "%s %llx:%llx %lld bytes\n", path,
			(unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			(long long)st.st_size);
}

/* Whole seconds: what is copied to another machine, in an image of a container say, often
 * loses the rest. */
static void add_file(struct strbuf *sb, const char *path)
{
	CLEANUP_FREE char *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		strbuf_addf(sb, "%s absent\n", path);
	else
		strbuf_addf(sb, "%s %lld bytes of %lld\n", real, (long long)st.st_size,
			(long long)st.st_mtim.tv_sec);
}

/* The lines of the first processor that say what it can do; not those that say how it
 * fares at the moment. */
static void add_processor(struct strbuf *sb)
{
	static const char *const lines[] = {"vendor_id", "cpu family", "model",
		"stepping", "flags", "Features", "CPU implementer", "CPU part",
		"CPU variant"};
	char text[16 * 1024];
	char *rest = text;

	CLEANUP_CLOSE int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[MAX(len, 0)] = '\0';
	for (char *line; (line = strsep(&rest, "\n")) && *line;)
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			if (strncmp(line, lines[i], strlen(lines[i])) == 0)
				strbuf_addf(sb, "%s\n", line);
}

size_t snapshot_best_slots(const struct vm_config *config)
{
	size_t n = machine_disks(config);

	return n <= VM_MAX_RESERVED_SLOTS ? n : 0;
}

char *snapshot_identity(
	const struct vm_config *config, const struct profile *profile, size_t slots)
{
	/* As it is booted, with nothing of what the user attaches. */
	struct vm_config bare = *config;
	struct vm_appliance appliance;
	const struct machine_fds no_fds = {0};
	CLEANUP_STRVEC struct strvec argv = {0};
	struct strbuf sb = {0};
	struct utsname host;

	bare.n_disks = 0;
	if (config->appliance) {
		appliance = *config->appliance;
		appliance.disks = NULL;
		bare.appliance = &appliance;
	}
	bare.reserved_slots = slots;
	bare.boot_timeout_ms = 0;
	bare.record = NULL;
	machine_argv(&bare, profile, &no_fds, &argv);
	vector_foreach (arg, &argv)
		strbuf_addf(&sb, "%s\n", *arg);
	const char *const parts[] = {config->kernel, config->initrd, config->root};
	add_file(&sb, config->qemu);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		(config->appliance ? add_file_itself : add_file)(&sb, parts[i]);
	uname(&host);
	strbuf_addf(&sb, "host %s %s %s\n", host.release, host.version, host.machine);
	add_processor(&sb);
	return strbuf_detach(&sb);
}

/* ---- QMP ---- */

static int send_text(struct vm *vm, const char *text, struct error *err)
{
	size_t len = strlen(text);

	if (send(vm->qmp_fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		return error_set(err, errno, "talk to qemu");
	return 0;
}

/* With a descriptor that becomes qemu's. */
static int send_with_fd(struct vm *vm, const char *text, int fd, struct error *err)
{
	struct iovec iov = {(char *)text, strlen(text)};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};

	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	if (sendmsg(vm->qmp_fd, &message, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		return error_set(err, errno, "talk to qemu");
	return 0;
}

/* The next whole line, taken out of what has come. A new string, or NULL. */
static char *next_line(struct vm *vm)
{
	char *end = vm->qmp.len ? memchr(vm->qmp.data, '\n', vm->qmp.len) : NULL;

	if (!end)
		return NULL;
	char *line = xstrndup(vm->qmp.data, end - vm->qmp.data);
	strbuf_consume(&vm->qmp, end + 1 - vm->qmp.data);
	return line;
}

enum qmp_said { QMP_NOTHING, QMP_ERROR, QMP_GOES_ON, QMP_SAVED, QMP_NOT_SAVED };

/* One line. *ret_text is why, with QMP_ERROR: a new string. */
static enum qmp_said judge_line(const char *line, char **ret_text)
{
	json_t *message = json_loads(line, 0, NULL);
	const json_t *error = json_object_get(message, "error");
	const char *event = json_string_value(json_object_get(message, "event"));
	const char *status = json_string_value(
		json_object_get(json_object_get(message, "data"), "status"));
	enum qmp_said said = QMP_NOTHING;

	if (error) {
		const char *text = json_string_value(json_object_get(error, "desc"));
		*ret_text = xstrdup(text ? text : "for no reason");
		said = QMP_ERROR;
	} else if (event && strcmp(event, "RESUME") == 0) {
		said = QMP_GOES_ON;
	} else if (event && status && strcmp(event, "MIGRATION") == 0) {
		if (strcmp(status, "completed") == 0)
			said = QMP_SAVED;
		else if (strcmp(status, "failed") == 0 ||
			strcmp(status, "cancelled") == 0)
			said = QMP_NOT_SAVED;
	}
	json_decref(message);
	return said;
}

/* ---- Going on ---- */

int snapshot_ask_resume(struct vm *vm, int state_fd, struct error *err)
{
	CLEANUP_FREE char *text = xasprintf(
		"{\"execute\":\"qmp_capabilities\"}\n"
		"{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":"
		"[{\"capability\":\"x-ignore-shared\",\"state\":true}]}}\n"
		"{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:%d\"}}\n",
		state_fd);

	vm->loading = true;
	return send_text(vm, text, err);
}

void snapshot_take_qmp(struct vm *vm, const char *bytes, size_t len)
{
	strbuf_add(&vm->qmp, bytes, len);
	for (char *line; vm->loading && (line = next_line(vm));) {
		CLEANUP_FREE char *why = NULL;
		enum qmp_said said = judge_line(line, &why);

		free(line);
		if (said == QMP_ERROR)
			snprintf(vm->fatal, sizeof(vm->fatal), "qemu: %s", why);
		if (said == QMP_ERROR || said == QMP_GOES_ON) {
			vm->loading = false;
			vm->loaded = true;
		}
	}
}

/* ---- Taking ---- */

static int wait_until_saved(struct vm *vm, struct error *err)
{
	int64_t deadline = io_now_ms() + SAVE_MS;
	char buf[4096];

	for (;;) {
		struct pollfd pfd = {vm->qmp_fd, POLLIN, 0};
		CLEANUP_FREE char *why = NULL;
		CLEANUP_FREE char *line = next_line(vm);
		enum qmp_said said = line ? judge_line(line, &why) : QMP_NOTHING;

		if (said == QMP_SAVED)
			return 0;
		if (said == QMP_ERROR)
			return error_set(err, 0, "qemu: %s", why);
		if (said == QMP_NOT_SAVED)
			return error_set(err, 0, "qemu could not write its state");
		if (line)
			continue;
		int n = poll(&pfd, 1, MAX(0, deadline - io_now_ms()));
		if (n == 0)
			return error_set(err, ETIMEDOUT, "qemu does not write its state");
		ssize_t len = n < 0 ? -1 : read(vm->qmp_fd, buf, sizeof(buf));
		if (len == 0)
			return error_set(err, 0, "qemu has ended");
		if (len < 0 && errno != EINTR)
			return error_set(err, errno, "hear what qemu says");
		if (len > 0)
			strbuf_add(&vm->qmp, buf, len);
	}
}

static int save(struct vm *vm, int state_fd, struct error *err)
{
	static const char prepare[] =
		"{\"execute\":\"qmp_capabilities\"}\n"
		"{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":["
		"{\"capability\":\"x-ignore-shared\",\"state\":true},"
		"{\"capability\":\"events\",\"state\":true}]}}\n";
	static const char give[] =
		"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}\n";
	static const char migrate[] =
		"{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}\n";

	if (send_text(vm, prepare, err) < 0 ||
		send_with_fd(vm, give, state_fd, err) < 0 ||
		send_text(vm, migrate, err) < 0)
		return -1;
	return wait_until_saved(vm, err);
}

int vm_save(struct vm *vm, struct error *err)
{
	static const bool never;

	if (vm->dead)
		return error_set(err, ESRCH, "take a snapshot: the VM has ended");
	/* An answer shows that the agent waits, and nothing is on its way. */
	vm->pong = false;
	agent_stand_by(vm->agent, vm->placeholders);
	agent_ping(vm->agent);
	int result = loop_until(vm, &vm->pong, io_now_ms() + SAVE_MS, err);
	if (result > 0)
		result = failure_set(vm, err, ETIMEDOUT,
			"the guest does not get ready for a snapshot");
	/* Let what the boot has left behind come to rest. */
	if (result == 0)
		result = loop_until(vm, &never, io_now_ms() + SETTLE_MS, err);
	if (result < 0)
		return error_prefix(err, "take a snapshot");
	result = save(vm, vm->state_fd, err);
	vm->dead = true;
	supervise_kill(&vm->qemu);
	return result < 0 ? error_prefix(err, "take a snapshot") : 0;
}
