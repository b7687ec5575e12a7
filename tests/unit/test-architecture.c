/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which processor the programs of an installed system are for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#include "base/architecture.h"
#include "fixture-root.h"

static void add_program(const struct fixture_root *f, const char *path, uint16_t machine)
{
	Elf64_Ehdr elf = {.e_machine = machine};

	memcpy(elf.e_ident, ELFMAG, SELFMAG);
	elf.e_ident[EI_CLASS] = ELFCLASS64;
	elf.e_ident[EI_DATA] = ELFDATA2LSB;
	fixture_root_write_bytes(f, path, &elf, sizeof(elf));
}

static void assert_root(const struct fixture_root *f, const char *expected)
{
	struct error err;
	const struct architecture *a = architecture_of_root(f->path, &err);

	assert_string_equal(a ? a->name : "none", expected);
	if (!a)
		assert_non_null(strstr(err.msg, f->path));
}

static void has_two_names(void **state)
{
	(void)state;
	assert_ptr_equal(architecture_find("amd64"), architecture_find("x86_64"));
	assert_ptr_equal(architecture_find("arm64"), architecture_find("aarch64"));
	assert_null(architecture_find("i686"));
}

static void a_system_is_for_what_its_shell_is_for(void **state)
{
	const struct fixture_root *f = *state;

	assert_root(f, "none");
	add_program(f, "bin/bash", EM_AARCH64);
	assert_root(f, "aarch64");
	add_program(f, "usr/bin/bash", EM_X86_64);
	assert_root(f, "x86_64");
}

static void another_processors_shell_is_passed_over(void **state)
{
	const struct fixture_root *f = *state;

	add_program(f, "usr/bin/bash", EM_RISCV);
	fixture_root_write(f, "bin/bash", "#!/bin/sh");
	assert_root(f, "none");
	add_program(f, "bin/busybox", EM_AARCH64);
	assert_root(f, "aarch64");
}

/* It would lead out of the system's own directory. */
static void a_symlink_tells_nothing(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *shell = fixture_root_place(f, "usr/bin/bash");

	add_program(f, "elsewhere", EM_AARCH64);
	assert_int_equal(symlink("../../elsewhere", shell), 0);
	assert_root(f, "none");
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fixture_root_setup, fixture_root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_two_names),
		TEST(a_system_is_for_what_its_shell_is_for),
		TEST(another_processors_shell_is_passed_over),
		TEST(a_symlink_tells_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
