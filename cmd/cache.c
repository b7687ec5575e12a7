/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin cache: what is kept, whether it is whole, and making room. A table of
 * actions. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache-manifest.h"
#include "commands.h"
#include "report.h"
#include "settings.h"

struct cache {
	struct hypermin *vm;
	struct hypermin_cache_limits limits;
	/* Not NULL: verify that appliance. */
	const char *fixed;
	bool json, all, repair;
	json_t *items;
};

/* ---- Options ---- */

/* N with s, m, h, d or w. */
static int take_max_age(const struct option_row *row, void *member, const char *value)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char *end;

	(void)row;
	errno = 0;
	unsigned long n = strtoul(value, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!errno && isdigit((unsigned char)*value) && n > 0 && n < 1000000 &&
			*end == units[i].unit && !end[1]) {
			*(int64_t *)member = (int64_t)n * units[i].seconds;
			return 0;
		}
	return options_complain(
		"--max-age takes a number with s, m, h, d or w, not '%s'", value);
}

#define AT(member) offsetof(struct cache, member)

static const struct option_row general_rows[] = {
	{OPTION_FLAG, "json", 0, NULL, "print JSON", AT(json)},
	{0},
};

static const struct option_row list_rows[] = {
	{OPTION_FLAG, "all", 'a', NULL,
		"list parts, requests and leftovers too; verify: say what is sound",
		AT(all)},
	{0},
};

static const struct option_row verify_rows[] = {
	{OPTION_FLAG, "repair", 0, NULL, "remove what is damaged", AT(repair)},
	{0},
};

static const struct option_row gc_rows[] = {
	{OPTION_CALL, "max-age", 0, "N[smhdw]",
		"remove what was not used for this time; default 30d", AT(limits.max_age),
		.take = take_max_age},
	{OPTION_SIZE, "max-size", 0, "N[bKMGT]", "leave no more than this; default 8G",
		AT(limits.max_bytes)},
	{0},
};

static const struct option_row clear_rows[] = {
	{OPTION_FLAG, "force", 0, NULL,
		"remove even where hypermin can't tell what is in use", AT(limits.force)},
	{0},
};

static const struct option_group groups[] = {
	{NULL, general_rows},
	{NULL, settings_cache_dir, AT(vm)},
	{"Of list and verify", list_rows},
	{"Of verify", verify_rows},
	{"Of verify", settings_appliance, AT(vm), AT(fixed)},
	{"Of gc", gc_rows},
	{"Of gc and clear", clear_rows},
	{"Of check, as for hypermin run", settings_package, AT(vm)},
	{"Of check, as for hypermin run", settings_root, AT(vm)},
	{"Of check, as for hypermin run", settings_kernel, AT(vm)},
	{0},
};

static const struct options options = {
	.command = "hypermin cache",
	.usage =
		"Usage: hypermin cache ACTION [OPTION…]\n"
		"\n"
		"Look after what hypermin keeps so that nothing is built twice. Actions:\n"
		"  list          print what there is, what it is for, its size on disk and last use\n"
		"  show [KEY]    print what KEY was made of; default: the appliance used last\n"
		"  verify        read everything, and compare it to what was written\n"
		"  gc            remove what was not used for long or is too much, and leftovers\n"
		"  clear         remove everything that is not in use, but saved states\n"
		"  remove STATE  remove this saved state\n"
		"  check         is an appliance there and current? Status 0: yes, 1: no",
	.groups = groups,
	.words = WORDS_MIXED,
};

/* ---- Saying it ---- */

static void format_size(uint64_t bytes, char *ret, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double n = bytes;
	size_t i = 0;

	for (; n >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		n /= 1024;
	snprintf(ret, size, n < 10 && i ? "%.1f %s" : "%.0f %s", n, units[i]);
}

static void format_time(int64_t seconds, char *ret, size_t size)
{
	time_t t = seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(ret, size, "%Y-%m-%d %H:%M", &tm))
		snprintf(ret, size, "?");
}

