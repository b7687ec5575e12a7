/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest renews when it resumes from a snapshot, in an /etc of the test's own. */
#include "guest/log.c"
#include "guest/resume.c"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mount.h>

#include <cmocka.h>

static uint64_t clock_ns;
static unsigned filled, linked;

void clock_set_realtime(uint64_t ns)
{
	clock_ns = ns;
}

int disk_slots_release(struct disk_slots *slots, unsigned reserved, struct error *err)
{
	(void)err;
	slots->len = reserved;
	return 0;
}

int disk_slots_fill(const struct disk_slots *slots, unsigned disks, struct error *err)
{
	(void)err;
	assert_int_equal(slots->len, 3);
	/* The nodes of disks have a time. */
	assert_int_equal(clock_ns, 1234);
	filled = disks;
	return 0;
}

void disk_links_renew(void)
{
	linked = filled;
}

static void write_machine_id(const char *text)
{
	FILE *f = fopen("/etc/machine-id", "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Resume once with this machine id before the snapshot, and return the one after it. */
static const char *resume_with_machine_id(const char *before)
{
	static char after[100];
	uint8_t seed[RESUME_SEED_SIZE];
	const struct resume_request r = {.realtime_ns = 1234, .disks = 2, .seed = seed};
	struct resume_state resume = RESUME_STATE_INIT;
	struct error err;

	unlink("/etc/machine-id");
	if (before)
		write_machine_id(before);
	clock_ns = filled = linked = 0;
	assert_int_equal(getrandom(seed, sizeof(seed), 0), sizeof(seed));
	assert_int_equal(resume_prepare(&resume, 3, &err), 0);
	if (resume_finish(&resume, &r, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(filled, 2);
	assert_int_equal(linked, 2);
	FILE *f = fopen("/etc/machine-id", "re");
	if (!f)
		return NULL;
	after[fread(after, 1, sizeof(after) - 1, f)] = '\0';
	fclose(f);
	return after;
}

static void each_machine_has_an_id_of_its_own(void **state)
{
	static const char shared[] = "0123456789abcdef0123456789abcdef\n";
	char first[100];

	(void)state;
	strcpy(first, resume_with_machine_id(shared));
	assert_int_equal(strlen(first), 33);
	assert_int_equal(strspn(first, "0123456789abcdef"), 32);
	assert_string_not_equal(first, shared);
	assert_string_not_equal(resume_with_machine_id(shared), first);
}

static void a_machine_without_an_id_stays_without(void **state)
{
	(void)state;
	assert_null(resume_with_machine_id(NULL));
	assert_string_equal(resume_with_machine_id(""), "");
	assert_string_equal(resume_with_machine_id("uninitialized\n"), "uninitialized\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_machine_has_an_id_of_its_own),
		cmocka_unit_test(a_machine_without_an_id_stays_without),
	};

	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", "/etc", "tmpfs", 0, NULL) < 0) {
		puts("1..0 # SKIP needs root, and a root directory that is a mount point");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
