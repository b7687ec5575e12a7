/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmd keeps the state and pads the end. Where an x86 processor has instructions for the
 * rounds, whole blocks go through these instead: a root image of some hundred megabytes
 * takes a fifth of a second and not two.
 */
#include "base/sha256.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

#define BLOCK	    SHA256_BLOCK_LENGTH
#define BUFFER_SIZE (128 * 1024)

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

static const uint32_t round_constants[64]
	__attribute__((aligned(16))) = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
		0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
		0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
		0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
		0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138,
		0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
		0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
		0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f,
		0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static bool ask_processor(void)
{
	unsigned eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_SSSE3) ||
		!(ecx & bit_SSE4_1))
		return false;
	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA);
}

/* Asked once: in a virtual machine each question leaves it. */
static bool have_instructions(void)
{
	static atomic_int answer = -1;

	if (answer < 0)
		answer = ask_processor();
	return answer;
}

/*
 * The instructions keep the state as two vectors, ABEF and CDGH, and do two rounds each;
 * w[] is a window of the message schedule, sixteen words in four vectors.
 */
__attribute__((target("sha,sse4.1,ssse3"))) static void add_blocks(
	uint32_t state[8], const uint8_t *data, size_t blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i dcba = _mm_loadu_si128((const __m128i *)state);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	__m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);

	for (; blocks; blocks--, data += BLOCK) {
		const __m128i abef_before = abef, cdgh_before = cdgh;
		__m128i w[4];
		for (int i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(
				_mm_loadu_si128((const __m128i *)data + i), swap);
		for (int i = 0; i < 16; i++) {
			__m128i k = _mm_load_si128((const __m128i *)round_constants + i);
			__m128i sum = _mm_add_epi32(w[0], k);
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(
				abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
			__m128i next = _mm_sha256msg1_epu32(w[0], w[1]);
			next = _mm_add_epi32(next, _mm_alignr_epi8(w[3], w[2], 4));
			next = _mm_sha256msg2_epu32(next, w[3]);
			w[0] = w[1], w[1] = w[2], w[2] = w[3], w[3] = next;
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	__m128i feba = _mm_shuffle_epi32(abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#else
static bool have_instructions(void)
{
	return false;
}

static void add_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
	for (; blocks; blocks--, data += BLOCK)
		SHA256Transform(state, data);
}
#endif

void sha256_add(SHA2_CTX *ctx, const void *data, size_t len)
{
	/* Only where libmd has no part of a block waiting. */
	size_t blocks = ctx->bitcount[0] % (8 * BLOCK) == 0 ? len / BLOCK : 0;

	if (blocks && have_instructions()) {
		add_blocks(ctx->state.st32, data, blocks);
		ctx->bitcount[0] += (uint64_t)blocks * 8 * BLOCK;
		data = (const uint8_t *)data + blocks * BLOCK;
		len -= blocks * BLOCK;
	}
	SHA256Update(ctx, data, len);
}

void sha256_add_field(SHA2_CTX *ctx, const void *data, size_t len)
{
	const uint64_t n = len;

	SHA256Update(ctx, (const uint8_t *)&n, sizeof(n));
	sha256_add(ctx, data, len);
}

void sha256_add_string(SHA2_CTX *ctx, const char *s)
{
	sha256_add_field(ctx, s, strlen(s));
}

void sha256_end(SHA2_CTX *ctx, char ret_hex[static SHA256_HEX_LEN + 1])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256Final(sum, ctx);
	hex_encode(sum, sizeof(sum), ret_hex);
}

int sha256_file(int fd, char ret_hex[static SHA256_HEX_LEN + 1])
{
	CLEANUP_FREE uint8_t *buffer = xmalloc(BUFFER_SIZE);
	SHA2_CTX ctx;
	off_t at = 0;
	ssize_t n;

	SHA256Init(&ctx);
	while ((n = io_pread_full(fd, buffer, BUFFER_SIZE, at)) > 0) {
		sha256_add(&ctx, buffer, n);
		at += n;
	}
	if (n < 0)
		return -1;
	sha256_end(&ctx, ret_hex);
	return 0;
}

bool sha256_is_hex(const char *s)
{
	return strspn(s, "0123456789abcdef") == SHA256_HEX_LEN &&
		s[SHA256_HEX_LEN] == '\0';
}

void hex_encode(const uint8_t *bytes, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}
