/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest of which a snapshot is taken, and one that resumes from it. */
#include "fixture-agent.h"

/* As if another had heard the guest's hello, and this host went on from there. */
static void resume_with(struct fixture *f, unsigned disks)
{
	static const struct agent_handler second_host = {
		.resumed = on_resumed,
		.attached = on_attached,
		.fatal = on_fatal,
		.started = on_started,
		.output = on_output,
		.exited = on_exited,
	};
	uint8_t seed[RESUME_SEED_SIZE];

	for (int i = 0; i < RESUME_SEED_SIZE; i++)
		seed[i] = i;
	talk(f, &f->ready);
	agent_free(f->a);
	f->a = agent_new(&second_host, f);
	agent_resume(f->a,
		&(struct resume_request){.realtime_ns = 1234567890123456789,
			.disks = disks,
			.seed = seed,
			.timezone = "CET-1"});
}

/* The only child that the guest has after standing by, or 0. */
static long waiting_child(struct fixture *f)
{
	CLEANUP_FREE char *path =
		xasprintf("/proc/%d/task/%d/children", (int)f->guest, (int)f->guest);
	char children[64];

	talk(f, &f->ready);
	f->pong = false;
	agent_ping(f->a);
	talk(f, &f->pong);
	assert_true(file_read_line(AT_FDCWD, path, children, sizeof(children)) >= 0);
	return strtol(children, NULL, 10);
}

static void who_stands_by_becomes_the_command(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	agent_prepare_snapshot(f->a, 0);
	long waiting = waiting_child(f);
	assert_true(waiting > 0);
	run_script(f, "echo $$", no_input);
	assert_int_equal(strtol(text(&f->out), NULL, 10), waiting);
}

static void who_can_not_be_the_command_is_sent_away(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	agent_prepare_snapshot(f->a, 0);
	long waiting = waiting_child(f);
	run_script(f, "echo $$", (struct agent_command){.terminal = true});
	assert_true(strtol(text(&f->out), NULL, 10) != waiting);
	while (waiting_child(f) == waiting)
		;
}

static void a_guest_goes_on_from_a_snapshot(void **state)
{
	struct fixture *f = *state;

	resume_with(f, 7);
	talk(f, &f->resumed);
	run_script(f, "echo here", no_input);
	assert_string_equal(text(&f->out), "here\n");
}

static int attach(struct fixture *f, const char *second_place, struct error *err)
{
	const struct agent_network network = {
		"10.0.2.15", "255.0.0.0", "", "", "10.0.0.1 one\n10.0.0.2 two\n"};
	const struct agent_share shares[] = {
		{ATTACH_MODE_HOST, "/"}, {ATTACH_MODE_WRITABLE, second_place}};

	return agent_attach(f->a, &(struct agent_attachments){&network, shares, 2}, err);
}

static void what_is_attached_follows_a_boot_or_a_resume(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	assert_int_equal(attach(f, "/a b\nc", NULL), 0);
	talk(f, &f->attached);
	f->attached = false;
	/* At once, without waiting for the guest to have resumed. */
	resume_with(f, 7);
	assert_int_equal(attach(f, "/a b\nc", NULL), 0);
	talk(f, &f->attached);
	assert_true(f->resumed);
	run_script(f, "echo here", no_input);
	assert_string_equal(text(&f->out), "here\n");
}

static void what_can_not_be_attached_is_the_end(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	assert_int_equal(attach(f, "/other", NULL), 0);
	talk(f, &f->over);
	assert_string_equal(f->fatal, "this is not what was attached");
	assert_false(f->attached);
}

static void paths_that_are_too_long_together_are_refused(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE char *place = xcalloc(FRAME_PAYLOAD_MAX + 1, 1);
	struct error err;

	talk(f, &f->ready);
	memset(place, 'x', FRAME_PAYLOAD_MAX);
	assert_int_equal(attach(f, place, &err), -1);
	assert_non_null(strstr(err.msg, "too long"));
}

