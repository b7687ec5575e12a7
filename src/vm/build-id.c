/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program's segments of notes, which are small, are searched for the one of "GNU". */
#include "vm/build-id.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/hex.h"
#include "base/io.h"
#include "base/mem.h"

#define NOTES_MAX 4096
#define ID_MAX	  64

/* A note is its header, its name and its content, each filled up to four bytes. */
static size_t padded(size_t len)
{
	return (len + 3) / 4 * 4;
}

static char *find_note(const uint8_t *notes, size_t len)
{
	static const char owner[] = "GNU";
	char hex[2 * ID_MAX + 1];
	Elf64_Nhdr note;

	for (size_t at = 0; at + sizeof(note) <= len;) {
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		if (note.n_namesz > len || note.n_descsz > len ||
			padded(note.n_namesz) + padded(note.n_descsz) > len - at)
			return NULL;
		const uint8_t *id = notes + at + padded(note.n_namesz);
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(owner) &&
			memcmp(notes + at, owner, sizeof(owner)) == 0 &&
			note.n_descsz > 0 && note.n_descsz <= ID_MAX) {
			hex_encode(id, note.n_descsz, hex);
			return xstrdup(hex);
		}
		at += padded(note.n_namesz) + padded(note.n_descsz);
	}
	return NULL;
}

static char *find(int fd)
{
	uint8_t notes[NOTES_MAX];
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	if (io_pread_full(fd, &header, sizeof(header), 0) != sizeof(header) ||
		memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
		header.e_ident[EI_CLASS] != ELFCLASS64)
		return NULL;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		if (io_pread_full(fd, &segment, sizeof(segment),
			    header.e_phoff + i * sizeof(segment)) != sizeof(segment))
			return NULL;
		if (segment.p_type != PT_NOTE || segment.p_filesz > sizeof(notes) ||
			io_pread_full(fd, notes, segment.p_filesz, segment.p_offset) !=
				(ssize_t)segment.p_filesz)
			continue;
		char *id = find_note(notes, segment.p_filesz);
		if (id)
			return id;
	}
	return NULL;
}

char *build_id_read(const char *program, struct error *err)
{
	CLEANUP_CLOSE int fd = open(program, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_null(err, errno, "open '%s'", program);
	char *id = find(fd);
	return id ? id
		  : error_null(err, 0,
			    "'%s' is a script, or was linked without a build ID: another "
			    "machine could not tell whether it has the same qemu",
			    program);
}
