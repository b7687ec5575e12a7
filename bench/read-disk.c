/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read a disk past the kernel's cache, and say how many microseconds that took: bench/served runs
 * it in a VM.
 *
 *	read-disk DISK sequential|random
 *
 * All of the disk in steps of 1 MiB; or 2000 blocks of 4 KiB, the same ones each time.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEP   (1 << 20)
#define BLOCK  4096
#define BLOCKS 2000

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void read_all(int fd, char *buffer, off_t size)
{
	for (off_t at = 0; at < size;) {
		ssize_t n = pread(fd, buffer, STEP, at);
		if (n <= 0)
			fail("read");
		at += n;
	}
}

static void read_blocks(int fd, char *buffer, off_t size)
{
	uint64_t number = 1;

	for (int i = 0; i < BLOCKS; i++) {
		number = number * 6364136223846793005u + 1442695040888963407u;
		off_t block = (number >> 33) % (size / BLOCK);
		if (pread(fd, buffer, BLOCK, block * BLOCK) != BLOCK)
			fail("read");
	}
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	void *buffer;

	if (argc != 3 || posix_memalign(&buffer, BLOCK, STEP))
		return 2;
	int fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (size < 0)
		fail(argv[1]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	(strcmp(argv[2], "random") == 0 ? read_blocks : read_all)(fd, buffer, size);
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%lld\n",
		(long long)(to.tv_sec - from.tv_sec) * 1000000 +
			(to.tv_nsec - from.tv_nsec) / 1000);
	return 0;
}
