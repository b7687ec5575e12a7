/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A module's file. What may lie around the ELF object:
 *
 *	[.gz .xz .zst of] ELF object │ signature │ struct module_signature │ marker
 *
 * The structure has 12 bytes: … signer_len at 3, key_id_len at 4, sig_len at 8,
 * big-endian. The marker is "~Module signature appended~\n".
 *
 * Two things in it cost more at boot than all else about a module, and serve nothing
 * there: the signature, whose check is a public-key operation, and .BTF, type information
 * for BPF programs, for whose sake the first module makes the kernel parse its own.
 */
#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "kernel/decompress.h"
#include "kernel/kernel.h"
#include "kernel/module-parts.h"

#define MODULE_MAX ((size_t)256 * 1024 * 1024)

size_t module_signature_cut(const uint8_t *data, size_t len)
{
	static const char marker[] = "~Module signature appended~\n";
	const size_t marker_len = sizeof(marker) - 1;
	const size_t info_len = 12;
	uint32_t sig_len;

	if (len < marker_len + info_len ||
		memcmp(data + len - marker_len, marker, marker_len) != 0)
		return len;
	size_t left = len - marker_len - info_len;
	const uint8_t *info = data + left;
	memcpy(&sig_len, info + 8, sizeof(sig_len));
	uint64_t signature = (uint64_t)be32toh(sig_len) + info[3] + info[4];
	/* Nonsense: leave it to the kernel, which knows better what it is. */
	return signature > left ? len : left - signature;
}

/* ---- Sections ---- */

struct sections {
	uint8_t *data;
	size_t len;
	Elf64_Ehdr elf;
	const char *names; /* the string table */
	size_t names_len;
};

static Elf64_Shdr read_section(const struct sections *s, size_t index)
{
	Elf64_Shdr section;

	memcpy(&section, s->data + s->elf.e_shoff + index * sizeof(section),
		sizeof(section));
	return section;
}

static bool open_sections(struct sections *s)
{
	if (s->len < sizeof(s->elf))
		return false;
	memcpy(&s->elf, s->data, sizeof(s->elf));
	if (memcmp(s->elf.e_ident, ELFMAG, SELFMAG) != 0 ||
		s->elf.e_ident[EI_CLASS] != ELFCLASS64 ||
		s->elf.e_ident[EI_DATA] != ELFDATA2LSB ||
		s->elf.e_shentsize != sizeof(Elf64_Shdr) || s->elf.e_shoff > s->len ||
		s->elf.e_shnum > (s->len - s->elf.e_shoff) / sizeof(Elf64_Shdr) ||
		s->elf.e_shstrndx >= s->elf.e_shnum)
		return false;
	Elf64_Shdr names = read_section(s, s->elf.e_shstrndx);
	if (names.sh_type != SHT_STRTAB || names.sh_offset > s->len ||
		names.sh_size > s->len - names.sh_offset)
		return false;
	s->names = (const char *)s->data + names.sh_offset;
	s->names_len = names.sh_size;
	return true;
}

/* The section's index, or 0, which is no section's. */
static size_t find_section(const struct sections *s, const char *name)
{
	size_t size = strlen(name) + 1;

	for (size_t i = 1; i < s->elf.e_shnum; i++) {
		uint32_t at = read_section(s, i).sh_name;
		if (at < s->names_len && size <= s->names_len - at &&
			memcmp(s->names + at, name, size) == 0)
			return i;
	}
	return 0;
}

void module_btf_hide(uint8_t *data, size_t len)
{
	struct sections s = {.data = data, .len = len};

	if (!open_sections(&s))
		return;
	size_t index = find_section(&s, ".BTF");
	/* .BTF_ids: it has functions for BPF programs, and would not load without
	 * types. */
	if (!index || find_section(&s, ".BTF_ids"))
		return;
	/* The kernel finds it by its name; without the flag it takes no memory either. */
	Elf64_Shdr section = read_section(&s, index);
	section.sh_name += 1; /* "BTF" */
	section.sh_flags &= ~(uint64_t)SHF_ALLOC;
	memcpy(data + s.elf.e_shoff + index * sizeof(section), &section, sizeof(section));
}

/* ---- The file ---- */

int kernel_module_read(const char *path, bool keep_signature, uint8_t **ret_data,
	size_t *ret_len, struct error *err)
{
	CLEANUP_FREE char *file = NULL;
	CLEANUP_FREE uint8_t *data = NULL;
	size_t len;

	if (io_read_file(AT_FDCWD, path, MODULE_MAX, &file, &len, err) < 0)
		return -1;
	data = (uint8_t *)TAKE_PTR(file);
	if (decompress_format(data, len)) {
		CLEANUP_FREE uint8_t *packed = TAKE_PTR(data);
		if (decompress_data(packed, len, MODULE_MAX, &data, &len, err) < 0)
			return error_prefix(err, "module '%s'", path);
	}
	if (len < SELFMAG || memcmp(data, ELFMAG, SELFMAG) != 0)
		return error_set(err, 0, "module '%s' is not an ELF object", path);
	if (!keep_signature) {
		len = module_signature_cut(data, len);
		module_btf_hide(data, len);
	}
	*ret_len = len;
	*ret_data = TAKE_PTR(data);
	return 0;
}
