/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest as text: what `hypermin cache show` prints. */
#include "cache-manifest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"

void cache_print_safe(const char *text)
{
	char *safe = printable_dup(text);

	fputs(safe, stdout);
	free(safe);
}

static void print_field(const char *name, const json_t *value)
{
	const char *text = json_string_value(value);

	if (!text)
		return;
	printf("%-14s", name);
	cache_print_safe(text);
	putchar('\n');
}

static void print_number(const char *name, const json_t *value, const char *unit)
{
	if (json_is_integer(value))
		printf("%-14s%" JSON_INTEGER_FORMAT "%s\n", name,
			json_integer_value(value), unit);
}

static void print_files(json_t *files)
{
	const char *name;
	json_t *file;

	json_object_foreach(files, name, file)
	{
		const char *digest = json_string_value(json_object_get(file, "sha256"));
		size_t len = strlen(name);
		cache_print_safe(name);
		printf("%*s%" JSON_INTEGER_FORMAT " bytes%s",
			len < 14 ? 14 - (int)len : 1, "",
			json_integer_value(json_object_get(file, "size")),
			digest ? ", SHA-256 " : "");
		cache_print_safe(digest ? digest : "");
		putchar('\n');
	}
}

static void print_packages(json_t *packages)
{
	size_t i;
	json_t *package;

	if (json_array_size(packages))
		printf("%-14s%zu\n", "packages", json_array_size(packages));
	json_array_foreach(packages, i, package)
	{
		const char *name = json_string_value(json_object_get(package, "name"));
		const char *version =
			json_string_value(json_object_get(package, "version"));
		printf("%-14s", "");
		cache_print_safe(name ? name : "?");
		putchar(' ');
		cache_print_safe(version ? version : "?");
		putchar('\n');
	}
}

void cache_print_manifest(const char *text)
{
	json_t *manifest = json_loads(text, 0, NULL);
	const json_t *kernel = json_object_get(manifest, "kernel");

	print_field("kind", json_object_get(manifest, "kind"));
	print_field("key", json_object_get(manifest, "key"));
	print_field("hypermin", json_object_get(manifest, "hypermin"));
	print_field("machine", json_object_get(manifest, "machine"));
	print_field("part", json_object_get(manifest, "part"));
	print_field("appliance", json_object_get(manifest, "appliance"));
	print_number("memory", json_object_get(manifest, "memory_mib"), " MiB");
	print_number("cpus", json_object_get(manifest, "cpus"), "");
	print_number("disks", json_object_get(manifest, "disks"), "");
	print_field("refused", json_object_get(manifest, "refused"));
	print_field("version", json_object_get(kernel, "version"));
	print_field("from", json_object_get(kernel, "image"));
	print_field("image", json_object_get(json_object_get(manifest, "image"), "name"));
	print_files(json_object_get(manifest, "files"));
	print_packages(json_object_get(manifest, "packages"));
	json_decref(manifest);
}
