/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A main for fuzzers without a fuzzing engine: runs each file named on the command line,
 * and each file in a directory named there, once. So every named case of the corpus is a
 * test, whatever the compiler.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/directory.h"
#include "base/io.h"
#include "base/mem.h"

#define CASE_MAX (64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int run_file(const char *path)
{
	CLEANUP_FREE char *data = NULL;
	struct error err;
	size_t len;

	if (io_read_file(AT_FDCWD, path, CASE_MAX, &data, &len, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return -1;
	}
	/* A copy of the exact size: a sanitizer then sees each byte too far. */
	CLEANUP_FREE uint8_t *exact = xmemdup(data, len);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, len);
	return 0;
}

static int run_directory(const char *path, DIR *d)
{
	struct dirent *e;
	int result = 0;

	while ((e = readdir(d))) {
		CLEANUP_FREE char *child = xasprintf("%s/%s", path, e->d_name);
		if (e->d_name[0] != '.' && run_file(child))
			result = -1;
	}
	return result;
}

int main(int argc, char **argv)
{
	int result = 0;

	for (int i = 1; i < argc; i++) {
		CLEANUP_CLOSEDIR DIR *d = opendir(argv[i]);
		if (d ? run_directory(argv[i], d) : run_file(argv[i]))
			result = 1;
	}
	return result;
}
