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

void standby_make(struct standby *s)
{
	(void)s;
}

void commands_init(struct commands *commands)
{
	commands->len = 0;
}

void commands_abandon(struct commands *commands)
{
	for (size_t i = 0; i < commands->len; i++) {
		commands->items[i]->number = 0;
		input_close(&commands->items[i]->input);
	}
}

bool commands_are_heard(const struct commands *commands)
{
	for (size_t i = 0; i < commands->len; i++)
		if (commands->items[i]->number)
			return true;
	return false;
}

struct command *commands_find(const struct commands *commands, uint16_t number)
{
	for (size_t i = 0; i < commands->len; i++)
		if (commands->items[i]->number == number)
			return commands->items[i];
	return NULL;
}

struct command *commands_find_process(struct commands *commands, pid_t pid)
{
	(void)commands;
	(void)pid;
	return NULL;
}

int commands_start(struct commands *commands, uint16_t number,
	const struct exec_request *r, const uint8_t *bytes, size_t len,
	struct start_error *ret_error)
{
	(void)bytes;
	(void)len;
	size_t total = strlen(r->cwd) + strlen(r->user);
	const char *s = r->argv;

	for (uint64_t n = (uint64_t)r->argc + r->envc; n > 0; n--) {
		total += strlen(s);
		s += strlen(s) + 1;
	}
	struct command *c =
		total % 7 && commands->len < COMMANDS_MAX ? malloc(sizeof(*c)) : NULL;
	if (!c) {
		*ret_error = (struct start_error){.errnum = ENOENT, .step = "pretend"};
		return -1;
	}
	c->state = COMMAND_RUNNING;
	c->number = number;
	input_init(&c->input, open("/dev/null", O_WRONLY | O_CLOEXEC), false);
	output_init(&c->outputs[0], number, STREAM_STDOUT, -1, false);
	output_init(&c->outputs[1], number, STREAM_STDERR, -1, false);
	commands->items[commands->len++] = c;
	return 0;
}

void commands_remove(struct commands *commands, struct command *c)
{
	for (size_t i = 0; i < commands->len; i++)
		if (commands->items[i] == c)
			commands->items[i] = commands->items[--commands->len];
	input_close(&c->input);
	free(c);
}

void commands_done(struct commands *commands)
{
	while (commands->len > 0)
		commands_remove(commands, commands->items[0]);
}

enum command_start_result command_check_start(
	struct command *c, struct start_error *ret_error)
{
	(void)c;
	(void)ret_error;
	return COMMAND_START_PENDING;
}

/* This one ends a command. */
void command_signal(struct command *c, int signal)
{
	if (signal == SIGKILL) {
		input_close(&c->input);
		c->state = COMMAND_DRAINING;
	}
}

void command_resize(struct command *c, uint16_t rows, uint16_t columns)
{
	(void)c;
	(void)rows;
	(void)columns;
}

void command_ended(struct command *c, int wait_status)
{
	(void)c;
	(void)wait_status;
}

bool command_is_over(const struct command *c)
{
	return c->state == COMMAND_DRAINING;
}

static bool never_out_of_memory(char ret_name[static PROCESS_NAME_MAX + 1], void *data)
{
	(void)ret_name;
	(void)data;
	return false;
}

static void ignore_clock(uint64_t realtime_ns)
{
	(void)realtime_ns;
}

static int prepare_never(unsigned disk_slots, bool in_use, void *data, struct error *err)
{
	(void)in_use;
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
		.out_of_memory = never_out_of_memory,
	};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	s.machine = &machine;
	s.stop = false;
	s.request_len = 0;
	channel_init(&s.channel, null);
	commands_init(&s.commands);
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
		serve_commands(&s);
	}
	commands_done(&s.commands);
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
