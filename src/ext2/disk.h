/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies on the disk. All numbers are little-endian.
 *
 * The image is cut into groups of equal size; a superblock with its group descriptors is
 * in groups 0, 1 and powers of 3, 5, 7, the first one always at byte 1024:
 *
 *	│ group 0            │ group 1            │ group 2 ...
 *	│SB│GD│BB│IB│IT│data │SB│GD│BB│IB│IT│data │BB│IB│IT│data ...
 *
 *	SB superblock         BB one bit a block     IT inode table, 256 bytes each
 *	GD group descriptors  IB one bit an inode
 *
 * An inode leads to its data by itself or through map blocks:
 *
 *	│ 128 bytes as of old  │	block[0..11] ─► data
 *	│ 32 bytes: fine times │	block[12] ─► map ─► data
 *	│ 96 bytes: attributes │	block[13] ─► map ─► map ─► data
 *					block[14] ─► map ─► map ─► map ─► data
 *
 * A directory's blocks are filled with entries; each says how long it is, and the last
 * one of a block reaches to its end. In a hashed directory block 0 is the root of a tree
 * whose leaves are such blocks. To a driver that does not know hashes, a tree block looks
 * like a block with one empty entry.
 */
#pragma once

#include <assert.h>
#include <endian.h>
#include <stdint.h>

#define EXT2_SUPER_OFFSET 1024
#define EXT2_SUPER_MAGIC  0xef53
#define EXT2_INODE_SIZE	  256
#define EXT2_DESC_SIZE	  32

/* Inodes below EXT2_FIRST_INO have fixed meanings; of those only the root is used. */
#define EXT2_ROOT_INO  2
#define EXT2_FIRST_INO 11

#define EXT2_LINK_MAX 65000

struct disk_super {
	uint32_t inodes_count;	     /* 0 */
	uint32_t blocks_count;	     /* 4 */
	uint32_t r_blocks_count;     /* 8: kept for root */
	uint32_t free_blocks_count;  /* 12 */
	uint32_t free_inodes_count;  /* 16 */
	uint32_t first_data_block;   /* 20: where group 0 begins: 1 with 1 KiB blocks */
	uint32_t log_block_size;     /* 24: block size is 1024 << this */
	uint32_t log_cluster_size;   /* 28 */
	uint32_t blocks_per_group;   /* 32 */
	uint32_t clusters_per_group; /* 36 */
	uint32_t inodes_per_group;   /* 40 */
	uint32_t mtime;		     /* 44: of the last mount */
	uint32_t wtime;		     /* 48: of the last write */
	uint16_t mnt_count;	     /* 52 */
	uint16_t max_mnt_count;	     /* 54: 0xffff: never check because of it */
	uint16_t magic;		     /* 56 */
	uint16_t state;		     /* 58: 1: unmounted in good order */
	uint16_t errors;	     /* 60: 1: go on after an error */
	uint16_t minor_rev_level;    /* 62 */
	uint32_t lastcheck;	     /* 64 */
	uint32_t checkinterval;	     /* 68 */
	uint32_t creator_os;	     /* 72: 0: Linux */
	uint32_t rev_level;	     /* 76: 1: inode size and features below are valid */
	uint16_t def_resuid;	     /* 80 */
	uint16_t def_resgid;	     /* 82 */
	uint32_t first_ino;	     /* 84 */
	uint16_t inode_size;	     /* 88 */
	uint16_t block_group_nr;     /* 90: the group this copy is in */
	/* What a driver that does not know all of these features may do: anything, not
	 * even mount, or only read. */
	uint32_t feature_compat;      /* 92 */
	uint32_t feature_incompat;    /* 96 */
	uint32_t feature_ro_compat;   /* 100 */
	uint8_t uuid[16];	      /* 104 */
	char volume_name[16];	      /* 120 */
	char last_mounted[64];	      /* 136 */
	uint32_t algorithm_bitmap;    /* 200 */
	uint8_t prealloc_blocks;      /* 204 */
	uint8_t prealloc_dir_blocks;  /* 205 */
	uint16_t reserved_gdt_blocks; /* 206 */
	uint8_t journal[28];	      /* 208: none */
	uint32_t hash_seed[4];	      /* 236 */
	uint8_t def_hash_version;     /* 252 */
	uint8_t jnl_backup_type;      /* 253 */
	uint16_t desc_size;	      /* 254: 0: 32 bytes */
	uint32_t default_mount_opts;  /* 256 */
	uint32_t first_meta_bg;	      /* 260 */
	uint32_t mkfs_time;	      /* 264 */
	uint8_t journal_blocks[68];   /* 268 */
	uint8_t high_counts[12];      /* 336: for more than 2^32 blocks */
	uint16_t min_extra_isize;     /* 348 */
	uint16_t want_extra_isize;    /* 350 */
	uint32_t flags;		      /* 352 */
	uint8_t unused[668]; /* 356: journals, snapshots, checksums, encryption, ... */
};
static_assert(sizeof(struct disk_super) == 1024, "superblock");

