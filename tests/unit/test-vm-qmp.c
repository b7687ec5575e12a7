/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection to qemu's monitor, with a test at its other end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "vm/qmp.h"

struct monitor {
	struct qmp qmp;
	int far;
	struct strbuf told; /* what on_message() got, as text */
	struct error err;
};

static void on_message(const struct qmp_message *message, void *data)
{
	struct strbuf *told = &((struct monitor *)data)->told;
	char *text = message->data
		? json_dumps(message->data, JSON_COMPACT | JSON_ENCODE_ANY)
		: strdup("-");

	if (message->event)
		strbuf_addf(told, "event %s %s;", message->event, text);
	else
		strbuf_addf(told, "%d %s %s %s;", message->id, message->command,
			message->error ? message->error : "ok", text);
	free(text);
}

static int setup(void **state)
{
	struct monitor *m = xcalloc(1, sizeof(*m));
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return -1;
	qmp_init(&m->qmp, fds[0], on_message, m);
	m->far = fds[1];
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct monitor *m = *state;

	qmp_done(&m->qmp);
	if (m->far >= 0)
		close(m->far);
	strbuf_done(&m->told);
	free(m);
	return 0;
}

static int says(struct monitor *m, const char *text)
{
	assert_int_equal(write(m->far, text, strlen(text)), strlen(text));
	return qmp_receive(&m->qmp, &m->err);
}

static void assert_told(struct monitor *m, const char *expected)
{
	assert_string_equal(m->told.len ? m->told.data : "", expected);
	strbuf_clear(&m->told);
}

static void assert_heard(struct monitor *m, const char *expected)
{
	char buf[4096];

	ssize_t n = recv(m->far, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, expected);
}

static int ask(struct monitor *m, const char *command)
{
	return qmp_execute(&m->qmp, command, NULL, -1, &m->err);
}

static int ask_first(struct monitor *m, const char *command)
{
	int id = ask(m, command);

	assert_int_equal(says(m, "{\"QMP\": {}}\n{\"return\": {}, \"id\": 1}\n"), 0);
	assert_told(m, "1 qmp_capabilities ok {};");
	return id;
}

static void the_first_command_negotiates(void **state)
{
	struct monitor *m = *state;

	assert_int_equal(
		qmp_execute(&m->qmp, "stop", json_pack("{s:i}", "a", 1), -1, &m->err), 2);
	assert_heard(m,
		"{\"execute\":\"qmp_capabilities\",\"id\":1}\n"
		"{\"execute\":\"stop\",\"id\":2,\"arguments\":{\"a\":1}}\n");
	assert_int_equal(ask(m, "cont"), 3);
	assert_heard(m, "{\"execute\":\"cont\",\"id\":3}\n");
}

static void answers_and_events_come_in_any_pieces(void **state)
{
	static const char text[] =
		"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "
		"\"major\": 7}, \"package\": \"\"}, \"capabilities\": []}}\r\n"
		"{\"return\": {}, \"id\": 1}\r\n"
		"{\"timestamp\": {}, \"event\": \"STOP\"}\r\n"
		"{\"return\": [1], \"id\": 2}\r\n"
		"{\"event\": \"RESUME\", \"data\": {\"x\": \"\\n\"}}\r\n";
	static const char expected[] =
		"1 qmp_capabilities ok {};event STOP -;2 query ok [1];"
		"event RESUME {\"x\":\"\\n\"};";
	struct monitor *m = *state;

	ask(m, "query");
	for (size_t i = 0; i < strlen(text); i++)
		assert_int_equal(says(m, (const char[]){text[i], '\0'}), 0);
	assert_told(m, expected);
	assert_string_equal(m->qmp.version, "7.2.22");
}

static void a_failed_command_says_why_and_the_next_goes_on(void **state)
{
	struct monitor *m = *state;

	ask_first(m, "a");
	ask(m, "b");
	ask(m, "c");
	assert_int_equal(says(m,
				 "{\"id\": 2, \"error\": {\"class\": \"GenericError\", "
				 "\"desc\": \"no room\"}}\n{\"id\": 3, \"error\": 7}\n"
				 "{\"id\": 4, \"return\": null}\n"),
		0);
	assert_told(m, "2 a no room -;3 b for no reason given -;4 c ok null;");
}

