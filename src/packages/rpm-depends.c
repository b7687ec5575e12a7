/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which packages satisfy a dependency of rpm's. A simple one is a name with a version or
 * without, or a path; a rich one is an expression of others:
 *
 *	(a or b)  (a and b)  (a with b)  (a without b)  (a if b else c)  (a unless b else c)
 *
 * "with" and "without" speak of one package that satisfies both, or the first and not the
 * second; "if" and "unless" of what is installed on the host.
 */
#include <string.h>

#include "base/log.h"
#include "packages/rpm-db.h"

/* Expressions of anyone sane are a line. */
#define RICH_MAX       4096
#define RICH_DEPTH_MAX 20

struct search {
	struct rpm_db *db;
	const struct rpm_package *depender;
	unsigned depth;
};

/* ---- All that satisfy a dependency ---- */

static bool contains(const struct package_set *set, const struct package *pkg)
{
	vector_foreach (item, set)
		if (*item == pkg)
			return true;
	return false;
}

static void add_once(struct package_set *set, const struct package *pkg)
{
	if (!contains(set, pkg))
		vector_push(set, pkg);
}

static void look_up(
	struct rpm_db *db, rpmDbiTagVal index, rpmds dependency, struct package_set *ret)
{
	rpmdbMatchIterator matches =
		rpm.rpmtsInitIterator(db->ts, index, rpm.rpmdsN(dependency), 0);
	Header h;

	while ((h = rpm.rpmdbNextIterator(matches))) {
		const struct rpm_package *pkg = rpm_db_package(db, h);
		if (pkg &&
			(index == RPMDBI_INSTFILENAMES ||
				rpm.rpmdsAnyMatchesDep(h, dependency, 1)))
			add_once(ret, &pkg->package);
	}
	rpm.rpmdbFreeIterator(matches);
}

/* Looked up once: a C library is asked for by all others. */
static const struct package_set *simple_candidates(struct rpm_db *db, rpmds dependency)
{
	static const struct package_set none;
	const char *text = rpm.rpmdsDNEVR(dependency);
	struct package_set *set = text ? strmap_get(&db->satisfied, text) : NULL;

	if (!text || set)
		return text ? set : &none;
	set = arena_alloc(&db->arena, sizeof(*set));
	if (rpm.rpmdsN(dependency)[0] == '/')
		look_up(db, RPMDBI_INSTFILENAMES, dependency, set);
	look_up(db, RPMDBI_PROVIDENAME, dependency, set);
	strmap_put(&db->satisfied, arena_strdup(&db->arena, text), set);
	return set;
}

void rpm_satisfied_done(struct rpm_db *db)
{
	strmap_foreach (slot, &db->satisfied)
		package_set_done(slot->value);
	strmap_done(&db->satisfied);
}

/* ---- Expressions ---- */

struct rich {
	rpmds left, right; /* right is NULL with RPMRICHOP_SINGLE */
	rpmrichOp op;
};

static void rich_done(struct rich *r)
{
	rpm.rpmdsFree(r->left);
	rpm.rpmdsFree(r->right);
}

#define CLEANUP_RICH CLEANUP(rich_done)

static bool parse(struct search *s, rpmds dependency, struct rich *ret)
{
	char *why = NULL;

	if (s->depth >= RICH_DEPTH_MAX || strlen(rpm.rpmdsN(dependency)) > RICH_MAX)
		return false;
	rpmRC result = rpm.rpmdsParseRichDep(
		dependency, &ret->left, &ret->right, &ret->op, &why);
	if (result != RPMRC_OK)
		log_debug("rpm: '%s': %s", rpm.rpmdsN(dependency), why ? why : "");
	free(why);
	/* They stand before their one element. */
	if (ret->left)
		rpm.rpmdsSetIx(ret->left, 0);
	if (ret->right)
		rpm.rpmdsSetIx(ret->right, 0);
	return result == RPMRC_OK;
}

static void find_candidates(struct search *s, rpmds dependency, struct package_set *ret);

/* Those of the first that are, or are not, among the second. */
static void filter_candidates(
	struct search *s, const struct rich *rich, bool wanted, struct package_set *ret)
{
	CLEANUP(package_set_done) struct package_set left = {0}, right = {0};

	find_candidates(s, rich->left, &left);
	find_candidates(s, rich->right, &right);
	vector_foreach (pkg, &left)
		if (contains(&right, *pkg) == wanted)
			add_once(ret, *pkg);
}

static void find_rich_candidates(
	struct search *s, rpmds dependency, struct package_set *ret)
{
	CLEANUP_RICH struct rich rich = {0};

