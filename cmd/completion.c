/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin completion: a script by which a shell completes commands, options and values. It
 * has none of them in it: it asks `hypermin --list-commands` and `COMMAND --list-options`. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "settings.h"

static const struct option_group groups[] = {{0}};

static const struct options options = {
	.command = "hypermin completion",
	.usage =
		"Usage: hypermin completion bash\n"
		"\n"
		"Print a script that completes hypermin's command line. For this shell:\n"
		"\n"
		"  eval \"$(hypermin completion bash)\"",
	.groups = groups,
	.words = WORDS_MIXED,
};

static const char bash[] =
	"_hypermin() {\n"
	"	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
	"	local command=${COMP_WORDS[1]} rows value word\n"
	"	if ((COMP_CWORD == 1)); then\n"
	"		COMPREPLY=($(compgen -W \"$(hypermin --list-commands)\" -- \"$current\"))\n"
	"		return\n"
	"	fi\n"
	"	# What stands behind -- is a command's.\n"
	"	for word in \"${COMP_WORDS[@]:2:COMP_CWORD-2}\"; do\n"
	"		[ \"$word\" = -- ] && COMPREPLY=($(compgen -cf -- \"$current\")) && return\n"
	"	done\n"
	"	rows=$(hypermin \"$command\" --list-options 2>/dev/null)\n"
	"	value=$(awk -F'\\t' -v o=\"$before\" '$1 == o || $2 == o { print $3 }' <<<\"$rows\")\n"
	"	case $value in\n"
	"	'') ;;\n"
	"	FILE* | DIR*)\n"
	"		COMPREPLY=($(compgen -f -- \"$current\"))\n"
	"		return ;;\n"
	"	*'|'*)\n"
	"		COMPREPLY=($(compgen -W \"${value//|/ }\" -- \"$current\"))\n"
	"		return ;;\n"
	"	*)\n"
	"		return ;;\n"
	"	esac\n"
	"	case $current in\n"
	"	-*) COMPREPLY=($(compgen -W \"$(cut -f1 <<<\"$rows\")\" -- \"$current\")) ;;\n"
	"	*) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
	"	esac\n"
	"}\n"
	"complete -o filenames -F _hypermin hypermin\n";

int command_completion(int argc, char **argv)
{
	int first = options_parse(&options, argc, argv, NULL);

	if (first == OPTIONS_HELPED)
		return 0;
	if (first < 0)
		return EXIT_OURS;
	if (argc - first != 1 || strcmp(argv[first], "bash") != 0) {
		options_complain("the only shell there is a script for is bash");
		return EXIT_OURS;
	}
	fputs(bash, stdout);
	return 0;
}
