/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A launcher's command line, a word a line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "launch/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *rest = text;
	VECTOR(char *) words = {0};
	struct launch_line line;
	struct error err;

	for (char *word; (word = strsep(&rest, "\n"));)
		vector_push(&words, word);
	launch_line_is_launch(words.len, words.items);
	if (launch_line_parse(words.len, words.items, &line, &err) == 0) {
		/* What is understood is whole. */
		if (!line.kernel || !line.initrd || !line.root || !line.channel ||
			!line.words || !line.held_words || line.n_disks == 0)
			abort();
		launch_line_done(&line);
	}
	vector_done(&words);
	free(text);
	return 0;
}
