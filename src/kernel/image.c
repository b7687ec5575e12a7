/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel file formats; image.h has the drawing. The x86 offsets are those of the kernel's
 * Documentation/arch/x86/boot.rst, arm64's of Documentation/arch/arm64/booting.rst,
 * zboot's of drivers/firmware/efi/libstub/zboot-header.S. Everything is little-endian.
 */
#include "kernel/image.h"

#include <elf.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/decompress.h"
#include "kernel/kernel.h"

#define X86_SETUP_SECTS 0x1f1 /* u8: 512-byte sectors behind the first; 0 means 4 */
#define X86_SYSSIZE \
	0x1f4 /* u32: the code behind the setup sectors, in units of 16 bytes */
#define X86_MAGIC    0x202 /* "HdrS" */
#define X86_PROTOCOL 0x206 /* u16 */
#define X86_KERNEL_VERSION \
	0x20e /* u16: where the version string is, less 0x200; 0: nowhere */
#define X86_PAYLOAD_OFFSET 0x248 /* u32: from the end of the setup sectors */
#define X86_PAYLOAD_LENGTH 0x24c /* u32 */
#define X86_HEADER_END	   0x250
#define X86_PAYLOAD_SINCE  0x0208 /* the protocol that brought the last two */

#define ARM64_MAGIC 0x38 /* "ARM\x64" */

#define ZBOOT_MAGIC	     0x04 /* "zimg", behind "MZ" */
#define ZBOOT_PAYLOAD_OFFSET 0x08 /* u32: from the beginning of the file */
#define ZBOOT_PAYLOAD_LENGTH 0x0c /* u32: without a size word */
#define ZBOOT_HEADER_END \
	0x40 /* at 0x18 a word for the compression: its bytes tell, too */

#define XEN_NOTE_PHYS32_ENTRY 18

#define VERSION_MAX 128

static uint32_t get_le(const uint8_t *p, size_t bytes)
{
	uint32_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value |= (uint32_t)p[i] << (8 * i);
	return value;
}

static bool has_at(const uint8_t *data, size_t len, size_t at, const char magic[static 4])
{
	return len >= at + 4 && memcmp(data + at, magic, 4) == 0;
}

bool kernel_image_is_bzimage(const uint8_t *data, size_t len)
{
	return len >= X86_HEADER_END && has_at(data, len, X86_MAGIC, "HdrS");
}

bool kernel_image_is_elf(const uint8_t *data, size_t len)
{
	return has_at(data, len, 0, ELFMAG);
}

bool kernel_image_is_arm64(const uint8_t *data, size_t len)
{
	return has_at(data, len, ARM64_MAGIC, "ARM\x64");
}

bool kernel_image_is_zboot(const uint8_t *data, size_t len)
{
	return len >= ZBOOT_HEADER_END && memcmp(data, "MZ", 2) == 0 &&
		has_at(data, len, ZBOOT_MAGIC, "zimg");
}

const struct architecture *kernel_image_architecture(const uint8_t *data, size_t len)
{
	if (kernel_image_is_bzimage(data, len))
		return architecture_find("x86_64");
	if (kernel_image_is_arm64(data, len))
		return architecture_find("aarch64");
	return architecture_of_elf(data, len);
}

/* A release like "6.1.0-56-cloud-amd64", up to the blank or the NUL behind it. */
static char *parse_release(const uint8_t *data, size_t len)
{
	size_t n = 0;

	while (n < len && data[n] > ' ' && data[n] < 0x7f && data[n] != '/')
		n++;
	if (n == len || n > VERSION_MAX || n == 0 || data[0] < '0' || data[0] > '9')
		return NULL;
	return xstrndup((const char *)data, n);
}

/* /proc/version's text. Its format string is in the image too, "Linux version %s". */
static char *find_banner(const uint8_t *data, size_t len)
{
	static const char banner[] = "Linux version ";
	const size_t banner_len = sizeof(banner) - 1;
	const uint8_t *end = data + len;

	for (const uint8_t *p = data; (p = memmem(p, end - p, banner, banner_len));) {
		p += banner_len;
		char *release = parse_release(p, end - p);
		if (release)
			return release;
	}
	return NULL;
}

char *kernel_version_parse(const uint8_t *data, size_t len)
{
	if (kernel_image_is_bzimage(data, len)) {
		size_t at = get_le(data + X86_KERNEL_VERSION, 2);
		at += 0x200;
		return at > 0x200 && at < len ? parse_release(data + at, len - at) : NULL;
	}
	if (kernel_image_is_elf(data, len) || kernel_image_is_arm64(data, len))
		return find_banner(data, len);
	return NULL;
}

/* Where the code behind the boot sector and the setup sectors begins. */
static uint64_t bzimage_setup_end(const uint8_t *data)
{
	unsigned sectors = data[X86_SETUP_SECTS] ? data[X86_SETUP_SECTS] : 4;

	return (sectors + 1) * 512;
}

static bool bzimage_payload(const uint8_t *data, size_t len, size_t *ret_offset,
	size_t *ret_len, const char **ret_why)
{
	*ret_why = "a bzImage from before boot protocol 2.08, which does not say where "
		   "its payload is";
	if (get_le(data + X86_PROTOCOL, 2) < X86_PAYLOAD_SINCE)
		return false;
	uint64_t offset = bzimage_setup_end(data) + get_le(data + X86_PAYLOAD_OFFSET, 4);
	uint64_t payload_len = get_le(data + X86_PAYLOAD_LENGTH, 4);
	*ret_why = "its header names a payload outside of the file";
	if (payload_len <= 4 || offset > len || payload_len > len - offset)
		return false;
	*ret_offset = offset;
	*ret_len = payload_len - 4; /* the size word */
	return true;
}

