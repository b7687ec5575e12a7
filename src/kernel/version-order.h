/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of two kernels is preferred, by their versions alone; see version-order.c for the
 * rule. */
#pragma once

/* Positive: a is the better choice. */
int kernel_version_prefer(const char *a, const char *b);
