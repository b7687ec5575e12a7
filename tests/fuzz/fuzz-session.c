/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client says to the keeper of a session. The first byte says how many descriptors it
 * passes with its first bytes; then each piece is a length, in units of 64 bytes, and what is
 * sent. There is no VM: commands are pretended.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/handle.h"

struct vm_exec {
	int signals;
};

static struct vm_exec *pretend_begin(
	struct vm *vm, const struct vm_command *command, struct error *err)
{
	size_t sum = 0;

	(void)vm;
	for (const char *const *word = command->agent.argv; *word; word++)
		sum += strlen(*word);
	for (const char *const *word = command->agent.env; *word; word++)
		sum += strlen(*word);
	if (sum % 5 == 4)
		return error_null(err, 0, "pretend");
	return xcalloc(1, sizeof(struct vm_exec));
}

static bool pretend_started(const struct vm_exec *exec)
{
	return exec->signals > 0;
}

static bool pretend_over(const struct vm_exec *exec)
{
	return exec->signals > 1;
}

static void pretend_signal(struct vm_exec *exec, int signal)
{
	if (signal < 1 || signal > 64)
		abort();
	exec->signals++;
}

static void pretend_resize(struct vm_exec *exec, uint16_t rows, uint16_t columns)
{
	(void)exec;
	(void)rows;
	(void)columns;
}

static int pretend_end(
	struct vm_exec *exec, struct hypermin_result *ret, struct error *err)
{
	int signals = exec->signals;

	free(exec);
	*ret = (struct hypermin_result){HYPERMIN_EXITED, 3};
	return signals % 3 ? 0 : error_set(err, 0, "pretend");
}

static int64_t pretend_memory(const struct vm *vm)
{
	(void)vm;
	return 1;
}

static bool pretend_resumed(const struct vm *vm)
{
	(void)vm;
	return false;
}

static char *pretend_write_down(struct hypermin *h, int dir_fd)
{
	if (fcntl(dir_fd, F_GETFD) < 0)
		abort();
	return error_null(&h->error, 0, "pretend");
}

#define vm_exec_begin	    pretend_begin
#define vm_exec_has_started pretend_started
#define vm_exec_is_over	    pretend_over
#define vm_exec_signal	    pretend_signal
#define vm_exec_resize	    pretend_resize
#define vm_exec_end	    pretend_end
#define vm_memory_bytes	    pretend_memory
#define vm_is_resumed	    pretend_resumed
#define handle_write_down   pretend_write_down
#include "api/keep.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_piece(int fd, const void *bytes, size_t len, unsigned n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = {0};
	struct iovec io = {(void *)bytes, len};
	struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
	int fds[8];

	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = STDERR_FILENO;
	if (n_fds) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hypermin *h = hypermin_new();
	struct keeper k = {.h = h, .listen_fd = -1, .name = {.name = (char *)"fuzzed"}};
	unsigned n_fds = size ? data[0] % 8 : 0;
	int fds[2];

	h->appliance.kernel_version = (char *)"6.1";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	struct client *c = xcalloc(1, sizeof(*c));
	session_link_init(&c->link, fds[0]);
	vector_push(&k.clients, c);
	for (size_t at = 1; at < size && k.clients.len && c->link.fd >= 0;) {
		size_t len = MIN(data[at] * 64u + 1, size - at - 1);
		send_piece(fds[1], data + at + 1, len, n_fds);
		n_fds = 0;
		at += 1 + len;
		serve_client(&k, c, POLLIN);
		remove_the_gone(&k);
	}
	vector_foreach (client, &k.clients)
		client_free(*client);
	vector_done(&k.clients);
	vector_done(&k.polled);
	close(fds[1]);
	h->appliance.kernel_version = NULL;
	hypermin_free(h);
	return 0;
}
