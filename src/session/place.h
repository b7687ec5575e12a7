/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directory of session.h: for what is kept there. */
#pragma once

#include "base/error.h"

/* A descriptor; it is made if it is missing. */
int session_open_directory(struct error *err);
