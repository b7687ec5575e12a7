/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which packages satisfy a dependency of rpm's. A simple one is a name, maybe with a version,
 * or a path; a rich one is an expression of others:
 *
 *	(a or b)  (a and b)  (a with b)  (a without b)  (a if b else c)  (a unless b else c)
 *
 * "with" and "without" ask for one package that satisfies both, or the first but not the
 * second; "if" and "unless" ask what is installed on the host.
 */
#include <string.h>

#include "base/log.h"
#include "packages/rpm-db.h"

/* Real expressions are much shorter, and hardly nested. */
#define RICH_MAX       4096
#define RICH_DEPTH_MAX 20

struct search {
	struct rpm_db *db;
	const struct package *depender;
	/* Of nested expressions. */
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
		const struct package *pkg = rpm_db_package(db, h);
		if (pkg &&
			(index == RPMDBI_INSTFILENAMES ||
				rpm.rpmdsAnyMatchesDep(h, dependency, 1)))
			add_once(ret, pkg);
	}
	rpm.rpmdbFreeIterator(matches);
}

/* Each dependency is looked up once: most packages need the C library. */
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

/* ---- Expressions ---- */

/* An expression, parsed. */
struct rich {
	struct search *search;
	/* right is NULL with RPMRICHOP_SINGLE. */
	rpmds left, right;
	rpmrichOp op;
};

static void rich_done(struct rich *r)
{
	rpm.rpmdsFree(r->left);
	rpm.rpmdsFree(r->right);
	if (r->search)
		r->search->depth--;
}

#define CLEANUP_RICH CLEANUP(rich_done)

static bool parse(struct search *s, rpmds dependency, struct rich *ret)
{
	char *why = NULL;

	if (s->depth >= RICH_DEPTH_MAX || strlen(rpm.rpmdsN(dependency)) > RICH_MAX)
		return false;
	s->depth++;
	ret->search = s;
	rpmRC result = rpm.rpmdsParseRichDep(
		dependency, &ret->left, &ret->right, &ret->op, &why);
	if (result != RPMRC_OK)
		log_debug("rpm: '%s': %s", rpm.rpmdsN(dependency), why ? why : "");
	free(why);
	/* Each stands before its only element. */
	if (ret->left)
		rpm.rpmdsSetIx(ret->left, 0);
	if (ret->right)
		rpm.rpmdsSetIx(ret->right, 0);
	return result == RPMRC_OK;
}

static void find_candidates(struct search *s, rpmds dependency, struct package_set *ret);

static void find_rich_candidates(
	struct search *s, const struct rich *rich, struct package_set *ret)
{
	CLEANUP(package_set_done) struct package_set left = {0};
	CLEANUP(package_set_done) struct package_set right = {0};

	switch (rich->op) {
	case RPMRICHOP_WITH:
	case RPMRICHOP_WITHOUT:
		find_candidates(s, rich->left, &left);
		find_candidates(s, rich->right, &right);
		vector_foreach (pkg, &left)
			if (contains(&right, *pkg) == (rich->op == RPMRICHOP_WITH))
				add_once(ret, *pkg);
		break;
	case RPMRICHOP_SINGLE:
	case RPMRICHOP_OR:
		find_candidates(s, rich->left, ret);
		if (rich->right)
			find_candidates(s, rich->right, ret);
		break;
	default:
		break;
	}
}

static void find_candidates(struct search *s, rpmds dependency, struct package_set *ret)
{
	if (rpm.rpmdsIsRich(dependency)) {
		CLEANUP_RICH struct rich rich = {0};
		if (parse(s, dependency, &rich))
			find_rich_candidates(s, &rich, ret);
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
	const char *arch = s->depender && strcmp(s->depender->arch, "noarch") != 0
		? s->depender->arch
		: s->db->names.native_arch;

	return 4 * (pkg == s->depender) + 2 * (strcmp(pkg->arch, arch) == 0) +
		(strcmp(pkg->name, rpm.rpmdsN(dependency)) == 0);
}

static bool take_best(struct search *s, rpmds dependency,
	const struct package_set *candidates, struct package_set *ret)
{
	const struct package *best = NULL;

	vector_foreach (pkg, candidates)
		if (!best ||
			suitability(s, dependency, *pkg) >
				suitability(s, dependency, best))
			best = *pkg;
	if (best)
		vector_push(ret, best);
	return best != NULL;
}

static bool satisfy(struct search *s, rpmds dependency, struct package_set *ret);

/* "a if b else c": `rich` has a and "b else c", or a and b. */
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
	CLEANUP(package_set_done) struct package_set candidates = {0};
	CLEANUP_RICH struct rich rich = {0};
	size_t before = ret->len;

	if (!parse(s, dependency, &rich))
		return false;
	switch (rich.op) {
	case RPMRICHOP_SINGLE:
		return satisfy(s, rich.left, ret);
	case RPMRICHOP_AND:
		if (satisfy(s, rich.left, ret) && satisfy(s, rich.right, ret))
			return true;
		/* Nothing is taken for a half. */
		ret->len = before;
		return false;
	case RPMRICHOP_OR:
		return satisfy(s, rich.left, ret) || satisfy(s, rich.right, ret);
	case RPMRICHOP_IF:
	case RPMRICHOP_UNLESS:
		return satisfy_conditional(s, &rich, ret);
	case RPMRICHOP_WITH:
	case RPMRICHOP_WITHOUT:
		find_rich_candidates(s, &rich, &candidates);
		return take_best(s, dependency, &candidates, ret);
	default: /* "else" is only behind "if" and "unless" */
		break;
	}
	return false;
}

static bool satisfy(struct search *s, rpmds dependency, struct package_set *ret)
{
	return rpm.rpmdsIsRich(dependency)
		? satisfy_rich(s, dependency, ret)
		: take_best(s, dependency, simple_candidates(s->db, dependency), ret);
}

bool rpm_satisfy(struct rpm_db *db, const struct package *depender, rpmds dependency,
	struct package_set *ret)
{
	struct search s = {db, depender, 0};

	return satisfy(&s, dependency, ret);
}
