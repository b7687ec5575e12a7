/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands in the VM of an image: what docker(1) does with its configuration. */
#include "appliance/image-config.h"

#include <stddef.h>

#include "api/handle.h"

static void add_all(struct strvec *to, const char *const *words)
{
	for (; words && *words; words++)
		strvec_add(to, *words);
}

static void copy_all(struct strvec *to, const struct strvec *from)
{
	vector_foreach (word, from)
		strvec_add(to, *word);
}

/* An entrypoint of the caller's has words of the caller's alone. */
static void add_words(struct strvec *to, const struct image_config *image,
	const struct hypermin_command *command)
{
	const char *entrypoint = command->entrypoint;

	if (entrypoint && *entrypoint)
		strvec_add(to, entrypoint);
	else if (!entrypoint)
		copy_all(to, &image->entrypoint);
	if (command->argv && command->argv[0])
		add_all(to, command->argv);
	else if (!entrypoint)
		copy_all(to, &image->words);
}

int handle_image_command(struct hypermin *h, const struct hypermin_command *command,
	struct image_command *ret)
{
	static const struct image_config nothing;
	const struct image_config *image =
		h->appliance.image ? h->appliance.image : &nothing;
	struct image_command c = {
		.cwd = command->cwd	     ? command->cwd
			: image->cwd	     ? image->cwd
			: h->appliance.image ? "/"
					     : NULL,
		.user = command->user ? command->user : image->user,
	};

	add_words(&c.argv, image, command);
	copy_all(&c.env, &image->env);
	add_all(&c.env, command->env);
	if (c.argv.len) {
		*ret = c;
		return 0;
	}
	image_command_done(&c);
	return error_set(&h->error, 0, "run a command: none is given%s",
		h->appliance.image ? ", and the image names none" : "");
}

void image_command_done(struct image_command *command)
{
	strvec_done(&command->argv);
	strvec_done(&command->env);
}
