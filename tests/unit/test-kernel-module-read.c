/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which parts of a module's file are left out of the initrd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture-kernel.h"
#include "kernel/kernel.h"
#include "kernel/module-parts.h"

/* ---- The signature ---- */

static void signature(struct strbuf *sb, uint32_t sig_len)
{
	uint8_t info[12] = {0};
	uint32_t be = htobe32(sig_len);

	memcpy(info + 8, &be, 4);
	strbuf_add(sb, info, sizeof(info));
	strbuf_adds(sb, "~Module signature appended~\n");
}

static void cuts_a_modules_signature_off(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	strbuf_adds(&sb, "module");
	assert_int_equal(module_signature_cut((uint8_t *)sb.data, sb.len), 6);
	strbuf_adds(&sb, "signature");
	signature(&sb, 9);
	assert_int_equal(module_signature_cut((uint8_t *)sb.data, sb.len), 6);
}

static void a_signature_longer_than_the_module_stays(void **state)
{
	CLEANUP_STRBUF struct strbuf sb = {0};

	(void)state;
	strbuf_adds(&sb, "module");
	signature(&sb, 7);
	assert_int_equal(module_signature_cut((uint8_t *)sb.data, sb.len), sb.len);
	/* The marker alone. */
	CLEANUP_FREE uint8_t *marker = xmemdup(sb.data + sb.len - 28, 28);
	assert_int_equal(module_signature_cut(marker, 28), 28);
}

/* ---- Type information ---- */

static const char section_names[] = "\0.text\0.BTF\0.BTF_ids\0.shstrtab";
enum { NAME_TEXT = 1, NAME_BTF = 7, NAME_BTF_IDS = 12, NAME_NAMES = 21 };

struct module {
	Elf64_Ehdr elf;
	Elf64_Shdr sections[5]; /* none, .text, .BTF, .BTF_ids or .text, .shstrtab */
	char names[sizeof(section_names)];
};

static struct module module(bool with_ids)
{
	struct module m = {
		.elf = {.e_shoff = offsetof(struct module, sections),
			.e_shentsize = sizeof(Elf64_Shdr),
			.e_shnum = 5,
			.e_shstrndx = 4},
		.sections = {[1] = {.sh_name = NAME_TEXT, .sh_flags = SHF_ALLOC},
			[2] = {.sh_name = NAME_BTF, .sh_flags = SHF_ALLOC | SHF_WRITE},
			[3] = {.sh_name = with_ids ? NAME_BTF_IDS : NAME_TEXT},
			[4] = {.sh_name = NAME_NAMES,
				.sh_type = SHT_STRTAB,
				.sh_offset = offsetof(struct module, names),
				.sh_size = sizeof(section_names)}},
	};

	memcpy(m.elf.e_ident, ELFMAG, SELFMAG);
	m.elf.e_ident[EI_CLASS] = ELFCLASS64;
	m.elf.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(m.names, section_names, sizeof(section_names));
	return m;
}

static void type_information_is_hidden_from_the_kernel(void **state)
{
	struct module m = module(false), expected = m;

	(void)state;
	module_btf_hide((uint8_t *)&m, sizeof(m));
	assert_string_equal(m.names + m.sections[2].sh_name, "BTF");
	assert_int_equal(m.sections[2].sh_flags, SHF_WRITE);
	/* And nothing else is touched. */
	expected.sections[2] = m.sections[2];
	assert_memory_equal(&m, &expected, sizeof(m));
}

static void a_module_that_needs_its_types_keeps_them(void **state)
{
	struct module m = module(true), before = m;

	(void)state;
	module_btf_hide((uint8_t *)&m, sizeof(m));
	assert_memory_equal(&m, &before, sizeof(m));
}

static void assert_untouched(const struct module *m, size_t len)
{
	/* Its end is the allocation's, so that a sanitizer sees any access behind it. */
	CLEANUP_FREE uint8_t *data = xmemdup(m, len);

	module_btf_hide(data, len);
	assert_memory_equal(data, m, len);
}

static void a_cut_module_is_not_touched(void **state)
{
	struct module m = module(false);

	(void)state;
	for (size_t len = 0; len < offsetof(struct module, names) + sizeof(section_names);
		len++)
		assert_untouched(&m, len);
}

static void a_module_that_lies_about_its_sections_is_not_touched(void **state)
{
	struct module lies[] = {module(false), module(false), module(false),
		module(false), module(false), module(false), module(false),
		module(false)};

	(void)state;
	lies[0].elf.e_shoff = UINT64_MAX - 7;
	lies[1].elf.e_shnum = UINT16_MAX;
	lies[2].elf.e_shnum = 0;
	lies[3].elf.e_shstrndx = 5;
	lies[4].elf.e_shentsize = 1;
	lies[5].sections[4].sh_offset = UINT64_MAX - 7;
	lies[6].sections[4].sh_size = UINT64_MAX - 7;
	/* Its name would end behind the table. */
	lies[7].sections[4].sh_size = NAME_BTF + 4;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		assert_untouched(&lies[i], sizeof(lies[i]));
}

static void names_outside_of_the_table_are_no_names(void **state)
{
	struct module m = module(false);

	(void)state;
	m.sections[2].sh_name = UINT32_MAX;
	assert_untouched(&m, sizeof(m));
	m.sections[2].sh_name = sizeof(section_names) - 1;
	assert_untouched(&m, sizeof(m));
}

/* ---- The file ---- */

static void a_signed_module_is_left_as_it_is_where_signatures_count(void **state)
{
	CLEANUP(fixture_root_done) struct fixture_root root;
	struct module m = module(false);
	CLEANUP_STRBUF struct strbuf sb = {0};
	struct error err;

	(void)state;
	fixture_root_init(&root);
	strbuf_add(&sb, &m, sizeof(m));
	strbuf_adds(&sb, "signature");
	signature(&sb, 9);
	CLEANUP_FREE char *path = fixture_root_place(&root, "m.ko");
	fixture_root_write_bytes(&root, "m.ko", sb.data, sb.len);

	CLEANUP_FREE uint8_t *kept = NULL, *bare = NULL;
	size_t kept_len, bare_len;
	assert_int_equal(kernel_module_read(path, true, &kept, &kept_len, &err), 0);
	assert_int_equal(kept_len, sb.len);
	assert_memory_equal(kept, sb.data, sb.len);
	assert_int_equal(kernel_module_read(path, false, &bare, &bare_len, &err), 0);
	module_btf_hide((uint8_t *)&m, sizeof(m));
	assert_int_equal(bare_len, sizeof(m));
	assert_memory_equal(bare, &m, sizeof(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_a_modules_signature_off),
		cmocka_unit_test(a_signature_longer_than_the_module_stays),
		cmocka_unit_test(type_information_is_hidden_from_the_kernel),
		cmocka_unit_test(a_module_that_needs_its_types_keeps_them),
		cmocka_unit_test(a_cut_module_is_not_touched),
		cmocka_unit_test(a_module_that_lies_about_its_sections_is_not_touched),
		cmocka_unit_test(names_outside_of_the_table_are_no_names),
		cmocka_unit_test(a_signed_module_is_left_as_it_is_where_signatures_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
