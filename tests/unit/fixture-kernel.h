/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels for tests: images with a header and no code, modules with names and no code. */
#pragma once

#include <elf.h>
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "fixture-root.h"

/* Where a bzImage made by fixture_bzimage() holds what. */
enum {
	FIXTURE_SETUP_SECTS = 2,
	FIXTURE_PAYLOAD = (FIXTURE_SETUP_SECTS + 1) * 512 + 0x40,
	/* The same of a zboot image. */
	FIXTURE_ZBOOT_PAYLOAD = 0x100
};

static inline void fixture_put16(struct strbuf *sb, size_t at, uint16_t value)
{
	value = htole16(value);
	memcpy(sb->data + at, &value, sizeof(value));
}

static inline void fixture_put32(struct strbuf *sb, size_t at, uint32_t value)
{
	value = htole32(value);
	memcpy(sb->data + at, &value, sizeof(value));
}

/* A bzImage of this release around a payload, which may be empty. */
static inline struct strbuf fixture_bzimage(
	const char *release, const void *payload, size_t len)
{
	struct strbuf sb = {0};

	memset(strbuf_grow(&sb, FIXTURE_PAYLOAD), 0, FIXTURE_PAYLOAD);
	sb.len = FIXTURE_PAYLOAD;
	sb.data[0x1f1] = FIXTURE_SETUP_SECTS;
	memcpy(sb.data + 0x202, "HdrS", 4);
	fixture_put16(&sb, 0x206, 0x020f);
	fixture_put16(&sb, 0x20e, 0x300 - 0x200);
	sprintf(sb.data + 0x300, "%s (a@b) #1 SMP", release);
	fixture_put32(&sb, 0x248, 0x40);
	fixture_put32(&sb, 0x24c, len + 4);
	strbuf_add(&sb, payload, len);
	strbuf_add(&sb, "size", 4);
	return sb;
}

/* An arm64 Image of this release. */
static inline struct strbuf fixture_arm64(const char *release)
{
	struct strbuf sb = {0};

	memset(strbuf_grow(&sb, 0x38), 0, 0x38);
	sb.len = 0x38;
	strbuf_addf(&sb, "ARM\x64 code Linux version %s (a@b)", release);
	return sb;
}

/* An EFI zboot image around a payload. */
static inline struct strbuf fixture_zboot(const void *payload, size_t len)
{
	struct strbuf sb = {0};

	memset(strbuf_grow(&sb, FIXTURE_ZBOOT_PAYLOAD), 0, FIXTURE_ZBOOT_PAYLOAD);
	sb.len = FIXTURE_ZBOOT_PAYLOAD;
	memcpy(sb.data, "MZ\0\0zimg", 8);
	fixture_put32(&sb, 8, FIXTURE_ZBOOT_PAYLOAD);
	fixture_put32(&sb, 12, len);
	memcpy(sb.data + 24, "gzip", 5);
	memcpy(sb.data + 0x38, "\xcd\x23\x82\x81", 4);
	strbuf_add(&sb, payload, len);
	strbuf_add(&sb, "sections", 8);
	return sb;
}

/* An ELF file with this one segment; its bytes come behind. */
static inline struct strbuf fixture_elf(Elf64_Phdr segment)
{
	struct strbuf sb = {0};
	Elf64_Ehdr elf = {
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(elf),
		.e_phentsize = sizeof(segment),
		.e_phnum = 1,
	};

	memcpy(elf.e_ident, ELFMAG, SELFMAG);
	elf.e_ident[EI_CLASS] = ELFCLASS64;
	elf.e_ident[EI_DATA] = ELFDATA2LSB;
	segment.p_offset = sizeof(elf) + sizeof(segment);
	strbuf_add(&sb, &elf, sizeof(elf));
	strbuf_add(&sb, &segment, sizeof(segment));
	return sb;
}

/* With one note, or none where its type is 0; "Linux version 9.8.7-elf" is in it. */
static inline struct strbuf fixture_vmlinux(uint32_t note_type)
{
	const Elf64_Nhdr note = {.n_namesz = 4, .n_descsz = 4, .n_type = note_type};
	struct strbuf sb = fixture_elf(
		(Elf64_Phdr){.p_type = PT_NOTE, .p_filesz = sizeof(note) + 8});

	strbuf_add(&sb, &note, sizeof(note));
	strbuf_add(&sb, "Xen\0code", 8);
	strbuf_adds(&sb, "Linux version %s\nLinux version 9.8.7-elf (a@b)\n");
	return sb;
}

static inline bool fixture_run(const char *command)
{
	CLEANUP_FREE char *quiet =
		xasprintf("PATH=$PATH:/sbin:/usr/sbin; { %s\n} >/dev/null 2>&1", command);
	return system(quiet) == 0;
}

/*
 * lib/modules/RELEASE with depmod's index; `builtin` are lines of modules.builtin. False
 * where there is no depmod.
 */
static inline bool fixture_modules(
	const struct fixture_root *f, const char *release, const char *builtin)
{
	CLEANUP_FREE char *path = xasprintf("lib/modules/%s/modules.builtin", release);
	CLEANUP_FREE char *order = xasprintf("lib/modules/%s/modules.order", release);
	CLEANUP_FREE char *command = xasprintf("depmod -b %s %s", f->path, release);

	fixture_root_write(f, path, builtin);
	fixture_root_write(f, order, "");
	return fixture_run(command);
}

/*
 * An object file that depmod takes for a module: it exports `exports`, needs `needs`
 * (either may be NULL) and has `modinfo`, a C string. False where there is no compiler.
 */
static inline bool fixture_module(const struct fixture_root *f, const char *path,
	const char *exports, const char *needs, const char *modinfo)
{
	CLEANUP_FREE char *full = fixture_root_place(f, path);
	CLEANUP_STRBUF struct strbuf command = {0};

	strbuf_addf(&command, "cc -c -x c -o %s - <<'END'\n", full);
	strbuf_addf(&command,
		"__attribute__((section(\".modinfo\"))) char m[] = \"%s\";\n", modinfo);
	if (exports)
		strbuf_addf(&command,
			"__attribute__((section(\"__ksymtab_strings\"))) char s[] = "
			"\"%s\";\n",
			exports);
	if (needs)
		strbuf_addf(&command, "extern int %s; int *need = &%s;\n", needs, needs);
	strbuf_adds(&command, "END\n");
	return fixture_run(command.data);
}
