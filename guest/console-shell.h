/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For a VM that its user starts by hand, with no agent's port: a shell in the agent's place. */
#pragma once

/* Root's shell on the console's terminal, until it ends. */
void console_shell_run(void);
