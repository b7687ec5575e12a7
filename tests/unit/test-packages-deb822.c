/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Debian's control files: fields over several lines, stanzas, and text that was
 * damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "packages/deb822.h"

/* All tokens of a text as "Name=value;" and "|" for a stanza's end, or the error. */
static char *tokens(const char *text, size_t len)
{
	struct strbuf sb = {0};
	struct deb822 p;
	struct deb822_field f;
	struct error err;
	enum deb822_token token;

	deb822_init(&p, text, len, "F");
	while ((token = deb822_next(&p, &f, &err)) > 0) {
		if (token == DEB822_STANZA_END)
			strbuf_addc(&sb, '|');
		else
			strbuf_addf(&sb, "%.*s=%.*s;", (int)f.name_len, f.name,
				(int)f.value_len, f.value);
	}
	if (token == DEB822_ERROR)
		strbuf_adds(&sb, err.msg);
	return strbuf_detach(&sb);
}

static void assert_tokens(const char *text, const char *expected)
{
	CLEANUP_FREE char *got = tokens(text, strlen(text));
	assert_string_equal(got, expected);
}

static void splits_stanzas_and_fields(void **state)
{
	(void)state;
	assert_tokens("", "");
	assert_tokens("\n\n", "");
	assert_tokens("A: 1\nB:2\n\n\nA:  3 \t\n", "A=1;B=2;|A=3;|");
	assert_tokens("Empty:\nB: x:y\n\n", "Empty=;B=x:y;|");
}

static void a_value_reaches_over_continuation_lines(void **state)
{
	(void)state;
	assert_tokens("A: 1,\n 2\n\t3\nB: 4\n", "A=1,\n 2\n\t3;B=4;|");
	assert_tokens("Conffiles:\n /etc/a 1\n", "Conffiles=/etc/a 1;|");
}

static void damage_names_file_and_line(void **state)
{
	(void)state;
	assert_tokens("A: 1\nB: 2",
		"A=1;'F' line 2: the file ends in the middle of a line, it was cut short");
	assert_tokens("A: 1\nno colon\n", "A=1;'F' line 2: expected 'Field: value'");
	assert_tokens("A: 1\n\n: x\n", "A=1;|'F' line 3: expected 'Field: value'");
	assert_tokens(" continued nothing\n", "'F' line 1: expected 'Field: value'");
	assert_tokens("\x7f"
		      "ELF: 1\n",
		"'F' line 1: expected 'Field: value'");

	CLEANUP_FREE char *nul = tokens("A: 1\nB: \0\n", 10);
	assert_string_equal(nul, "A=1;'F' line 2: holds a NUL, this is not text");
}

static void field_names_know_no_case(void **state)
{
	struct deb822_field f = {.name = "PACKAGEx", .name_len = 7};

	(void)state;
	assert_true(deb822_field_is(&f, "Package"));
	assert_false(deb822_field_is(&f, "Packag"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_stanzas_and_fields),
		cmocka_unit_test(a_value_reaches_over_continuation_lines),
		cmocka_unit_test(damage_names_file_and_line),
		cmocka_unit_test(field_names_know_no_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