static bool zboot_payload(const uint8_t *data, size_t len, size_t *ret_offset,
	size_t *ret_len, const char **ret_why)
{
	size_t offset = get_le(data + ZBOOT_PAYLOAD_OFFSET, 4);
	size_t payload_len = get_le(data + ZBOOT_PAYLOAD_LENGTH, 4);

	*ret_why = "its header names a payload outside of the file";
	if (offset < ZBOOT_HEADER_END || payload_len == 0 || offset > len ||
		payload_len > len - offset)
		return false;
	*ret_offset = offset;
	*ret_len = payload_len;
	return true;
}

bool kernel_image_payload(const uint8_t *data, size_t len, size_t *ret_offset,
	size_t *ret_len, const char **ret_why)
{
	if (kernel_image_is_bzimage(data, len))
		return bzimage_payload(data, len, ret_offset, ret_len, ret_why);
	if (kernel_image_is_zboot(data, len))
		return zboot_payload(data, len, ret_offset, ret_len, ret_why);
	*ret_why = "neither a bzImage nor a zboot image";
	return false;
}

int kernel_image_unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data,
	size_t *ret_len, struct error *err)
{
	size_t offset = 0, packed_len = len;
	const char *why;

	if (!decompress_format(data, len) &&
		!kernel_image_payload(data, len, &offset, &packed_len, &why))
		return error_set(err, 0, "%s", why);
	return decompress_data(data + offset, packed_len, max, ret_data, ret_len, err);
}

/* The notes of one segment, each: three words, the name and the descriptor, padded to
 * words. */
static bool notes_have_pvh(const uint8_t *p, uint64_t len)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;

		memcpy(&note, p, sizeof(note));
		uint64_t name_len = ((uint64_t)note.n_namesz + 3) & ~(uint64_t)3;
		uint64_t whole = sizeof(note) + name_len +
			(((uint64_t)note.n_descsz + 3) & ~(uint64_t)3);
		if (whole > len)
			return false;
		if (note.n_type == XEN_NOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
			note.n_descsz >= 4 && memcmp(p + sizeof(note), "Xen", 4) == 0)
			return true;
		p += whole;
		len -= whole;
	}
	return false;
}

/* The header of an x86 ELF file whose segments' headers are all in the file. */
static bool read_elf(const uint8_t *data, size_t len, Elf64_Ehdr *ret)
{
	const struct architecture *a = architecture_of_elf(data, len);

	if (!a || a->elf != EM_X86_64)
		return false;
	memcpy(ret, data, sizeof(*ret));
	return ret->e_phentsize == sizeof(Elf64_Phdr) && ret->e_phoff <= len &&
		ret->e_phnum <= (len - ret->e_phoff) / sizeof(Elf64_Phdr);
}

static Elf64_Phdr read_segment(const uint8_t *data, const Elf64_Ehdr *elf, size_t i)
{
	Elf64_Phdr segment;

	memcpy(&segment, data + elf->e_phoff + i * sizeof(segment), sizeof(segment));
	return segment;
}

static bool is_inside(const Elf64_Phdr *segment, uint64_t len)
{
	return segment->p_offset <= len && segment->p_filesz <= len - segment->p_offset;
}

bool kernel_image_has_pvh(const uint8_t *data, size_t len)
{
	Elf64_Ehdr elf;

	if (!read_elf(data, len, &elf))
		return false;
	for (size_t i = 0; i < elf.e_phnum; i++) {
		Elf64_Phdr segment = read_segment(data, &elf, i);

		if (segment.p_type == PT_NOTE && is_inside(&segment, len) &&
			notes_have_pvh(data + segment.p_offset, segment.p_filesz))
			return true;
	}
	return false;
}

bool kernel_image_is_whole(const uint8_t *data, size_t len, uint64_t file_size)
{
	Elf64_Ehdr elf;

	if (kernel_image_is_bzimage(data, len)) {
		uint64_t units = get_le(data + X86_SYSSIZE, 4);
		/* The last unit need not be a whole one. */
		return units == 0 ||
			bzimage_setup_end(data) + (units - 1) * 16 < file_size;
	}
	if (kernel_image_is_zboot(data, len))
		return get_le(data + ZBOOT_PAYLOAD_OFFSET, 4) +
			(uint64_t)get_le(data + ZBOOT_PAYLOAD_LENGTH, 4) <=
			file_size;
	if (!read_elf(data, len, &elf))
		return true;
	for (size_t i = 0; i < elf.e_phnum; i++) {
		Elf64_Phdr segment = read_segment(data, &elf, i);
		if (segment.p_type == PT_LOAD && !is_inside(&segment, file_size))
			return false;
	}
	return true;
}

void kernel_image_trim(uint8_t *data, size_t len)
{
	Elf64_Ehdr elf;

	if (!read_elf(data, len, &elf))
		return;
	for (size_t i = 0; i < elf.e_phnum; i++) {
		Elf64_Phdr segment = read_segment(data, &elf, i);

		if (segment.p_type != PT_LOAD || !is_inside(&segment, len) ||
			segment.p_filesz > segment.p_memsz)
			continue;
		while (segment.p_filesz && !data[segment.p_offset + segment.p_filesz - 1])
			segment.p_filesz--;
		memcpy(data + elf.e_phoff + i * sizeof(segment), &segment,
			sizeof(segment));
	}
}
