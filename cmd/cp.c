/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin cp: files into a session and out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "interrupt.h"
#include "settings.h"

struct cp {
	uint64_t max_bytes;
	bool same_owner;
};

static const struct option_row rows[] = {
	{OPTION_SIZE, "max-size", 0, "N[bKMGT]",
		"out of a session: take no more than this; default: no limit",
		offsetof(struct cp, max_bytes)},
	{OPTION_FLAG, "same-owner", 0, NULL,
		"out of a session, for root: keep owners, setuid bits and all attributes",
		offsetof(struct cp, same_owner)},
	{0},
};

static const struct option_group groups[] = {{NULL, rows}, {0}};

static const struct options options = {
	.command = "hypermin cp",
	.usage =
		"Usage: hypermin cp [OPTION…] PATH|- SESSION:PATH\n"
		"       hypermin cp [OPTION…] SESSION:PATH PATH|-\n"
		"\n"
		"Copy a file or tree into a session or out of it, with all that belongs to it. If the\n"
		"target is a directory, the copy gets its name there; DIR/. is what is in DIR. \"-\" is a tar\n"
		"stream on standard input or output.",
	.groups = groups,
	.words = WORDS_MIXED,
};

/* Where the path of "SESSION:PATH" begins; NULL: it is one of ours. "./a:b" is ours. */
static const char *path_in_session(const char *word)
{
	const char *colon = strchr(word, ':');
	const char *slash = strchr(word, '/');

	return colon && colon != word && (!slash || colon < slash) ? colon + 1 : NULL;
}

static int copy(const struct cp *cp, const char *from, const char *to)
{
	const char *from_path = path_in_session(from), *to_path = path_in_session(to);
	struct hypermin *session = hypermin_new();
	const char *word = from_path ? from : to;
	char *name = strndup(word, strchr(word, ':') - word);
	int result;

	interrupt_by_signals(session);
	result = hypermin_open_session(session, name);
	if (result == 0)
		result = from_path ? hypermin_copy_out(session, from_path, to,
					     cp->max_bytes, cp->same_owner)
				   : hypermin_copy_in(session, from, to_path);
	if (result < 0)
		message_error(hypermin_error(session));
	interrupt_release();
	hypermin_free(session);
	free(name);
	return result < 0 ? EXIT_OURS : 0;
}

int command_cp(int argc, char **argv)
{
	struct cp cp = {0};
	struct command_log log = {0};

	int first = options_parse(&options, argc, argv, &cp);
	command_log_start(&log);
	if (first <= 0)
		return first == OPTIONS_HELPED ? 0 : EXIT_OURS;
	if (argc - first != 2) {
		options_complain("it takes a source and a target");
		return EXIT_OURS;
	}
	const char *from = argv[first], *to = argv[first + 1];
	if (!path_in_session(from) == !path_in_session(to)) {
		options_complain("one of the two has to be SESSION:PATH");
		return EXIT_OURS;
	}
	return copy(&cp, from, to);
}
