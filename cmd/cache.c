/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hypermin cache: what is kept, whether it is whole, and making room. A table of
 * actions. */
#include <ctype.h>
#include <errno.h>
#include <hypermin.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache-manifest.h"
#include "commands.h"
#include "options.h"

static const char usage[] =
	"Usage: hypermin cache ACTION [OPTION…]\n"
	"\n"
	"Look after what is kept so that it is built never twice. Actions:\n"
	"  list          what there is, what it is for, its size on disk and last use\n"
	"  show [KEY]    what one of it was made of; by default the appliance used last\n"
	"  verify        read all of it and compare it to what was written\n"
	"  gc            remove what was not used for long or is too much, and all remains\n"
	"  clear         remove everything that is not in use\n"
	"  check         is an appliance there and current? Status 0: yes, 1: no";

struct cache_options {
	struct hypermin *vm;
	struct hypermin_cache_limits limits;
	const char *kernel, *modules_dir;
	bool json, all, repair, fixed;
	json_t *items;
};

/* ---- Options ---- */

static int refused(const struct cache_options *o)
{
	return options_complain("%s", hypermin_error(o->vm));
}

static int take_cache_dir(void *target, const char *value)
{
	struct cache_options *o = target;
	return hypermin_set_cache_dir(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_json(void *target, const char *value)
{
	struct cache_options *o = target;
	(void)value;
	o->json = true;
	return 0;
}

static int take_all(void *target, const char *value)
{
	struct cache_options *o = target;
	(void)value;
	o->all = true;
	return 0;
}

static int take_repair(void *target, const char *value)
{
	struct cache_options *o = target;
	(void)value;
	o->repair = true;
	return 0;
}

static int take_force(void *target, const char *value)
{
	struct cache_options *o = target;
	(void)value;
	o->limits.force = true;
	return 0;
}

static int take_max_size(void *target, const char *value)
{
	struct cache_options *o = target;
	return options_size("max-size", value, &o->limits.max_bytes);
}

/* N with s, m, h, d or w. */
static int take_max_age(void *target, const char *value)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	struct cache_options *o = target;
	char *end;

	errno = 0;
	unsigned long n = strtoul(value, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!errno && isdigit((unsigned char)*value) && n > 0 && n < 1000000 &&
			*end == units[i].unit && !end[1]) {
			o->limits.max_age = (int64_t)n * units[i].seconds;
			return 0;
		}
	return options_complain(
		"--max-age takes a number with s, m, h, d or w, not '%s'", value);
}

static int take_package(void *target, const char *value)
{
	struct cache_options *o = target;
	return hypermin_add_package(o->vm, value) < 0 ? refused(o) : 0;
}

static int take_kernel(void *target, const char *value)
{
	struct cache_options *o = target;
	o->kernel = value;
	return 0;
}

static int take_modules(void *target, const char *value)
{
	struct cache_options *o = target;
	o->modules_dir = value;
	return 0;
}

static int take_appliance(void *target, const char *value)
{
	struct cache_options *o = target;
	o->fixed = true;
	return hypermin_set_appliance(o->vm, value) < 0 ? refused(o) : 0;
}

static const struct option_row table[] = {
	{"json", 0, NULL, "say it in JSON", take_json},
	{"all", 'a', NULL, "list: parts, requests and remains, too", take_all},
	{"max-age", 0, "N[smhdw]",
		"gc: remove what was not used for so long; default 30d", take_max_age},
	{"max-size", 0, "N[bKMGT]", "gc: leave no more than this; default 8G",
		take_max_size},
	{"force", 0, NULL, "gc, clear: even where it can't be told what is in use",
		take_force},
	{"repair", 0, NULL, "verify: remove what is damaged", take_repair},
	{"appliance", 0, "DIR", "verify: this one, which `hypermin build` wrote",
		take_appliance},
	{"package", 'p', "NAME", "check: the appliance with this package", take_package},
	{"kernel", 0, "FILE", "check: with this kernel", take_kernel},
	{"modules", 0, "DIR", "check: and its modules", take_modules},
	{"cache-dir", 0, "DIR", "default $XDG_CACHE_HOME/hypermin", take_cache_dir},
	{0},
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
	return strcmp(kind, "appliance") == 0 || strcmp(kind, "snapshot") == 0;
}

static void keep_json(
	struct cache_options *o, const struct hypermin_cache_item *item, const char *text)
{
	json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b}", "kind",
		item->kind, "key", item->key, "for", item->description, "bytes",
		(json_int_t)item->bytes, "last_use", (json_int_t)item->last_use, "in_use",
		item->in_use, "removed", item->removed);

	if (json && text)
		json_object_set_new(json, "text", json_string(text));
	if (json)
		json_array_append_new(o->items, json);
}