static void a_descriptor_goes_with_its_command(void **state)
{
	struct monitor *m = *state;
	char bytes[4096], control[256];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	int fds[2];

	ask_first(m, "stop");
	assert_true(read(m->far, bytes, sizeof(bytes)) > 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(qmp_execute(&m->qmp, "getfd", json_pack("{s:s}", "fdname", "x"),
				 fds[1], &m->err),
		3);
	close(fds[1]);
	ssize_t n = recvmsg(m->far, &message, 0);
	assert_true(n > 0 && memmem(bytes, n, "getfd", 5));
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	assert_non_null(cmsg);
	int fd = *(int *)CMSG_DATA(cmsg);
	assert_int_equal(write(fd, "!", 1), 1);
	assert_int_equal(read(fds[0], bytes, 1), 1);
	close(fd);
	close(fds[0]);
}

static void assert_broken(struct monitor *m, const char *why)
{
	assert_non_null(strstr(m->err.msg, why));
	assert_int_equal(m->qmp.fd, -1);
	assert_told(m, "");
	assert_int_equal(ask(m, "stop"), -1);
	assert_non_null(strstr(m->err.msg, "stop"));
}

static void garbage_ends_the_connection(void **state)
{
	static const char *const lines[] = {"what?\n", "[]\n", "{\"a\": \n", "7\n", "\n",
		"{\"event\": \"\xff\"}\n", "{\"a\": 1}}\n"};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		struct monitor *m = *state;
		ask_first(m, "stop");
		assert_int_equal(says(m, lines[i]), -1);
		assert_broken(m, "not a JSON object");
	}
}

static void an_answer_to_no_command_ends_the_connection(void **state)
{
	static const char *const lines[] = {"{\"return\": {}}\n",
		"{\"return\": {}, \"id\": 3}\n", "{\"return\": {}, \"id\": \"2\"}\n",
		"{\"error\": {\"desc\": \"JSON parse error\"}}\n",
		"{\"return\": {}, \"id\": 1}\n"};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (i > 0) {
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
		struct monitor *m = *state;
		ask_first(m, "a");
		ask(m, "b");
		assert_int_equal(says(m, lines[i]), -1);
		assert_broken(m, "what it was not asked");
	}
}

static void a_line_without_an_end_ends_the_connection(void **state)
{
	static char piece[8192];
	struct monitor *m = *state;
	size_t said = 0;
	int result = 0;

	ask_first(m, "stop");
	memset(piece, ' ', sizeof(piece) - 1);
	for (; result == 0 && said <= 2u * QMP_LINE_MAX; said += sizeof(piece) - 1)
		result = says(m, piece);
	assert_int_equal(result, -1);
	assert_true(said < QMP_LINE_MAX + 3 * sizeof(piece));
	assert_broken(m, "a line of more than");
}

/* qemu is ending, which others will tell. */
static void its_end_is_no_error(void **state)
{
	struct monitor *m = *state;

	ask_first(m, "stop");
	assert_int_equal(says(m, "{\"event\": \"SHUT"), 0);
	close(m->far);
	m->far = -1;
	assert_int_equal(qmp_receive(&m->qmp, &m->err), 0);
	assert_int_equal(m->qmp.fd, -1);
	assert_int_equal(ask(m, "stop"), -1);
}

/* It does not wait for one that reads nothing. */
static void a_full_socket_ends_the_connection(void **state)
{
	struct monitor *m = *state;
	int id;

	do
		id = ask(m, "query-block");
	while (id > 0 && id < 1000000);
	assert_int_equal(id, -1);
	assert_int_equal(m->qmp.fd, -1);
}

static void ask_again(const struct qmp_message *message, void *data)
{
	struct monitor *m = data;

	if (message->id == 2)
		assert_int_equal(ask(m, "again"), 3);
	on_message(message, data);
}

static void a_command_may_follow_from_an_answer(void **state)
{
	struct monitor *m = *state;

	m->qmp.on_message = ask_again;
	ask_first(m, "once");
	assert_int_equal(says(m, "{\"return\": 1, \"id\": 2}\n"), 0);
	assert_int_equal(says(m, "{\"return\": 2, \"id\": 3}\n"), 0);
	assert_told(m, "2 once ok 1;3 again ok 2;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_command_negotiates),
		TEST(answers_and_events_come_in_any_pieces),
		TEST(a_failed_command_says_why_and_the_next_goes_on),
		TEST(a_descriptor_goes_with_its_command),
		TEST(garbage_ends_the_connection),
		TEST(an_answer_to_no_command_ends_the_connection),
		TEST(a_line_without_an_end_ends_the_connection),
		TEST(its_end_is_no_error),
		TEST(a_full_socket_ends_the_connection),
		TEST(a_command_may_follow_from_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
