/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The boot chart: a row for each span, in the order of their beginnings, so that the
 * whole reads from the upper left to the lower right. Lanes differ by brightness and
 * hatching, for paper and for eyes that see no colours. Plain SVG without scripts or
 * fonts of its own.
 */
#include <inttypes.h>
#include <string.h>

#include "vm/timeline.h"

#define WIDTH	   1000
#define LEFT	   20
#define RIGHT	   20
#define TOP	   88
#define ROW	   20
#define BAR	   14
#define CHAR_WIDTH 6.6 /* of a label, at most, on average */
#define GRID_LINES 10

/* Brightness falls from lane to lane; those that lie side by side differ by hatching
 * too. */
static const struct {
	const char *fill, *hatch; /* the hatching's path, or NULL */
} looks[LANE_COUNT] = {
	[LANE_HOST] = {"#d9d9d9", NULL},
	[LANE_MACHINE] = {"#f0d9a8", "M0 8 L8 0"},
	[LANE_KERNEL] = {"#7fa8d1", NULL},
	[LANE_INIT] = {"#4d8c57", NULL},
	[LANE_MODULE] = {"#b9dcc0", "M0 4 L8 4"},
	[LANE_COMMAND] = {"#333333", NULL},
};

struct chart {
	const struct timeline *t;
	struct strbuf *out;
	struct timeline_span *rows; /* sorted */
	size_t n;
	int64_t end;
};

static void add_escaped(struct strbuf *out, const char *text)
{
	for (const char *p = text; *p; p++)
		switch (*p) {
		case '<':
			strbuf_adds(out, "&lt;");
			break;
		case '>':
			strbuf_adds(out, "&gt;");
			break;
		case '&':
			strbuf_adds(out, "&amp;");
			break;
		default:
			strbuf_addc(out, *p);
		}
}

static double x_of(const struct chart *c, int64_t at)
{
	return LEFT + (double)at * (WIDTH - LEFT - RIGHT) / c->end;
}

static void add_text(
	struct chart *c, double x, double y, const char *attributes, const char *text)
{
	strbuf_addf(c->out, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, attributes);
	add_escaped(c->out, text);
	strbuf_adds(c->out, "</text>\n");
}

/* ---- Head ---- */

static void add_patterns(struct chart *c)
{
	strbuf_adds(c->out, "<defs>\n");
	for (int i = 0; i < LANE_COUNT; i++) {
		strbuf_addf(c->out,
			"<pattern id=\"%s\" width=\"8\" height=\"8\" "
			"patternUnits=\"userSpaceOnUse\"><rect width=\"8\" height=\"8\" "
			"fill=\"%s\"/>",
			timeline_lane_name(i), looks[i].fill);
		if (looks[i].hatch)
			strbuf_addf(c->out, "<path d=\"%s\" stroke=\"#555\"/>",
				looks[i].hatch);
		strbuf_adds(c->out, "</pattern>\n");
	}
	strbuf_adds(c->out, "</defs>\n");
}

static void add_bar(struct chart *c, enum timeline_lane lane, double x, double y,
	double width, const char *title)
{
	strbuf_addf(c->out,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
		"fill=\"url(#%s)\" stroke=\"#222\" stroke-width=\"0.6\"><title>",
		x, y, width, BAR, timeline_lane_name(lane));
	add_escaped(c->out, title);
	strbuf_adds(c->out, "</title></rect>\n");
}

static void add_legend(struct chart *c)
{
	static const char *const names[LANE_COUNT] = {"hypermin", "qemu and firmware",
		"kernel", "init", "a module", "the command"};
	double x = LEFT;

	for (int i = 0; i < LANE_COUNT; i++) {
		add_bar(c, i, x, 50, 22, names[i]);
		add_text(c, x + 28, 61, "", names[i]);
		x += 28 + strlen(names[i]) * CHAR_WIDTH + 24;
	}
}

static void add_figure(struct strbuf *sb, const char *what, int64_t kib)
{
	if (kib >= 0)
		strbuf_addf(sb, "%s%s %.1f MiB", sb->len ? "; " : "", what, kib / 1024.0);
}

