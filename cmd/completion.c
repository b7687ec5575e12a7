/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin completion: a script by which a shell completes commands, options and values. It
 * has none of them in it: it asks `hypermin --list-commands` and `COMMAND --list-options`,
 * whose rows are those that parse the command line. The three do the same. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "settings.h"

static const struct option_group groups[] = {{0}};

static const struct options options = {
	.command = "hypermin completion",
	.usage =
		"Usage: hypermin completion bash|zsh|fish\n"
		"\n"
		"Print a script that completes hypermin's command line in this shell. Installed, it is where\n"
		"the shell looks for such scripts. To have it elsewhere, put a line into the shell's\n"
		"configuration, for zsh behind the call of compinit:\n"
		"\n"
		"  ~/.bashrc                   eval \"$(hypermin completion bash)\"\n"
		"  ~/.zshrc                    eval \"$(hypermin completion zsh)\"\n"
		"  ~/.config/fish/config.fish  hypermin completion fish | source",
	.groups = groups,
	.words = WORDS_MIXED,
};

static const char bash[] =
	"_hypermin() {\n"
	"	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
	"	local command=${COMP_WORDS[1]} rows value word\n"
	"	if ((COMP_CWORD == 1)); then\n"
	"		COMPREPLY=($(compgen -W \"$(hypermin --list-commands | cut -f1)\" -- \"$current\"))\n"
	"		return\n"
	"	fi\n"
	"	# What stands behind -- is a command's.\n"
	"	for word in \"${COMP_WORDS[@]:2:COMP_CWORD-2}\"; do\n"
	"		[ \"$word\" = -- ] && COMPREPLY=($(compgen -cf -- \"$current\")) && return\n"
	"	done\n"
	"	case $command in\n"
	"	help)\n"
	"		COMPREPLY=($(compgen -W \"$(hypermin --list-commands | cut -f1)\" -- \"$current\"))\n"
	"		return ;;\n"
	"	completion)\n"
	"		COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$current\"))\n"
	"		return ;;\n"
	"	esac\n"
	"	rows=$(hypermin \"$command\" --list-options 2>/dev/null)\n"
	"	# bash takes --NAME=VALUE for three words.\n"
	"	[ \"$current\" = = ] && current=\n"
	"	[ \"$before\" = = ] && before=${COMP_WORDS[COMP_CWORD-2]}\n"
	"	value=$(awk -F'\\t' -v o=\"$before\" '$1 == o || $2 == o { print $3 }' <<<\"$rows\")\n"
	"	case $value in\n"
	"	'' | '[='*) ;;\n"
	"	FILE* | DIR* | *:FILE* | *:DIR*)\n"
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

static const char zsh[] =
	"#compdef hypermin\n"
	"_hypermin() {\n"
	"	local tab=$'\\t' row value before\n"
	"	local -a rows fields list\n"
	"	if ((CURRENT == 2)) || { ((CURRENT == 3)) && [[ $words[2] == help ]]; }; then\n"
	"		rows=(\"${(@f)$(hypermin --list-commands)}\")\n"
	"		list=(\"${(@)rows/$tab/:}\")\n"
	"		_describe -t commands command list\n"
	"		return\n"
	"	fi\n"
	"	if [[ $words[2] == completion ]]; then\n"
	"		compadd -- bash zsh fish\n"
	"		return\n"
	"	fi\n"
	"	# What stands behind -- is a command's.\n"
	"	integer at=$words[(i)--]\n"
	"	if ((at < CURRENT)); then\n"
	"		shift $at words\n"
	"		((CURRENT -= at))\n"
	"		_normal\n"
	"		return\n"
	"	fi\n"
	"	rows=(\"${(@f)$(hypermin $words[2] --list-options 2>/dev/null)}\")\n"
	"	before=$words[CURRENT-1]\n"
	"	if [[ $PREFIX == --*=* ]]; then\n"
	"		before=${PREFIX%%=*}\n"
	"		compset -P '*='\n"
	"	fi\n"
	"	for row in $rows; do\n"
	"		fields=(\"${(@ps:\\t:)row}\")\n"
	"		[[ $before == $fields[1] || $before == $fields[2] ]] && value=$fields[3]\n"
	"		list+=(\"$fields[1]:$fields[4]\")\n"
	"	done\n"
	"	case $value in\n"
	"	'' | '[='*) ;;\n"
	"	FILE* | DIR* | *:FILE* | *:DIR*)\n"
	"		_files\n"
	"		return ;;\n"
	"	*'|'*)\n"
	"		compadd -- ${(s:|:)value}\n"
	"		return ;;\n"
	"	*)\n"
	"		_message -- $value\n"
	"		return ;;\n"
	"	esac\n"
	"	if [[ $PREFIX == -* ]]; then\n"
	"		_describe -o -t options option list\n"
	"	else\n"
	"		_files\n"
	"	fi\n"
	"}\n"
	"if [[ $funcstack[1] == _hypermin ]]; then\n"
	"	_hypermin \"$@\"\n"
	"else\n"
	"	compdef _hypermin hypermin\n"
	"fi\n";