static bool is_main_kind(const char *kind)
{
	return strcmp(kind, "appliance") == 0 || strcmp(kind, "snapshot") == 0 ||
		strcmp(kind, "state") == 0;
}

/* Enough of a digest, all of a name. */
static int key_length(const struct hypermin_cache_item *item)
{
	return strcmp(item->kind, "state") == 0 ? 63 : 12;
}

static void keep_json(
	struct cache *o, const struct hypermin_cache_item *item, const char *text)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b}", "kind",
		item->kind, "key", item->key, "for", item->description, "bytes",
		(json_int_t)item->bytes, "last_use", (json_int_t)item->last_use, "in_use",
		item->in_use, "removed", item->removed);

	if (json && text)
		json_object_set_new(json, "text", report_text(text));
	if (json)
		json_array_append_new(o->items, json);
}

static int print_json(struct cache *o, json_t *top)
{
	json_object_set_new(
		top, "directory", report_text(hypermin_cache_directory(o->vm)));
	json_object_set(top, "items", o->items);
	json_dumpf(top, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(top);
	return 0;
}

/* ---- list ---- */

static void on_list(const struct hypermin_cache_item *item, const char *text, void *data)
{
	struct cache *o = data;
	char size[32], when[32];

	if (o->json) {
		keep_json(o, item, text);
		return;
	}
	if (!o->all && !is_main_kind(item->kind))
		return;
	format_size(item->bytes, size, sizeof(size));
	format_time(item->last_use, when, sizeof(when));
	printf("%-12.*s  %-9s  %8s  %s  ", key_length(item), item->key, item->kind, size,
		when);
	cache_print_safe(item->description);
	printf("%s\n", item->in_use ? " (in use)" : "");
}

static int list(struct cache *o, const char *word)
{
	uint64_t bytes;
	char size[32];

	(void)word;
	if (!o->json)
		printf("%-12s  %-9s  %8s  %-16s  %s\n", "KEY", "KIND", "SIZE", "LAST USE",
			"WHAT IT IS");
	if (hypermin_cache_list(o->vm, on_list, o, &bytes) < 0)
		return -1;
	if (o->json)
		return print_json(o, json_pack("{s:I}", "bytes", (json_int_t)bytes));
	format_size(bytes, size, sizeof(size));
	printf("%s in %s\n", size, hypermin_cache_directory(o->vm));
	return 0;
}

/* ---- show ---- */

static void on_find_last(
	const struct hypermin_cache_item *item, const char *text, void *data)
{
	char *last = data;

	(void)text;
	/* Of one kind, the one that was used last comes last. */
	if (strcmp(item->kind, "appliance") == 0)
		snprintf(last, 65, "%s", item->key);
}

static int show(struct cache *o, const char *word)
{
	char last[65] = "";

	if (!word && hypermin_cache_list(o->vm, on_find_last, last, NULL) < 0)
		return -1;
	if (!word && !*last)
		return options_complain("there is no appliance in the cache"), EXIT_OURS;
	char *text = hypermin_cache_manifest(o->vm, word ? word : last);
	if (!text)
		return -1;
	if (o->json)
		puts(text);
	else
		cache_print_manifest(text);
	free(text);
	return 0;
}

/* ---- verify ---- */

static void on_verify(
	const struct hypermin_cache_item *item, const char *text, void *data)
{
	struct cache *o = data;

	if (o->json) {
		keep_json(o, item, text);
		return;
	}
	if (!text && !o->all)
		return;
	printf("%-8s %s %.*s%s", text ? "DAMAGED" : "ok", item->kind, key_length(item),
		item->key, text ? ": " : "");
	cache_print_safe(text ? text : "");
	printf("%s\n", item->removed ? " (removed)" : "");
}

static int verify(struct cache *o, const char *word)
{
	(void)word;
	int damaged = hypermin_cache_verify(o->vm, o->repair, on_verify, o);
	if (damaged < 0)
		return -1;
	if (damaged && o->fixed)
		options_complain("%s", hypermin_error(o->vm));
	else if (o->json)
		print_json(o, json_pack("{s:i}", "damaged", damaged));
	else if (damaged)
		printf("%d damaged%s\n", damaged,
			o->repair ? "" : "; hypermin cache verify --repair removes them");
	return damaged ? 1 : 0;
}

/* ---- gc, clear ---- */

static void on_collect(
	const struct hypermin_cache_item *item, const char *text, void *data)
{
	struct cache *o = data;

	if (o->json) {
		keep_json(o, item, text);
		return;
	}
	printf("%s %s %.*s", item->removed ? "removed" : "not removed", item->kind,
		key_length(item), item->key);
	printf(": %s\n", text);
}

static int gc(struct cache *o, const char *word)
{
	uint64_t before, after;
	char freed[32], left[32];

	(void)word;
	if (hypermin_cache_list(o->vm, NULL, NULL, &before) < 0 ||
		hypermin_cache_collect(o->vm, &o->limits, on_collect, o) < 0 ||
		hypermin_cache_list(o->vm, NULL, NULL, &after) < 0)
		return -1;
	uint64_t gain = before > after ? before - after : 0;
	if (o->json)
		return print_json(o,
			json_pack("{s:I, s:I}", "freed", (json_int_t)gain, "bytes",
				(json_int_t)after));
	format_size(gain, freed, sizeof(freed));
	format_size(after, left, sizeof(left));
	printf("%s freed, %s left\n", freed, left);
	return 0;
}

static int clear(struct cache *o, const char *word)
{
	o->limits.everything = true;
	return gc(o, word);
}

/* ---- remove ---- */

static int remove_state(struct cache *o, const char *word)
{
	if (!word)
		return options_complain("name the saved state to remove"), EXIT_OURS;
	return hypermin_remove_state(o->vm, word);
}

/* ---- check ---- */

static int check(struct cache *o, const char *word)
{
	(void)word;
	int prepared = hypermin_is_prepared(o->vm);
	return prepared < 0 ? -1 : prepared ? 0 : 1;
}

/* ---- All of them ---- */

/* They return an exit status, or -1 with hypermin_error(). */
static const struct action {
	const char *name;
	int (*run)(struct cache *o, const char *word);
	bool takes_word;
} actions[] = {
	{"list", list, false},
	{"show", show, true},
	{"verify", verify, false},
	{"gc", gc, false},
	{"clear", clear, false},
	{"remove", remove_state, true},
	{"check", check, false},
};

static int act(struct cache *o, const char *const *words)
{
	struct options_guess guess = {.word = words[0] ? words[0] : ""};

	for (size_t i = 0; words[0] && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, words[0]) != 0) {
			options_guess_offer(&guess, actions[i].name);
			continue;
		}
		const char *extra =
			words[1] && actions[i].takes_word ? words[2] : words[1];
		if (extra)
			return options_complain("unexpected word '%s'", extra);
		int status = actions[i].run(o, words[1]);
		if (status < 0)
			options_complain("%s", hypermin_error(o->vm));
		return status;
	}
	if (guess.best)
		return options_complain("there is no action '%s'; did you mean '%s'?",
			words[0], guess.best);
	return options_complain(
		"it needs an action: list, show, verify, gc, clear, "
		"remove or check; hypermin cache --help says what they do");
}

int command_cache(int argc, char **argv)
{
	struct cache o = {.vm = hypermin_new(), .items = json_array()};
	int status = EXIT_OURS;

	int first = options_parse(&options, argc, argv, &o);
	if (first == OPTIONS_HELPED)
		status = 0;
	else if (first > 0)
		status = act(&o, (const char *const *)argv + first);
	json_decref(o.items);
	hypermin_free(o.vm);
	return status < 0 ? EXIT_OURS : status;
}
