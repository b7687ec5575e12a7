/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `hypermin prepare`. */
#pragma once

#include <signal.h>

/* The exit status. `interrupted` is set by a signal handler. */
int prepare_main(int argc, char **argv, const volatile sig_atomic_t *interrupted);
