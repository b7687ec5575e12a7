/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How each layer went, written by the child and read by its parent. */
#pragma once

#include "confine/confine.h"

enum confine_state {
	/* An earlier layer failed, or it is not for this program. */
	CONFINE_NOT_TRIED,
	CONFINE_IN_FORCE,
	CONFINE_MISSING,
};

struct confine_notes {
	struct confine_note {
		enum confine_state state;
		int num; /* errno */
	} layers[CONFINE_LAYERS];
	/* The file that root can't open without its capabilities, by number; -1: none. */
	int foreign_file;
};
