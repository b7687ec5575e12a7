/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's parsers: frames from a host gone mad, and what it reads inside, which is
 * the user's: passwd files, device events, the kernel's command line. The first byte
 * chooses. The agent is the real one but for its processes: a command here is /dev/null.
 */
#include "guest/agent.c"
#include "guest/channel.c"
#include "guest/clock.c"
#include "guest/devices.c"
#include "guest/file.c"
#include "guest/frames.c"
#include "guest/log.c"
#include "guest/options.c"
#include "guest/shutdown.c"
#include "guest/streams.c"
#include "guest/uevent.c"
#include "guest/user.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void command_init(struct command *c)
{
	c->state = COMMAND_NONE;
	input_init(&c->input, -1, false);
	output_init(&c->outputs[0], STREAM_STDOUT, -1, false);
	output_init(&c->outputs[1], STREAM_STDERR, -1, false);
}

void standby_make(struct standby *s)
{
	(void)s;
}

int command_start(struct command *c, const struct exec_request *r, const uint8_t *bytes,
	size_t len, struct start_error *ret_error)
{
	(void)bytes;
	(void)len;
	size_t total = strlen(r->cwd) + strlen(r->user);
	const char *s = r->argv;

	for (uint64_t n = (uint64_t)r->argc + r->envc; n > 0; n--) {
		total += strlen(s);
		s += strlen(s) + 1;
	}
	if (total % 7 == 0) {
		*ret_error = (struct start_error){.errnum = ENOENT, .step = "pretend"};
		return -1;
	}
	c->state = COMMAND_RUNNING;
	input_init(&c->input, open("/dev/null", O_WRONLY | O_CLOEXEC), false);
	output_init(&c->outputs[0], STREAM_STDOUT, -1, false);
	output_init(&c->outputs[1], STREAM_STDERR, -1, false);
	return 0;
}

enum command_start_result command_check_start(
	struct command *c, struct start_error *ret_error)
{
	(void)c;
	(void)ret_error;
	return COMMAND_START_PENDING;
}

void command_signal(struct command *c, int signal)
{
	if (c->state == COMMAND_RUNNING && signal == SIGKILL) {
		input_close(&c->input);
		c->state = COMMAND_NONE;
	}
}

void command_resize(struct command *c, uint16_t rows, uint16_t columns)
{
	(void)c;
	(void)rows;
	(void)columns;
}

void command_reaped(struct command *c, pid_t pid, int wait_status)
{
	(void)c;
	(void)pid;
	(void)wait_status;
}

bool command_is_over(const struct command *c)
{
	(void)c;
	return false;
}

void command_done(struct command *c)
{
	input_close(&c->input);
	c->state = COMMAND_NONE;
}

static void ignore_clock(uint64_t realtime_ns)
{
	(void)realtime_ns;
}

static int prepare_never(unsigned disk_slots, void *data, struct error *err)
{
	(void)data;
	return error_set(err, 0, "no %u", disk_slots);
}

static int resume_never(const struct resume_request *r, void *data, struct error *err)
{
	(void)data;
	uint8_t sum = 0;

	for (int i = 0; i < RESUME_SEED_SIZE; i++)
		sum ^= r->seed[i];
	return error_set(err, 0, "no %u", sum);
}

static int attach_never(const struct attach_request *r, struct error *err)
{
	const char *s = r->shares;
	size_t sum = 0;

	if (r->has_network)
		sum += strlen(r->address) + strlen(r->netmask) + strlen(r->gateway) +
			strlen(r->resolver) + strlen(r->hosts);
	for (unsigned i = 0; i < 2 * r->n_shares; i++, s += strlen(s) + 1)
		sum += strlen(s);
	return error_set(err, 0, "no %zu", sum);
}

static void fuzz_frames(const uint8_t *data, size_t size)
{
	static struct server s;
	static const struct agent_machine machine = {
		.sys = "/nonexistent",
		.set_clock = ignore_clock,
		.prepare_snapshot = prepare_never,
		.resume = resume_never,
		.attach = attach_never,
	};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	s.machine = &machine;
	s.stop = false;
	s.request_len = 0;
	channel_init(&s.channel, null);
	command_init(&s.command);
	while (size > 0 && !s.stop) {
		size_t n;

		make_room(&s.channel);
		n = MIN(size, sizeof(s.channel.in) - s.channel.in_end);
		memcpy(s.channel.in + s.channel.in_end, data, n);
		s.channel.in_end += n;
		data += n;
		size -= n;
		if (server_handle_frames(&s, NULL) < 0 || channel_flush(&s.channel) < 0)
			break;
		pump_input(&s);
	}
	command_done(&s.command);
	channel_done(&s.channel);
	close(null);
}

static void fuzz_texts(int which, char *text, size_t size)
{
	static struct user user;
	struct boot_options options;
	struct uevent event;
	char *target, *colon;
	FILE *table;
	int id;

	switch (which) {
	case 1:
		boot_options_parse(text, &options, NULL);
		break;
	case 2:
		uevent_parse(text, size, &event);
		break;
	case 3:
		/* SPEC, a line end, and one text for both tables. */
		colon = strchr(text, '\n');
		if (!colon)
			break;
		*colon = '\0';
		table = fmemopen(colon + 1, strlen(colon + 1), "r");
		if (user_resolve(text, table, table, &user) == 0 &&
			(user.n_groups == 0 || user.n_groups > USER_GROUPS_MAX))
			abort();
		fclose(table);
		break;
	case 4:
		for (char *line = text; line;)
			line = mountinfo_next(line, &id, &target);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	if (data[0] == 0) {
		fuzz_frames(data + 1, size - 1);
		return 0;
	}
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	fuzz_texts(data[0] % 5, text, size - 1);
	free(text);
	return 0;
}
