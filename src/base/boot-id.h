/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* This boot of the host, for what is known until the next one. */
#pragma once

/* A line of text, with its newline; "" if it can't be told. Caller frees. */
char *boot_id_read(void);
