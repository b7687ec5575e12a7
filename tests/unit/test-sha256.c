/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests are those that sha256sum prints, in whatever pieces the bytes are added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/sha256.h"
#include "fixture-root.h"

static void the_published_examples(void **state)
{
	static const struct {
		const char *text, *digest;
	} examples[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		char hex[SHA256_HEX_LEN + 1];
		struct sha256 ctx;
		sha256_start(&ctx);
		sha256_add(&ctx, examples[i].text, strlen(examples[i].text));
		sha256_end_hex(&ctx, hex);
		assert_string_equal(hex, examples[i].digest);
	}
}

static void fill(uint8_t *data, size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++)
		data[i] = (x = x * 1103515245 + 12345) >> 16;
}

/* One byte at a time, for comparison. */
static void slow_digest(const uint8_t *data, size_t len, char *ret)
{
	struct sha256 ctx;

	sha256_start(&ctx);
	for (size_t i = 0; i < len; i++)
		sha256_add(&ctx, data + i, 1);
	sha256_end_hex(&ctx, ret);
}

static void any_length_in_any_pieces(void **state)
{
	static uint8_t data[1000];
	char expected[SHA256_HEX_LEN + 1], hex[SHA256_HEX_LEN + 1];

	(void)state;
	fill(data, sizeof(data));
	for (size_t len = 0; len < sizeof(data); len += 7) {
		slow_digest(data, len, expected);
		for (size_t piece = 1; piece <= 200; piece += 21) {
			struct sha256 ctx;
			sha256_start(&ctx);
			for (size_t at = 0; at < len; at += piece)
				sha256_add(&ctx, data + at, MIN(piece, len - at));
			sha256_end_hex(&ctx, hex);
			assert_string_equal(hex, expected);
		}
	}
}

static void a_file_is_read_to_its_end(void **state)
{
	const size_t len = 300 * 1000;
	CLEANUP_FREE uint8_t *data = xmalloc(len);
	char expected[SHA256_HEX_LEN + 1], hex[SHA256_HEX_LEN + 1];
	struct fixture_root f;

	(void)state;
	fill(data, len);
	slow_digest(data, len, expected);
	fixture_root_init(&f);
	fixture_root_write_bytes(&f, "file", data, len);
	CLEANUP_FREE char *path = fixture_root_place(&f, "file");
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(sha256_file(fd, hex), 0);
	assert_string_equal(hex, expected);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_true(sha256_is_hex(hex));
	hex[0] = 'G';
	assert_false(sha256_is_hex(hex));
	assert_false(sha256_is_hex(hex + 1));
	assert_int_equal(sha256_file(-1, hex), -1);
	fixture_root_done(&f);
}

static void fields_do_not_run_into_each_other(void **state)
{
	char one[SHA256_HEX_LEN + 1], other[SHA256_HEX_LEN + 1];
	struct sha256 ctx;

	(void)state;
	sha256_start(&ctx);
	sha256_add_string(&ctx, "ab");
	sha256_add_string(&ctx, "c");
	sha256_end_hex(&ctx, one);
	sha256_start(&ctx);
	sha256_add_string(&ctx, "a");
	sha256_add_string(&ctx, "bc");
	sha256_end_hex(&ctx, other);
	assert_string_not_equal(one, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_examples),
		cmocka_unit_test(any_length_in_any_pieces),
		cmocka_unit_test(a_file_is_read_to_its_end),
		cmocka_unit_test(fields_do_not_run_into_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