#define EXT2_COMPAT_EXT_ATTR	    0x0008
#define EXT2_COMPAT_DIR_INDEX	    0x0020
#define EXT2_INCOMPAT_FILETYPE	    0x0002
#define EXT2_RO_COMPAT_SPARSE_SUPER 0x0001 /* not every group has a superblock copy */
#define EXT2_RO_COMPAT_LARGE_FILE   0x0002 /* files of 2 GiB and more */
#define EXT2_RO_COMPAT_HUGE_FILE    0x0008 /* i_blocks has 48 bits */
/* A directory's link count may be 1: "too many". */
#define EXT2_RO_COMPAT_DIR_NLINK 0x0020

#define EXT2_MOUNT_XATTR_USER	 0x0004
#define EXT2_MOUNT_ACL		 0x0008
#define EXT2_FLAGS_UNSIGNED_HASH 0x0002 /* names are hashed as unsigned char */
#define EXT2_STATE_CLEAN	 1
#define EXT2_ERRORS_CONTINUE	 1
#define EXT2_MAX_MNT_COUNT_NEVER 0xffff

struct disk_group {
	uint32_t block_bitmap;	    /* 0: addresses */
	uint32_t inode_bitmap;	    /* 4 */
	uint32_t inode_table;	    /* 8 */
	uint16_t free_blocks_count; /* 12 */
	uint16_t free_inodes_count; /* 14 */
	uint16_t used_dirs_count;   /* 16 */
	uint16_t flags;		    /* 18 */
	uint8_t unused[12];	    /* 20: snapshots, checksums */
};
static_assert(sizeof(struct disk_group) == EXT2_DESC_SIZE, "group descriptor");

#define EXT2_DIRECT_BLOCKS 12
#define EXT2_MAP_HEIGHTS   3
#define EXT2_BLOCK_SLOTS   (EXT2_DIRECT_BLOCKS + EXT2_MAP_HEIGHTS)
/* Shorter targets are in i_block itself. */
#define EXT2_FAST_SYMLINK (EXT2_BLOCK_SLOTS * 4)
#define EXT2_EXTRA_ISIZE  32
#define EXT2_XATTR_BODY	  (EXT2_INODE_SIZE - 128 - EXT2_EXTRA_ISIZE)

struct disk_inode {
	uint16_t mode;			  /* 0 */
	uint16_t uid;			  /* 2 */
	uint32_t size;			  /* 4 */
	uint32_t atime;			  /* 8 */
	uint32_t ctime;			  /* 12 */
	uint32_t mtime;			  /* 16 */
	uint32_t dtime;			  /* 20 */
	uint16_t gid;			  /* 24 */
	uint16_t links_count;		  /* 26 */
	uint32_t blocks;		  /* 28: in 512 bytes, maps and attributes too */
	uint32_t flags;			  /* 32 */
	uint32_t version;		  /* 36 */
	uint32_t block[EXT2_BLOCK_SLOTS]; /* 40 */
	uint32_t generation;		  /* 100 */
	uint32_t file_acl;		  /* 104: the attribute block */
	uint32_t size_high;		  /* 108 */
	uint32_t faddr;			  /* 112 */
	uint16_t blocks_high;		  /* 116 */
	uint16_t file_acl_high;		  /* 118 */
	uint16_t uid_high;		  /* 120 */
	uint16_t gid_high;		  /* 122 */
	uint16_t checksum_lo;		  /* 124 */
	uint16_t reserved;		  /* 126 */
	uint16_t extra_isize;		  /* 128 */
	uint16_t checksum_hi;		  /* 130 */
	uint32_t ctime_extra;  /* 132: nanoseconds << 2 | bits 32 and 33 of the seconds */
	uint32_t mtime_extra;  /* 136 */
	uint32_t atime_extra;  /* 140 */
	uint32_t crtime;       /* 144 */
	uint32_t crtime_extra; /* 148 */
	uint32_t version_hi;   /* 152 */
	uint32_t projid;       /* 156 */
	uint8_t xattrs[EXT2_XATTR_BODY]; /* 160 */
};
static_assert(sizeof(struct disk_inode) == EXT2_INODE_SIZE, "inode");

