/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory that control groups allow, in roots as hosts and containers have them. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cgroup.h"
#include "base/mem.h"
#include "fixture-root.h"

#define MIB (UINT64_C(1) << 20)

static int setup(void **state)
{
	static struct fixture_root root;

	fixture_root_init(&root);
	*state = &root;
	return 0;
}

static int teardown(void **state)
{
	fixture_root_done(*state);
	return 0;
}

static uint64_t limit(const struct fixture_root *root)
{
	CLEANUP_CLOSE int fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return cgroup_memory_limit(fd);
}

static void without_groups_there_is_no_limit(void **state)
{
	assert_true(limit(*state) == UINT64_MAX);
}

static void the_least_of_the_groups_above_counts(void **state)
{
	struct fixture_root *root = *state;

	fixture_root_write(root, "proc/self/cgroup", "0::/a/b\n");
	fixture_root_write(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
	assert_true(limit(root) == UINT64_MAX);
	fixture_root_write(root, "sys/fs/cgroup/a/memory.max", "536870912\n");
	assert_true(limit(root) == 512 * MIB);
	fixture_root_write(root, "sys/fs/cgroup/a/b/memory.max", "268435456\n");
	assert_true(limit(root) == 256 * MIB);
}

/* Its own name space: the group is the root of what it sees. */
static void a_container_sees_its_own_group(void **state)
{
	struct fixture_root *root = *state;

	fixture_root_write(root, "proc/self/cgroup", "0::/\n");
	fixture_root_write(root, "sys/fs/cgroup/memory.max", "134217728\n");
	assert_true(limit(root) == 128 * MIB);
	/* The path of the host, which is not mounted here. */
	fixture_root_write(root, "proc/self/cgroup", "0::/docker/0123\n");
	assert_true(limit(root) == 128 * MIB);
}

static void version_1_has_a_hierarchy_for_memory(void **state)
{
	struct fixture_root *root = *state;

	fixture_root_write(root, "proc/self/cgroup",
		"3:cpu,cpuacct:/x\n2:hugetlb,memory:/x\n1:name=systemd:/y\n0::/z\n");
	fixture_root_write(
		root, "sys/fs/cgroup/cpu/x/memory.limit_in_bytes", "1048576\n");
	fixture_root_write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes",
		"9223372036854771712\n");
	assert_true(limit(root) > UINT64_C(1) << 60);
	fixture_root_write(
		root, "sys/fs/cgroup/memory/x/memory.limit_in_bytes", "67108864\n");
	assert_true(limit(root) == 64 * MIB);
}

static void what_is_no_group_and_no_number_is_passed_over(void **state)
{
	struct fixture_root *root = *state;

	fixture_root_write(
		root, "proc/self/cgroup", "\n:\n::\n0::\n0:memory\nmemory:/x\n0::/");
	fixture_root_write(root, "sys/fs/cgroup/memory.max", "much\n");
	assert_true(limit(root) == UINT64_MAX);
	fixture_root_write(root, "sys/fs/cgroup/memory.max", "");
	assert_true(limit(root) == UINT64_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_groups_there_is_no_limit),
		TEST(the_least_of_the_groups_above_counts),
		TEST(a_container_sees_its_own_group),
		TEST(version_1_has_a_hierarchy_for_memory),
		TEST(what_is_no_group_and_no_number_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
