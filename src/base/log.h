/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was chosen, and why: lines for a user who asks for them. Errors are returned
 * (error.h). What a %s stands for is made harmless, as in errors. There is one handler in a
 * process; without one a line costs a comparison.
 */
#pragma once

enum log_level {
	/* The user should know: something was left out or worked around. */
	LOG_LEVEL_WARNING = 0,
	/* Long work began: for a user who waits. */
	LOG_LEVEL_NOTICE = 1,
	/* -v: what was chosen. */
	LOG_LEVEL_INFO = 2,
	/* -vv: each step, the guest's console. */
	LOG_LEVEL_DEBUG = 3,
};

typedef void log_handler_fn(enum log_level level, const char *line, void *data);

/* Call before other threads use the library. fn == NULL: no lines. */
void log_set_handler(log_handler_fn *fn, void *data, enum log_level max);
/* The highest level that the handler wants. */
enum log_level log_max_level(void);

void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
