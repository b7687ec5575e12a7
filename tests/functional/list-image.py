#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""All that is in an ext2 image, a line a path, without mounting it:

    PATH TYPE MODE UID GID SIZE TIME LINKS CONTENT

CONTENT is a symlink's target, a device's numbers, or the start of a file's SHA-256. Independent
of the writer under test, and of the kernel."""
import hashlib
import stat
import struct
import sys

image = open(sys.argv[1], 'rb')


def read(offset, size):
    image.seek(offset)
    return image.read(size)


superblock = read(1024, 1024)
block_size = 1024 << struct.unpack_from('<I', superblock, 24)[0]
first_block, = struct.unpack_from('<I', superblock, 20)
inodes_per_group, = struct.unpack_from('<I', superblock, 40)
inode_size, = struct.unpack_from('<H', superblock, 88)
descriptors = (first_block + 1) * block_size
per_block = block_size // 4


class Inode:
    def __init__(self, number):
        group, index = divmod(number - 1, inodes_per_group)
        table, = struct.unpack_from('<I', read(descriptors + 32 * group, 32), 8)
        raw = read(table * block_size + index * inode_size, inode_size)
        self.mode, uid, size, _, _, self.time, _, gid, self.links, self.sectors = \
            struct.unpack_from('<HHIIIIIHHI', raw)
        uid_high, gid_high = struct.unpack_from('<HH', raw, 120)
        self.uid, self.gid = uid | uid_high << 16, gid | gid_high << 16
        self.size = size
        if stat.S_ISREG(self.mode):
            self.size |= struct.unpack_from('<I', raw, 108)[0] << 32
        self.map = struct.unpack_from('<15I', raw, 40)
        self.raw_map = raw[40:100]
        self.xattr_block, = struct.unpack_from('<I', raw, 104)

    def blocks(self):
        left = -(-self.size // block_size)

        def indirect(block, level):
            if level == 0:
                yield block
                return
            entries = struct.unpack(f'<{per_block}I', read(block * block_size, block_size)) \
                if block else [0] * per_block
            for entry in entries:
                yield from indirect(entry, level - 1)
        for i, block in enumerate(self.map):
            for entry in indirect(block, max(0, i - 11)):
                if left == 0:
                    return
                left -= 1
                yield entry

    def content(self):
        left = self.size
        for block in self.blocks():
            data = read(block * block_size, block_size) if block else bytes(block_size)
            yield data[:left]
            left -= len(data[:left])

    def target(self):
        if self.size < 60 and self.sectors - (block_size // 512 if self.xattr_block else 0) == 0:
            return self.raw_map[:self.size]
        return b''.join(self.content())


def names(inode):
    for block in inode.content():
        at = 0
        while at + 8 <= len(block):
            number, length, name_length = struct.unpack_from('<IHB', block, at)
            name = block[at + 8:at + 8 + name_length]
            if number and name not in (b'.', b'..'):
                yield name, number
            if length < 8:
                break
            at += length


def describe(inode):
    if stat.S_ISLNK(inode.mode):
        return inode.target().decode(errors='surrogateescape')
    if stat.S_ISREG(inode.mode):
        digest = hashlib.sha256()
        for data in inode.content():
            digest.update(data)
        return digest.hexdigest()[:24]
    if stat.S_ISCHR(inode.mode) or stat.S_ISBLK(inode.mode):
        old, new = inode.map[0], inode.map[1]
        if old:
            return f'{old >> 8}:{old & 0xff}'
        return f'{new >> 8 & 0xfff}:{new & 0xff | new >> 12 & 0xfff00}'
    return '-'


def walk(path, number):
    inode = Inode(number)
    kind = stat.filemode(inode.mode)[0]
    size = '-' if kind == 'd' else inode.size
    links = '-' if kind == 'd' else inode.links
    print(path or '/', kind, format(inode.mode & 0o7777, 'o'), inode.uid, inode.gid, size,
          inode.time, links, describe(inode), sep='\t')
    if kind == 'd':
        for name, child in sorted(names(inode)):
            if path or name != b'lost+found':
                walk(path + '/' + name.decode(errors='surrogateescape'), child)


sys.setrecursionlimit(100000)
sys.stdout.reconfigure(errors='surrogateescape')
walk('', 2)
