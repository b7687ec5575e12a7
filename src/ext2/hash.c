/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Half MD4: three rounds of eight of MD4's steps (RFC 1320), over 32 bytes at a time. The
 * order of words and the shifts are not MD4's but those of the kernel and e2fsprogs.
 */
#include "hash.h"

#define WORDS  8
#define ROUNDS 3

/* Means "the end" to readers of directories, so no name may have this hash. */
#define HASH_END 0xfffffffeU

static const uint8_t word_order[ROUNDS][WORDS] = {
	{0, 1, 2, 3, 4, 5, 6, 7},
	{1, 3, 5, 7, 0, 2, 4, 6},
	{3, 7, 2, 6, 1, 5, 0, 4},
};
static const uint8_t shifts[ROUNDS][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
/* 0 and the square roots of 2 and 3. */
static const uint32_t constants[ROUNDS] = {0, 0x5a827999, 0x6ed9eba1};

static uint32_t mix(int round, uint32_t x, uint32_t y, uint32_t z)
{
	switch (round) {
	case 0:
		return z ^ (x & (y ^ z));
	case 1:
		return (x & y) + ((x ^ y) & z);
	default:
		return x ^ y ^ z;
	}
}

static void transform(uint32_t state[static 4], const uint32_t words[static WORDS])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < WORDS; i++) {
			uint32_t sum = a + mix(round, b, c, d) +
				words[word_order[round][i]] + constants[round];
			int shift = shifts[round][i % 4];
			a = d;
			d = c;
			c = b;
			b = sum << shift | sum >> (32 - shift);
		}
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* Up to 32 bytes as big-endian words; missing bytes are filled with the length. */
static void load_words(const uint8_t *bytes, size_t len, uint32_t words[static WORDS])
{
	uint32_t fill = len & 0xff;

	fill |= fill << 8;
	fill |= fill << 16;
	for (size_t w = 0; w < WORDS; w++) {
		words[w] = fill;
		for (size_t i = w * 4; i < w * 4 + 4 && i < len; i++)
			words[w] = words[w] << 8 | bytes[i];
	}
}

uint32_t hash_name(const char *name, size_t len, const uint32_t seed[static 4])
{
	uint32_t state[4] = {seed[0], seed[1], seed[2], seed[3]};
	uint32_t words[WORDS];

	for (size_t done = 0; done < len; done += sizeof(words)) {
		load_words((const uint8_t *)name + done, len - done, words);
		transform(state, words);
	}
	uint32_t hash = state[1] & ~1U;
	return hash == HASH_END ? HASH_END - 2 : hash;
}
