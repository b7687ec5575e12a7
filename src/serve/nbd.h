/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NBD protocol as far as it is spoken here: the fixed newstyle handshake, structured
 * replies, and the metadata context "base:allocation".
 *
 *	server                              client
 *	greeting                      ──►
 *	                              ◄──   client flags
 *	                              ◄──   option: header, data       ┐ any number
 *	option reply: header, data …  ──►                              ┘
 *	                              ◄──   request                    ┐ many under way,
 *	reply or chunks               ──►                              ┘ answered in any order
 *
 * All numbers are big-endian.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define NBD_MAGIC	     UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC     UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_REPLY_MAGIC	     UINT64_C(0x0003e889045565a9)
#define NBD_REQUEST_MAGIC    0x25609513u
#define NBD_SIMPLE_MAGIC     0x67446698u
#define NBD_STRUCTURED_MAGIC 0x668e33efu

/* The client's flags of the handshake have the same bits. */
enum {
	NBD_FIXED_NEWSTYLE = 1 << 0,
	NBD_NO_ZEROES = 1 << 1,
	NBD_HANDSHAKE_FLAGS = NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES,
};

struct nbd_greeting {
	uint64_t magic;	       /* 0 */
	uint64_t option_magic; /* 8 */
	uint16_t flags;	       /* 16 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_greeting) == 18, "greeting");

/* ---- Options ---- */

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
};

enum nbd_option_reply {
	NBD_REP_ACK = 1,
	NBD_REP_SERVER = 2,
	NBD_REP_INFO = 3,
	NBD_REP_META_CONTEXT = 4,
	NBD_REP_ERR_UNSUP = 1 | 1u << 31,
	NBD_REP_ERR_INVALID = 3 | 1u << 31,
	NBD_REP_ERR_UNKNOWN = 6 | 1u << 31,
	NBD_REP_ERR_TOO_BIG = 9 | 1u << 31,
};

struct nbd_option_header {
	uint64_t magic;	 /* 0 */
	uint32_t option; /* 8 */
	uint32_t len;	 /* 12 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_option_header) == 16, "option");

struct nbd_reply_header {
	uint64_t magic;	 /* 0 */
	uint32_t option; /* 8 */
	uint32_t type;	 /* 12 */
	uint32_t len;	 /* 16 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_reply_header) == 20, "option reply");

enum { NBD_INFO_EXPORT = 0, NBD_INFO_BLOCK_SIZE = 3 };

struct nbd_info_export {
	uint16_t type;	/* 0 */
	uint64_t size;	/* 2 */
	uint16_t flags; /* 10 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_info_export) == 12, "information on the export");

struct nbd_info_block_size {
	uint16_t type;			      /* 0 */
	uint32_t minimum, preferred, maximum; /* 2 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_info_block_size) == 14, "information on block sizes");

/* What follows the handshake if the client named the export by NBD_OPT_EXPORT_NAME. */
struct nbd_export {
	uint64_t size;	     /* 0 */
	uint16_t flags;	     /* 8 */
	uint8_t zeroes[124]; /* 10: not with NBD_NO_ZEROES */
} __attribute__((packed));
static_assert(sizeof(struct nbd_export) == 134, "export");

enum {
	NBD_HAS_FLAGS = 1 << 0,
	NBD_READ_ONLY = 1 << 1,
	NBD_CAN_MULTI_CONN = 1 << 8,
};

/* ---- Requests and replies ---- */

enum nbd_command {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
};

enum { NBD_CMD_FLAG_REQ_ONE = 1 << 3 };

struct nbd_request {
	uint32_t magic;	 /* 0 */
	uint16_t flags;	 /* 4 */
	uint16_t type;	 /* 6 */
	uint64_t cookie; /* 8 */
	uint64_t offset; /* 16 */
	uint32_t len;	 /* 24 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_request) == 28, "request");

struct nbd_simple {
	uint32_t magic;	 /* 0 */
	uint32_t error;	 /* 4 */
	uint64_t cookie; /* 8 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_simple) == 16, "simple reply");

enum nbd_chunk_type {
	NBD_CHUNK_NONE = 0,
	NBD_CHUNK_DATA = 1,
	NBD_CHUNK_HOLE = 2,
	NBD_CHUNK_STATUS = 5,
	NBD_CHUNK_ERROR = 1 << 15 | 1,
	NBD_CHUNK_ERROR_OFFSET = 1 << 15 | 2,
};

enum { NBD_CHUNK_DONE = 1 << 0 };

struct nbd_chunk {
	uint32_t magic;	 /* 0 */
	uint16_t flags;	 /* 4 */
	uint16_t type;	 /* 6 */
	uint64_t cookie; /* 8 */
	uint32_t len;	 /* 16 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_chunk) == 20, "chunk of a structured reply");

struct nbd_hole {
	uint64_t offset; /* 0 */
	uint32_t len;	 /* 8 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_hole) == 12, "hole");

/* With a message of no bytes. */
struct nbd_error {
	uint32_t error;	      /* 0 */
	uint16_t message_len; /* 4 */
	uint64_t offset;      /* 6: with NBD_CHUNK_ERROR_OFFSET */
} __attribute__((packed));
static_assert(sizeof(struct nbd_error) == 14, "error");

struct nbd_status {
	uint32_t len;	/* 0 */
	uint32_t flags; /* 4 */
} __attribute__((packed));
static_assert(sizeof(struct nbd_status) == 8, "status of a range");

/* Of "base:allocation". */
enum { NBD_STATE_HOLE = 1 << 0, NBD_STATE_ZERO = 1 << 1 };

enum nbd_errno {
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_EINVAL = 22,
	NBD_ENOTSUP = 95,
};
