/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Printing what is in the cache. */
#pragma once

/* `text` is the manifest's JSON. */
void cache_print_manifest(const char *text);
/* A name of a file or package, which is anybody's: without control characters. */
void cache_print_safe(const char *text);
