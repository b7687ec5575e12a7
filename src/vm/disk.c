/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A user's disk image, checked before qemu sees it. The format is never guessed from
 * content, which a guest may have written. A file that looks like qcow2 is refused unless
 * its user says that it is, since a qcow2 header can name any file of the host as its
 * backing file.
 */
#include "vm/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "protocol/protocol.h"

#define SECTOR 512

struct format {
	const char *name; /* qemu's driver */
	const char *magic;
	size_t magic_len;
	off_t magic_offset;
};

static const struct format formats[] = {
	{"raw", NULL, 0, 0},
	{"qcow2", "QFI\xfb", 4, 0},
	{"qed", "QED\0", 4, 0},
	{"vmdk", "KDMV", 4, 0},
	{"vdi", "\x7f\x10\xda\xbe", 4, 64},
	{"vhdx", "vhdxfile", 8, 0},
	{"vpc", "conectix", 8, 0},
};

static const struct format *format_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

bool vm_disk_is_format(const char *word)
{
	return format_named(word) != NULL;
}

static bool has_magic(int fd, const struct format *f)
{
	char bytes[16];

	return f->magic &&
		io_pread_full(fd, bytes, f->magic_len, f->magic_offset) ==
		(ssize_t)f->magic_len &&
		memcmp(bytes, f->magic, f->magic_len) == 0;
}

static int check_format(int fd, const char *path, const char *format, struct error *err)
{
	if (format && !format_named(format)) {
		CLEANUP_STRBUF struct strbuf known = {0};
		for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
			strbuf_addf(&known, "%s%s", i ? ", " : "", formats[i].name);
		return error_set(err, 0,
			"attach '%s': '%s' is not a format that hypermin knows; those are "
			"%s",
			path, format, known.data);
	}
	if (format && !has_magic(fd, format_named(format)) && strcmp(format, "raw") != 0)
		return error_set(
			err, 0, "attach '%s': it is not in %s format", path, format);
	for (size_t i = 0; i < ARRAY_SIZE(formats) && !format; i++)
		if (has_magic(fd, &formats[i]))
			return error_set(err, 0,
				"attach '%s': it looks like a %s image; if you trust it, as it may "
				"name other files of this host, say '%s:%s', else '%s:raw'",
				path, formats[i].name, path, formats[i].name, path);
	return 0;
}

static int check_kind(
	int fd, const char *path, bool writable, struct vm_disk *ret, struct error *err)
{
	struct stat st;
	int read_only = 0, sector = SECTOR;

	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "attach '%s'", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "attach '%s'", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(err, 0,
			"attach '%s': it is neither a file nor a block device", path);
	if (S_ISREG(st.st_mode) && st.st_size == 0)
		return error_set(err, 0, "attach '%s': the file is empty", path);
	ret->block_device = S_ISBLK(st.st_mode);
	if (ret->block_device && writable && ioctl(fd, BLKROGET, &read_only) == 0 &&
		read_only)
		return error_set(err, EROFS,
			"attach '%s' for writing: the device is read-only", path);
	if (ret->block_device && ioctl(fd, BLKSSZGET, &sector) < 0)
		return error_set(err, errno, "attach '%s': find its sector size", path);
	ret->sector = sector;
	return 0;
}