static const char fish[] =
	"function __hypermin_complete\n"
	"	set -l words (commandline -opc)\n"
	"	set -l current (commandline -ct)\n"
	"	if test (count $words) -eq 1\n"
	"		hypermin --list-commands\n"
	"		return\n"
	"	end\n"
	"	switch $words[2]\n"
	"		case help\n"
	"			hypermin --list-commands\n"
	"			return\n"
	"		case completion\n"
	"			printf '%s\\n' bash zsh fish\n"
	"			return\n"
	"	end\n"
	"	# What stands behind -- is a command's.\n"
	"	if set -l at (contains -i -- -- $words)\n"
	"		complete -C (string join -- ' ' (string escape -- $words[(math $at + 1)..-1]) $current)\n"
	"		return\n"
	"	end\n"
	"	set -l before $words[-1]\n"
	"	set -l prefix ''\n"
	"	if string match -qr -- '^--[^=]*=' $current\n"
	"		set before (string replace -r -- '=.*' '' $current)\n"
	"		set prefix $before=\n"
	"	end\n"
	"	set -l rows (hypermin $words[2] --list-options 2>/dev/null)\n"
	"	set -l value\n"
	"	for row in $rows\n"
	"		set -l fields (string split \\t -- $row)\n"
	"		if contains -- $before $fields[1] $fields[2]\n"
	"			set value $fields[3]\n"
	"		end\n"
	"	end\n"
	"	switch \"$value\"\n"
	"		case '' '[=*'\n"
	"		case 'FILE*' 'DIR*' '*:FILE*' '*:DIR*'\n"
	"			if test -z \"$prefix\"\n"
	"				__fish_complete_path $current\n"
	"			else\n"
	"				printf '%s\\n' $prefix(__fish_complete_path (string replace -- $prefix '' $current))\n"
	"			end\n"
	"			return\n"
	"		case '*|*'\n"
	"			printf '%s\\n' $prefix(string split '|' -- $value)\n"
	"			return\n"
	"		case '*'\n"
	"			return\n"
	"	end\n"
	"	if string match -q -- '-*' $current\n"
	"		for row in $rows\n"
	"			set -l fields (string split \\t -- $row)\n"
	"			printf '%s\\t%s\\n' $fields[1] $fields[4]\n"
	"		end\n"
	"	else\n"
	"		__fish_complete_path $current\n"
	"	end\n"
	"end\n"
	"complete -c hypermin -f -a '(__hypermin_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

int command_completion(int argc, char **argv)
{
	int first = options_parse(&options, argc, argv, NULL);

	if (first == OPTIONS_HELPED)
		return 0;
	if (first < 0)
		return EXIT_OURS;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (argc - first == 1 && strcmp(argv[first], scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return 0;
		}
	options_complain("name the shell: there are scripts for bash, zsh and fish");
	return EXIT_OURS;
}