#define EXT2_INODE_FLAG_INDEX 0x1000 /* a hashed directory */

/* Names follow; the whole is a multiple of 4 long. */
struct disk_dirent {
	uint32_t inode;	   /* 0: 0: none here */
	uint16_t rec_len;  /* 4: to the next one */
	uint8_t name_len;  /* 6 */
	uint8_t file_type; /* 7 */
};
static_assert(sizeof(struct disk_dirent) == 8, "directory entry");

enum disk_file_type {
	DISK_FILE_REGULAR = 1,
	DISK_FILE_DIRECTORY = 2,
	DISK_FILE_CHARACTER = 3,
	DISK_FILE_BLOCK = 4,
	DISK_FILE_FIFO = 5,
	DISK_FILE_SOCKET = 6,
	DISK_FILE_SYMLINK = 7,
};

/* Behind "." and ".." in block 0 of a hashed directory. */
struct disk_hash_info {
	uint32_t reserved;	 /* 0 */
	uint8_t hash_version;	 /* 4 */
	uint8_t info_length;	 /* 5: 8 */
	uint8_t indirect_levels; /* 6: 0: the root points to leaves; 1: to tree blocks */
	uint8_t unused_flags;	 /* 7 */
};
static_assert(sizeof(struct disk_hash_info) == 8, "hash tree information");

#define EXT2_HASH_HALF_MD4 1

/* Entry 0 of a tree block needs no hash, as it is the smallest: these two are in its place. */
struct disk_hash_count {
	uint16_t limit; /* 0: entries there is room for */
	uint16_t count; /* 2 */
};
struct disk_hash_entry {
	/* 0: the smallest in the block; bit 0: the previous block ends with it too */
	uint32_t hash;
	uint32_t block; /* 4: of the directory, not of the disk */
};
static_assert(sizeof(struct disk_hash_count) == 4, "hash tree counts");
static_assert(sizeof(struct disk_hash_entry) == 8, "hash tree entry");

/*
 * Attributes, in an inode behind a magic number or in a block behind a header: entries
 * grow from the start up to four zero bytes, values from the end down.
 */
#define EXT2_XATTR_MAGIC	0xea020000
#define EXT2_XATTR_REFCOUNT_MAX 1024

struct disk_xattr_header {
	uint32_t magic;	      /* 0 */
	uint32_t refcount;    /* 4: inodes that share the block */
	uint32_t blocks;      /* 8: 1 */
	uint32_t hash;	      /* 12: of all entries */
	uint32_t checksum;    /* 16 */
	uint32_t reserved[3]; /* 20 */
};
static_assert(sizeof(struct disk_xattr_header) == 32, "attribute block header");

struct disk_xattr_entry {
	uint8_t name_len;   /* 0 */
	uint8_t name_index; /* 1: which namespace; the name is stored without it */
	/* 2: from the block's start, or from the inode's first entry */
	uint16_t value_offs;
	uint32_t value_inode; /* 4 */
	uint32_t value_size;  /* 8 */
	uint32_t hash;	      /* 12: of name and value; 0 in an inode */
};
static_assert(sizeof(struct disk_xattr_entry) == 16, "attribute entry");

/*
 * An ACL on disk; tags as in <linux/posix_acl.h>, and only named users and groups have
 * an id.
 */
#define EXT2_ACL_VERSION 1

struct disk_acl_entry {
	uint16_t tag;  /* 0 */
	uint16_t perm; /* 2 */
	uint32_t id;   /* 4: left out unless named */
};
static_assert(sizeof(struct disk_acl_entry) == 8, "ACL entry");
