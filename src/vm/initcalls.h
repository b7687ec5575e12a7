/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parts of the guest's kernel that are not initialised, for speed alone. The kernel runs
 * without each of them, and few users of such a guest will miss them. The table says what
 * is lost; so do the manual and -v.
 */
#pragma once

#include <stdbool.h>

#include "base/strbuf.h"

/* " initcall_blacklist=NAME,NAME…"; `all`: those too that a command may be about. */
void initcalls_add_option(bool all, struct strbuf *line);
/* What is lost, each loss once, as the parts of a sentence. */
void initcalls_add_losses(bool all, struct strbuf *text);
