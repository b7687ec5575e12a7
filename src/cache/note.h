/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Notes: small text files at the top of the cache directory, of things that are worth
 * remembering and no harm to lose. Each is replaced whole.
 */
#pragma once

#define NOTE_MAX (64 * 1024)

/* The note's text, or NULL. `cache_fd` is the cache directory's. Caller frees. */
char *note_read(int cache_fd, const char *name);
/* Failures are not reported: the note then stays as it was. Nothing is flushed to the disk,
 * so a reader has to recognize what a power cut left of a note. */
void note_write(int cache_fd, const char *name, const char *text);
