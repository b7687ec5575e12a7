/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files: attributes in /sys, tables in /proc. */
#pragma once

#include <stddef.h>

/* Read at most size - 1 bytes and end them with a NUL. The length, or -1 with errno. */
long file_read(int dirfd, const char *path, char *ret, size_t size);
/* The same for one line: without the newline and blanks at its end. */
long file_read_line(int dirfd, const char *path, char *ret, size_t size);
/* The whole of a file in new memory, "" if it is missing or larger than `max`. */
char *file_read_all(const char *path, size_t max);
/* Write a short text in one piece. -1 with errno. */
int file_write(int dirfd, const char *path, const char *text);
