/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests for different appliances have different digests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appliance/appliance.h"

static void requests_differ_in_what_they_ask_for(void **state)
{
	char *packages[] = {(char *)"a", (char *)"b"},
	     *swapped[] = {packages[1], packages[0]};
	char *twice[] = {packages[0], packages[1], packages[0]},
	     *joined[] = {(char *)"ab"};
	char *route[] = {(char *)"pc/memmap:nd_e820"},
	     *other_route[] = {(char *)"pc/virtio-blk:virtio_blk"};
	const struct architecture *x86 = architecture_find("x86_64"),
				  *arm = architecture_find("aarch64");
	const struct appliance_request same[] = {
		{"/", x86, .packages = {packages, 2, 2}},
		{"/", x86, .packages = {swapped, 2, 2}},
		{"/", x86, .packages = {twice, 3, 3}},
	};
	const struct appliance_request others[] = {
		{"/", x86},
		{"/", x86, .packages = {packages, 1, 1}},
		{"/", x86, .packages = {joined, 1, 1}},
		{"/x", x86, .packages = {packages, 2, 2}},
		{"/", arm, .packages = {packages, 2, 2}},
		{"/", x86, .packages = {packages, 2, 2}, .agent_version = 1},
		{"/", x86, .packages = {packages, 2, 2}, .packed_kernel = true},
		{"/", x86, .packages = {packages, 2, 2}, .kernel = "/vmlinuz"},
		{"/", x86, .packages = {packages, 2, 2}, .modules_dir = "/vmlinuz"},
		{"/", x86, .packages = {packages, 2, 2}, .image = "/vmlinuz"},
		{"/", x86, .packages = {packages, 2, 2}, .routes = {route, 1, 1}},
		{"/", x86, .packages = {packages, 2, 2}, .routes = {other_route, 1, 1}},
	};
	char digests[1 + ARRAY_SIZE(others)][SHA256_HEX_LEN + 1],
		again[SHA256_HEX_LEN + 1];

	(void)state;
	appliance_request_digest(&same[0], digests[0]);
	for (size_t i = 1; i < ARRAY_SIZE(same); i++) {
		appliance_request_digest(&same[i], again);
		assert_string_equal(again, digests[0]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		appliance_request_digest(&others[i], digests[i + 1]);
		for (size_t k = 0; k <= i; k++)
			assert_string_not_equal(digests[k], digests[i + 1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_differ_in_what_they_ask_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