static void freeze(struct fixture *f)
{
	f->pong = false;
	agent_freeze(f->a);
	talk(f, &f->pong);
	assert_int_equal(agent_pings(f->a), 0);
}

/* Time for what should not come. */
static void listen_for(struct fixture *f, int ms)
{
	for (int64_t end = monotonic_ms() + ms; monotonic_ms() < end;)
		talk_once(f);
}

static void a_guest_in_use_stands_still_and_goes_on(void **state)
{
	struct fixture *f = *state;
	size_t len;

	talk(f, &f->ready);
	start_script(f,
		"echo ready; while read x; do echo $x; sleep 0.05; echo late; done; exit 3",
		(struct agent_command){0});
	while (!strstr(text(&f->out), "ready"))
		talk_once(f);
	agent_send_stdin(f->a, f->command, "one\n", 4);
	freeze(f);
	strbuf_clear(&f->out);
	agent_send_stdin(f->a, f->command, "two\n", 4);
	agent_send_stdin_eof(f->a, f->command);
	agent_output(f->a, &len);
	assert_int_equal(len, 0);
	listen_for(f, 200);
	assert_int_equal(f->out.len, 0);
	assert_false(f->over);
	agent_thaw(f->a);
	talk(f, &f->over);
	assert_int_equal(f->status, 3);
	/* It may have said "one" before it stood still. */
	const char *said = strstr(text(&f->out), "late");
	assert_non_null(said);
	assert_string_equal(said, "late\ntwo\nlate\n");
}

static void in_a_copy_commands_go_on_unheard(void **state)
{
	struct fixture *f = *state;
	char file[] = "/tmp/test-guest-snapshot.XXXXXX";

	close(mkstemp(file));
	CLEANUP_FREE char *script =
		xasprintf("echo ready; cat; yes | head -c 300000; echo done >%s", file);
	talk(f, &f->ready);
	start_script(f, script, (struct agent_command){0});
	while (!strstr(text(&f->out), "ready"))
		talk_once(f);
	freeze(f);
	f->over = false;
	resume_with(f, 0);
	talk(f, &f->resumed);
	/* The other has lost its input, nobody reads what it writes, and its number is the
	 * next one's. */
	CLEANUP_FREE char *next =
		xasprintf("until grep -q done %s; do sleep 0.02; done; echo here", file);
	strbuf_clear(&f->out);
	run_script(f, next, no_input);
	assert_string_equal(text(&f->out), "here\n");
	listen_for(f, 50);
	assert_int_equal(attach(f, "/a b\nc", NULL), 0);
	talk(f, &f->attached);
	unlink(file);
}

static void a_guest_that_can_not_go_on_says_why(void **state)
{
	struct fixture *f = *state;

	resume_with(f, 201);
	talk(f, &f->over);
	assert_string_equal(f->fatal, "there is no room for 201 disks");
	assert_false(f->resumed);
}

static void disks_that_are_not_released_are_the_end(void **state)
{
	struct fixture *f = *state;

	talk(f, &f->ready);
	agent_prepare_snapshot(f->a, 3);
	talk(f, &f->over);
	assert_string_equal(f->fatal, "a disk is stuck");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_stands_by_becomes_the_command, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_can_not_be_the_command_is_sent_away, setup, teardown),
		with_fixture(a_guest_goes_on_from_a_snapshot),
		with_fixture(what_is_attached_follows_a_boot_or_a_resume),
		with_fixture(what_can_not_be_attached_is_the_end),
		with_fixture(paths_that_are_too_long_together_are_refused),
		with_fixture(a_guest_in_use_stands_still_and_goes_on),
		with_fixture(in_a_copy_commands_go_on_unheard),
		with_fixture(a_guest_that_can_not_go_on_says_why),
		cmocka_unit_test_setup_teardown(disks_that_are_not_released_are_the_end,
			setup_with_stuck_disk, teardown),
	};

	return run_agent_tests(tests);
}
