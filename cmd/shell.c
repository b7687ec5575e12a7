/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin shell: an interactive shell, in a VM made from this host or in a session. */
#include "commands.h"
#include "vm-run.h"

static const struct options options = {
	.command = "hypermin shell",
	.usage =
		"Usage: hypermin shell [OPTION…]\n"
		"       hypermin shell [OPTION…] SESSION\n"
		"\n"
		"Boot a VM made from the packages installed on this machine and open a shell in it. All\n"
		"changes are lost when it ends, except those on disks attached with :rw. Or open a shell\n"
		"in a session, with options for the command alone.",
	.groups = vm_run_options,
	.words = WORDS_LAST,
};

static int shell(struct vm_options *o, const char *const *words)
{
	static const char *const argv[] = {"bash", "-l", NULL};
	/* An image may have another shell. */
	static const char *const of_image[] = {"sh", "-c",
		"command -v bash >/dev/null && exec bash -l; exec sh -l", NULL};

	o->command.entrypoint = "";
	if (*words && words[1])
		return options_complain(
			       "to run a command, use hypermin run -- COMMAND or "
			       "hypermin exec SESSION COMMAND"),
		       EXIT_OURS;
	if (*words)
		return vm_run_in_session(o, *words, of_image);
	return vm_run(o, o->image ? of_image : argv);
}

int command_shell(int argc, char **argv)
{
	return vm_main(&options, argc, argv, shell);
}