int vm_disk_init(struct vm_disk *disk, const char *path, const char *format,
	bool writable, struct error *err)
{
	struct vm_disk found = {0};

	/* O_NONBLOCK: a FIFO is refused below, not waited for. */
	CLEANUP_CLOSE int fd = open(
		path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_set(err, errno, "attach '%s'", path);
	if (check_kind(fd, path, writable, &found, err) < 0 ||
		check_format(fd, path, format, err) < 0)
		return -1;
	CLEANUP_FREE char *full = realpath(path, NULL);
	if (!full)
		return error_set(err, errno, "attach '%s'", path);
	if (!utf8_is_valid(full))
		return error_set(err, EILSEQ,
			"attach '%s': qemu takes only file names in UTF-8; rename it",
			path);
	*disk = (struct vm_disk){.path = TAKE_PTR(full),
		.format = xstrdup(format ? format : "raw"),
		.writable = writable,
		.block_device = found.block_device,
		.sector = found.sector};
	return 0;
}

void vm_disk_init_share(struct vm_disk *disk, const struct vm_share *share, size_t number)
{
	*disk = (struct vm_disk){.path = xstrdup(share->path),
		.format = xstrdup("raw"),
		.serial = xasprintf(ATTACH_DISK_SERIAL "%zu", number),
		.sector = SECTOR,
		.share = share};
}

int vm_disk_set_sector(struct vm_disk *disk, unsigned bytes, struct error *err)
{
	struct stat st;

	/* A guest's kernel takes none that is larger than a page. */
	if (bytes != 512 && bytes != 1024 && bytes != 2048 && bytes != 4096)
		return error_set(err, 0,
			"attach '%s': sectors have 512, 1024, 2048 or 4096 bytes, not %u",
			disk->path, bytes);
	if (strcmp(disk->format, "raw") == 0 && stat(disk->path, &st) == 0 &&
		S_ISREG(st.st_mode) && st.st_size % bytes != 0)
		return error_set(err, 0,
			"attach '%s': its size, %lld bytes, is no multiple of a sector's %u",
			disk->path, (long long)st.st_size, bytes);
	disk->sector = bytes;
	return 0;
}

/* A disk without a serial number of its own is called "disk" and its number. */
static bool is_numbered(const char *serial, const char *word)
{
	size_t len = strlen(word);
	const char *number = strncmp(serial, word, len) == 0 ? serial + len : "";

	return *number && !number[strspn(number, "0123456789")];
}

/* It becomes a word of qemu's command line, the name of a link in the guest, and the 20
 * bytes that virtio has for it (VIRTIO_BLK_ID_BYTES). */
int vm_disk_set_serial(struct vm_disk *disk, const char *serial, struct error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(serial);

	if (len < 1 || len > 20 || serial[strspn(serial, allowed)])
		return error_set(err, 0,
			"attach '%s': a serial number has 1 to 20 letters, digits, dots, "
			"hyphens and underscores; '%s' is none",
			disk->path, serial);
	if (is_numbered(serial, "disk") || is_numbered(serial, ATTACH_DISK_SERIAL) ||
		strcmp(serial, ROOT_SERIAL) == 0)
		return error_set(err, 0,
			"attach '%s': the serial number '%s' is one of hypermin's own; take "
			"another",
			disk->path, serial);
	free(disk->serial);
	disk->serial = xstrdup(serial);
	return 0;
}

bool vm_disk_names_others(const struct vm_disk *disk)
{
	uint8_t header[80];

	if (strcmp(disk->format, "vmdk") == 0)
		return true;
	if (strcmp(disk->format, "qcow2") != 0 && strcmp(disk->format, "qed") != 0)
		return false;
	CLEANUP_CLOSE int fd = open(disk->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || io_pread_full(fd, header, sizeof(header), 0) != sizeof(header))
		return true;
	if (strcmp(disk->format, "qed") == 0)
		return header[16] & 1;
	/* A backing file; and of version 3, an external file for the data. */
	for (size_t i = 8; i < 16; i++)
		if (header[i])
			return true;
	return header[7] >= 3 && (header[79] & 4);
}

void vm_disk_warn_of_others(const struct vm_disk *disk)
{
	if (vm_disk_names_others(disk))
		log_warning(
			"the disk image '%s' names other files, which the VM reads through it: "
			"attach it only if you trust who made it",
			disk->path);
}

void vm_disk_warn_of_growth(const struct vm_disk *disk)
{
	struct stat st;

	if (disk->writable && strcmp(disk->format, "raw") == 0 &&
		stat(disk->path, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_size % SECTOR != 0)
		log_warning(
			"'%s' has %lld bytes, which is no multiple of %d: a guest that "
			"writes to its last sector makes the file larger",
			disk->path, (long long)st.st_size, SECTOR);
}

void vm_disk_done(struct vm_disk *disk)
{
	free(disk->path);
	free(disk->format);
	free(disk->serial);
	*disk = (struct vm_disk){0};
}
