/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was chosen, and why: lines for those who ask. Errors do not go here (error.h).
 * One handler a process; without one, lines cost a comparison.
 */
#pragma once

enum log_level {
	LOG_LEVEL_WARNING =
		0, /* the user should know: something was left out or worked around */
	LOG_LEVEL_NOTICE = 1, /* long work began: for a person who waits */
	LOG_LEVEL_INFO = 2,   /* -v: what was chosen */
	LOG_LEVEL_DEBUG = 3,  /* -vv: each step, the guest's console */
};

typedef void log_handler_fn(enum log_level level, const char *line, void *data);

/* Call before other threads use the library. fn == NULL: no lines. */
void log_set_handler(log_handler_fn *fn, void *data, enum log_level max);
/* The highest level that anyone wants to hear. */
enum log_level log_max_level(void);

void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
