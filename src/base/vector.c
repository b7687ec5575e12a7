/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vectors of owned strings; the generic vector is all macros, in vector.h. */
#include "base/vector.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void strvec_add(struct strvec *v, const char *s)
{
	vector_push(v, xstrdup(s));
}

void strvec_addf(struct strvec *v, const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	vector_push(v, s);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strvec_sort(struct strvec *v)
{
	vector_sort(v, compare);
}

void strvec_done(struct strvec *v)
{
	vector_foreach (s, v)
		free(*s);
	vector_done(v);
}

char **strvec_argv(struct strvec *v)
{
	vector_push(v, NULL);
	v->len--;
	return v->items;
}
