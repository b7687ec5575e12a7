/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The line is kept ready as text: when the second is over, the timer's signal handler only
 * writes it, whatever call the program is in.
 */
#include "progress.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/monotonic.h"
#include "base/printable.h"

#define DELAY_S	  1
#define REDRAW_MS 200

#define ERASE "\r\033[K"

static struct {
	/* NULL: there is no terminal, or progress has ended. */
	const char *command;
	int64_t start_ms;
	volatile sig_atomic_t shown;
	char line[128];
	volatile sig_atomic_t len;
	int64_t drawn_ms;
} progress;

static void write_line(const char *text, size_t len)
{
	/* A failure to show it does not matter. */
	ssize_t n = write(STDERR_FILENO, text, len);
	(void)n;
}

static void on_timer(int signal)
{
	int saved = errno;

	(void)signal;
	progress.shown = 1;
	write_line(progress.line, progress.len);
	errno = saved;
}

/* Cut to fit a terminal of 80 columns: a line that wraps can't be rewritten. */
static void set_line(const char *text)
{
	char safe[61];
	sigset_t alarm, before;

	printable_copy(safe, sizeof(safe), text, strlen(text));
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, &before);
	int len = snprintf(progress.line, sizeof(progress.line), ERASE "hypermin %s: %s",
		progress.command, safe);
	progress.len = MIN(len, (int)sizeof(progress.line) - 1);
	if (progress.shown)
		write_line(progress.line, progress.len);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void progress_start(const char *command)
{
	const struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
	const struct itimerval delay = {.it_value = {.tv_sec = DELAY_S}};

	if (!isatty(STDERR_FILENO))
		return;
	progress.command = command;
	progress.start_ms = monotonic_ms();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &delay, NULL);
}

void progress_step(const char *what)
{
	if (progress.command)
		set_line(what);
}

static void stop_timer(void)
{
	const struct itimerval never = {0};

	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
}

void progress_share_begin(void)
{
	if (progress.command)
		stop_timer();
}

int progress_share(uint64_t done, uint64_t total, void *data)
{
	char text[64];
	int64_t now = monotonic_ms();

	(void)data;
	if (!progress.command || now - progress.start_ms < DELAY_S * 1000 ||
		now - progress.drawn_ms < REDRAW_MS)
		return 0;
	progress.shown = 1;
	progress.drawn_ms = now;
	snprintf(text, sizeof(text), "writing the image: %d %%",
		total ? (int)(100.0 * done / total) : 100);
	set_line(text);
	return 0;
}

void progress_end(void)
{
	if (!progress.command)
		return;
	stop_timer();
	if (progress.shown)
		write_line(ERASE, strlen(ERASE));
	progress.command = NULL;
}
