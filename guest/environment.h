/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs expect of a running system. */
#pragma once

/* Make /dev/pts, /run, /tmp and the like. */
void environment_setup(void);