static void add_head(struct chart *c)
{
	CLEANUP_STRBUF struct strbuf title = {0}, figures = {0};
	const struct timeline *t = c->t;

	strbuf_adds(&title, "hypermin");
	if (t->machine)
		strbuf_addf(&title, ": %s", t->machine);
	if (t->command_start)
		strbuf_addf(&title, "; %.0f ms to the command's start",
			t->command_start / 1000.0);
	add_text(c, LEFT, 22, " font-size=\"15\" font-weight=\"bold\"", title.data);
	add_figure(&figures, "read from the root disk before the command",
		t->root_bytes < 0 ? -1 : (t->root_bytes + 1023) / 1024);
	add_figure(&figures, "qemu's memory: proportional share then", t->pss_kib);
	add_figure(&figures, "peak", t->peak_kib);
	if (figures.len)
		add_text(c, LEFT, 41, "", figures.data);
	add_legend(c);
}

/* ---- Rows ---- */

/* 1, 2 or 5 times a power of ten, so that there are at most GRID_LINES lines. */
static int64_t grid_step(int64_t end)
{
	int64_t step = 1;

	for (;;) {
		if (end / step <= GRID_LINES)
			return step;
		if (end / (2 * step) <= GRID_LINES)
			return 2 * step;
		if (end / (5 * step) <= GRID_LINES)
			return 5 * step;
		step *= 10;
	}
}

static void add_grid(struct chart *c, double bottom)
{
	int64_t step = grid_step(c->end);

	for (int64_t at = 0; at <= c->end; at += step) {
		CLEANUP_FREE char *label = xasprintf("%g ms", at / 1000.0);
		strbuf_addf(c->out,
			"<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%.1f\" "
			"stroke=\"#bbb\" stroke-width=\"0.6\"/>\n",
			x_of(c, at), TOP - 4, x_of(c, at), bottom);
		add_text(c, x_of(c, at), TOP - 8,
			x_of(c, at) > WIDTH - 60 ? " text-anchor=\"end\"" : "", label);
	}
}

/* The label is behind its bar, or before it where there is no room. */
static void add_row(struct chart *c, size_t i)
{
	const struct timeline_span *span = &c->rows[i];
	double x = x_of(c, span->begin), end = x_of(c, span->end), y = TOP + i * ROW;
	CLEANUP_FREE char *label =
		xasprintf("%s  %.1f ms", span->name, (span->end - span->begin) / 1000.0);

	add_bar(c, span->lane, x, y, MAX(end - x, 1.0), label);
	if (end + 6 + strlen(label) * CHAR_WIDTH < WIDTH)
		add_text(c, end + 6, y + 11, "", label);
	else
		add_text(c, x - 6, y + 11, " text-anchor=\"end\"", label);
}

/* By their beginnings; of those that begin together, as they came. There are few. */
static void sort_rows(struct chart *c)
{
	for (size_t i = 1; i < c->n; i++) {
		struct timeline_span span = c->rows[i];
		size_t at = i;
		for (; at > 0 && c->rows[at - 1].begin > span.begin; at--)
			c->rows[at] = c->rows[at - 1];
		c->rows[at] = span;
	}
}

void timeline_write_svg(const struct timeline *t, struct strbuf *ret)
{
	struct chart c = {.t = t, .out = ret, .n = t->spans.len, .end = 1000};
	double bottom = TOP + c.n * ROW;

	c.rows = xcalloc(c.n + 1, sizeof(c.rows[0]));
	for (size_t i = 0; i < c.n; i++) {
		c.rows[i] = t->spans.items[i];
		c.end = MAX(c.end, c.rows[i].end);
	}
	sort_rows(&c);
	strbuf_addf(ret,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		WIDTH, bottom + 12);
	add_patterns(&c);
	add_head(&c);
	add_grid(&c, bottom);
	for (size_t i = 0; i < c.n; i++)
		add_row(&c, i);
	strbuf_adds(ret, "</svg>\n");
	free(c.rows);
}
