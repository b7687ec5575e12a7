# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests of container images share.
# shellcheck shell=bash
requires python3
requires gcc

image() {
	python3 "$HYPERMIN_SOURCE/tests/functional/make-image.py" "$@"
}

# A program that needs nothing: it prints its words, where and as what user it runs, and A, B and PATH.
make_probe() {
	cat >probe.c <<-'X'
		#include <stdio.h>
		#include <stdlib.h>
		#include <unistd.h>

		int main(int argc, char **argv)
		{
			const char *names[] = {"A", "B", "PATH"};
			char cwd[4096];

			for (int i = 0; i < argc; i++)
				printf("%s ", argv[i]);
			printf("in %s as %d:%d", getcwd(cwd, sizeof(cwd)), getuid(), getgid());
			for (int i = 0; i < 3; i++)
				printf(" %s", getenv(names[i]) ? getenv(names[i]) : "-");
			printf("\n");
			return 0;
		}
	X
	mkdir -p "$(dirname "$1")"
	gcc -static -o "$1" probe.c
}
