/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The caller's terminal, while a command has it. */
#include "vm/terminal.h"

#include <errno.h>
#include <signal.h>

#include "base/control.h"
#include "base/monotonic.h"

/* ctrl-], this often within this time. */
#define ESCAPE_KEY   '\x1d'
#define ESCAPE_COUNT 3
#define ESCAPE_MS    1000

int terminal_set_raw(struct terminal *t, int fd, struct error *err)
{
	if (tcgetattr(fd, &t->saved) < 0)
		return error_set(err, errno,
			"give the command a terminal: standard input is none");
	t->own = t->saved;
	cfmakeraw(&t->own);
	/* In the background this stops the process; SIGCONT interrupts it when the terminal
	 * is ours again. */
	while (tcsetattr(fd, TCSADRAIN, &t->own) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "put the terminal into raw mode");
	t->fd = fd;
	t->raw = true;
	return 0;
}

void terminal_renew_raw(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->fd, TCSADRAIN, &t->own);
}

bool terminal_has_ended(
	struct terminal *t, const char *data, size_t len, struct error *err)
{
	if (!t->raw || !terminal_saw_escape(t, data, len, monotonic_ms()))
		return false;
	control_error(SIGHUP, err);
	error_prefix(err, "ctrl-] was typed three times");
	return true;
}

bool terminal_saw_escape(struct terminal *t, const char *data, size_t len, int64_t now_ms)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != ESCAPE_KEY) {
			t->escapes = 0;
			continue;
		}
		if (t->escapes == 0 || now_ms - t->first_escape_ms > ESCAPE_MS) {
			t->escapes = 0;
			t->first_escape_ms = now_ms;
		}
		if (++t->escapes == ESCAPE_COUNT)
			return true;
	}
	return false;
}

void terminal_restore(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->fd, TCSADRAIN, &t->saved);
	t->raw = false;
}
