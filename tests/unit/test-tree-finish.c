/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The finished tree: order, numbers, link counts, identity, and what size costs. */
#include "base/monotonic.h"
#include "test-tree.h"

static void order_does_not_depend_on_input(void **state)
{
	CLEANUP_TREE struct tree *a = tree_new(NULL);
	CLEANUP_TREE struct tree *b = tree_new(NULL);
	uint8_t ia[32], ib[32];

	(void)state;
	add_text(a, "d/x", "1");
	add_text(a, "c", "2");
	add_text(a, "e/y", "3");
	add_text(b, "e/y", "3");
	add_text(b, "c", "2");
	add_text(b, "d/x", "1");
	tree_finish(a);
	tree_finish(b);
	assert_int_equal(tree_inode_count(a), 6);
	for (uint32_t i = 0; i < 6; i++) {
		CLEANUP_FREE char *pa = tree_inode_path(a, tree_inode_at(a, i));
		CLEANUP_FREE char *pb = tree_inode_path(b, tree_inode_at(b, i));
		assert_string_equal(pa, pb);
		assert_int_equal(tree_inode_at(a, i)->index, i);
	}
	tree_identity(a, ia);
	tree_identity(b, ib);
	assert_memory_equal(ia, ib, 32);
}

static void walk_goes_down_before_it_goes_on(void **state)
{
	static const char *const expected[] = {"/", "/a", "/a/z", "/a!", "/b"};
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "b", "");
	add_text(t, "a!", "");
	add_text(t, "a/z", "");
	tree_finish(t);
	for (uint32_t i = 0; i < ARRAY_SIZE(expected); i++) {
		CLEANUP_FREE char *path = tree_inode_path(t, tree_inode_at(t, i));
		assert_string_equal(path, expected[i]);
	}
	assert_int_equal(tree_root(t)->nlink, 3);
	assert_int_equal(tree_lookup(t, "a")->nlink, 2);
}

static void names_are_sorted_as_bytes(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	add_text(t, "\xff", "");
	add_text(t, "b", "");
	add_text(t, "a", "");
	add_text(t, "B", "");
	assert_tree(t, "/B =\n/a =\n/b =\n/\xff =\n");
}

static void identity(struct tree *t, uint8_t ret[32])
{
	tree_finish(t);
	tree_identity(t, ret);
}

static void identity_changes_with_everything(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	uint8_t before[32], after[32];

	(void)state;
	add_text(t, "f", "1");
	add_symlink(t, "l", "f");
	identity(t, before);
	identity(t, after);
	assert_memory_equal(before, after, 32);

	struct tree_inode *f = tree_lookup(t, "f"), *l = tree_lookup(t, "l");
	const struct tree_xattr x = {.name = "user.a", .value = "b", .len = 1};
#define CHANGES(statement)                                  \
	do {                                                \
		statement;                                  \
		identity(t, after);                         \
		assert_memory_not_equal(before, after, 32); \
		memcpy(before, after, 32);                  \
	} while (0)
	CHANGES(f->mode |= 04000);
	CHANGES(f->uid = 1);
	CHANGES(f->gid = 1);
	CHANGES(f->mtime.sec = 1);
	CHANGES(f->mtime.nsec = 1);
	CHANGES(f->source = "2");
	CHANGES(l->target = "g");
	CHANGES((f->xattrs = &x, f->n_xattrs = 1));
	CHANGES(add_text(t, "g", "1"));
	CHANGES(tree_remove(t, "g"));
}

static void a_name_among_100000_costs_as_much_as_among_ten(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	char name[32];

	(void)state;
	int64_t start = monotonic_ms();
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "d/file-%06d", (i * 7919) % 100000);
		add_text(t, name, "");
	}
	for (int i = 0; i < 100000; i += 3) {
		snprintf(name, sizeof(name), "d/file-%06d", i);
		assert_non_null(tree_lookup(t, name));
	}
	tree_finish(t);
	assert_non_null(tree_lookup(t, "d/file-000007"));
	assert_null(tree_lookup(t, "d/file-00000"));
	assert_int_equal(tree_inode_count(t), 100002);
	/* Searching one by one takes minutes; this takes a tenth of a second. */
	assert_in_range(monotonic_ms() - start, 0, 10000);
}

static void depth_is_not_limited_by_the_stack(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	CLEANUP_STRBUF struct strbuf path = {0};

	(void)state;
	for (int i = 0; i < 200000; i++)
		strbuf_adds(&path, "d/");
	strbuf_adds(&path, "end");
	add_text(t, path.data, "");
	tree_finish(t);
	assert_int_equal(tree_inode_count(t), 200002);
	CLEANUP_FREE char *last = tree_inode_path(t, tree_inode_at(t, 200001));
	assert_int_equal(strlen(last), path.len + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_does_not_depend_on_input),
		cmocka_unit_test(walk_goes_down_before_it_goes_on),
		cmocka_unit_test(names_are_sorted_as_bytes),
		cmocka_unit_test(identity_changes_with_everything),
		cmocka_unit_test(a_name_among_100000_costs_as_much_as_among_ten),
		cmocka_unit_test(depth_is_not_limited_by_the_stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
