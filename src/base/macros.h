/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What C lacks: the size of an array, the smaller and the larger of two values.
 *
 * MIN() and MAX() evaluate each argument once, so an argument may read a clock. Their
 * variables get a number from __COUNTER__, because one may stand inside the other.
 */
#pragma once

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b) MACROS_PICK(<, a, b, __COUNTER__)
#define MAX(a, b) MACROS_PICK(>, a, b, __COUNTER__)

#define MACROS_PICK(op, a, b, n) MACROS_PICK_NAMED(op, a, b, n)
#define MACROS_PICK_NAMED(op, a, b, n)           \
	({                                       \
		__typeof__((a) + 0) a_##n = (a); \
		__typeof__((b) + 0) b_##n = (b); \
		a_##n op b_##n ? a_##n : b_##n;  \
	})