	if (!parse(s, dependency, &rich))
		return;
	s->depth++;
	if (rich.op == RPMRICHOP_WITH || rich.op == RPMRICHOP_WITHOUT) {
		filter_candidates(s, &rich, rich.op == RPMRICHOP_WITH, ret);
	} else if (rich.op == RPMRICHOP_SINGLE || rich.op == RPMRICHOP_OR) {
		find_candidates(s, rich.left, ret);
		if (rich.right)
			find_candidates(s, rich.right, ret);
	}
	s->depth--;
}

static void find_candidates(struct search *s, rpmds dependency, struct package_set *ret)
{
	if (rpm.rpmdsIsRich(dependency)) {
		find_rich_candidates(s, dependency, ret);
		return;
	}
	const struct package_set *set = simple_candidates(s->db, dependency);
	vector_foreach (pkg, set)
		add_once(ret, *pkg);
}

/* ---- The one that is taken ---- */

static int suitability(
	const struct search *s, rpmds dependency, const struct package *pkg)
{
	const struct package *depender = s->depender ? &s->depender->package : NULL;
	const char *arch = depender && strcmp(depender->arch, "noarch") != 0
		? depender->arch
		: s->db->native_arch;

	return 4 * (pkg == depender) + 2 * (strcmp(pkg->arch, arch) == 0) +
		(strcmp(pkg->name, rpm.rpmdsN(dependency)) == 0);
}

static bool take_best(struct search *s, rpmds dependency, struct package_set *ret)
{
	CLEANUP(package_set_done) struct package_set candidates = {0};
	const struct package *best = NULL;

	find_candidates(s, dependency, &candidates);
	vector_foreach (pkg, &candidates)
		if (!best ||
			suitability(s, dependency, *pkg) >
				suitability(s, dependency, best))
			best = *pkg;
	if (best)
		vector_push(ret, best);
	return best != NULL;
}

static bool satisfy(struct search *s, rpmds dependency, struct package_set *ret);

/* Nothing is taken of what is not satisfied as a whole. */
static bool satisfy_whole(
	struct search *s, const struct rich *rich, struct package_set *ret)
{
	size_t before = ret->len;

	if (satisfy(s, rich->left, ret) && satisfy(s, rich->right, ret))
		return true;
	ret->len = before;
	return false;
}

/* "a if b else c": `rich` holds a and "b else c", or a and b. */
static bool satisfy_conditional(
	struct search *s, const struct rich *rich, struct package_set *ret)
{
	CLEANUP(package_set_done) struct package_set unused = {0};
	CLEANUP_RICH struct rich other = {0};
	bool has_else = rpm.rpmdsIsRich(rich->right) && parse(s, rich->right, &other) &&
		other.op == RPMRICHOP_ELSE;
	bool holds = satisfy(s, has_else ? other.left : rich->right, &unused);

	if (holds == (rich->op == RPMRICHOP_IF))
		return satisfy(s, rich->left, ret);
	return has_else ? satisfy(s, other.right, ret) : true;
}

static bool satisfy_rich(struct search *s, rpmds dependency, struct package_set *ret)
{
	CLEANUP_RICH struct rich rich = {0};

	if (!parse(s, dependency, &rich))
		return false;
	switch (rich.op) {
	case RPMRICHOP_SINGLE:
		return satisfy(s, rich.left, ret);
	case RPMRICHOP_AND:
		return satisfy_whole(s, &rich, ret);
	case RPMRICHOP_OR:
		return satisfy(s, rich.left, ret) || satisfy(s, rich.right, ret);
	case RPMRICHOP_IF:
	case RPMRICHOP_UNLESS:
		return satisfy_conditional(s, &rich, ret);
	case RPMRICHOP_WITH:
	case RPMRICHOP_WITHOUT:
		return take_best(s, dependency, ret);
	case RPMRICHOP_ELSE: /* only behind "if" and "unless" */
		break;
	}
	return false;
}

static bool satisfy(struct search *s, rpmds dependency, struct package_set *ret)
{
	if (!rpm.rpmdsIsRich(dependency))
		return take_best(s, dependency, ret);
	s->depth++;
	bool satisfied = satisfy_rich(s, dependency, ret);
	s->depth--;
	return satisfied;
}

bool rpm_satisfy(struct rpm_db *db, const struct rpm_package *depender, rpmds dependency,
	struct package_set *ret)
{
	struct search s = {db, depender, 0};

	return satisfy(&s, dependency, ret);
}