static int print_json(struct cache_options *o, json_t *top)
{
	json_object_set_new(
		top, "directory", json_string(hypermin_cache_directory(o->vm)));
	json_object_set(top, "items", o->items);
	json_dumpf(top, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(top);
	return 0;
}

/* ---- list ---- */

static void on_list(const struct hypermin_cache_item *item, const char *text, void *data)
{
	struct cache_options *o = data;
	char size[32], when[32];

	if (o->json) {
		keep_json(o, item, text);
		return;
	}
	if (!o->all && !is_main_kind(item->kind))
		return;
	format_size(item->bytes, size, sizeof(size));
	format_time(item->last_use, when, sizeof(when));
	printf("%-12.12s  %-9s  %8s  %s  ", item->key, item->kind, size, when);
	cache_print_safe(item->description);
	printf("%s\n", item->in_use ? " (in use)" : "");
}

static int list(struct cache_options *o, const char *word)
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

static int show(struct cache_options *o, const char *word)
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
	struct cache_options *o = data;

	if (o->json) {
		keep_json(o, item, text);
		return;
	}
	if (!text && !o->all)
		return;
	printf("%-8s %s %.12s%s", text ? "DAMAGED" : "ok", item->kind, item->key,
		text ? ": " : "");
	cache_print_safe(text ? text : "");
	printf("%s\n", item->removed ? " (removed)" : "");
}

static int verify(struct cache_options *o, const char *word)
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
	struct cache_options *o = data;

	if (o->json) {
		keep_json(o, item, text);
		return;
	}
	printf("%s %s %.12s", item->removed ? "removed" : "not removed", item->kind,
		item->key);
	printf(": %s\n", text);
}

static int gc(struct cache_options *o, const char *word)
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

static int clear(struct cache_options *o, const char *word)
{
	o->limits.everything = true;
	return gc(o, word);
}

/* ---- check ---- */

static int check(struct cache_options *o, const char *word)
{
	(void)word;
	if (o->modules_dir && !o->kernel)
		return options_complain("--modules goes with --kernel"), EXIT_OURS;
	if (o->kernel && hypermin_set_kernel(o->vm, o->kernel, o->modules_dir) < 0)
		return -1;
	int prepared = hypermin_is_prepared(o->vm);
	return prepared < 0 ? -1 : prepared ? 0 : 1;
}

/* ---- All of them ---- */

/* They return an exit status, or -1 with hypermin_error(). */
static const struct action {
	const char *name;
	int (*run)(struct cache_options *o, const char *word);
	bool takes_word;
} actions[] = {
	{"list", list, false},
	{"show", show, true},
	{"verify", verify, false},
	{"gc", gc, false},
	{"clear", clear, false},
	{"check", check, false},
};

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static int act(
	struct cache_options *o, const struct action *action, int argc, char **argv)
{
	if (!action)
		return options_complain(
			       "it needs an action: list, show, verify, gc, clear "
			       "or check; see hypermin cache --help"),
		       EXIT_OURS;
	const char *word = NULL;
	/* Options may stand before the word as well as behind it. */
	for (int first;
		(first = options_parse("cache", usage, table, argc, argv, o)) < argc;
		argc -= first, argv += first) {
		if (first <= 0)
			return first < 0 ? EXIT_OURS : 0;
		if (word || !action->takes_word)
			return options_complain("unexpected word '%s'", argv[first]),
			       EXIT_OURS;
		word = argv[first];
	}
	int status = action->run(o, word);
	return status < 0 ? refused(o), EXIT_OURS : status;
}

int command_cache(int argc, char **argv)
{
	struct cache_options o = {.vm = hypermin_new(), .items = json_array()};
	int status;

	/* An option in the action's place: --help, or a mistake. */
	if (argc > 1 && argv[1][0] == '-')
		status = options_parse("cache", usage, table, argc, argv, &o) == 0
			? 0
			: act(&o, NULL, 0, NULL);
	else
		status = act(&o, find_action(argv[1]), argc - 1, argv + 1);
	json_decref(o.items);
	hypermin_free(o.vm);
	return status;
}
