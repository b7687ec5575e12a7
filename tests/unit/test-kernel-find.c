/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which kernel is chosen, and what is said of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture-kernel.h"
#include "kernel/kernel.h"
#include "kernel/version-order.h"

static const char *const needs_disk[] = {"virtio_blk", "?ext4", NULL};

static void add_image(const struct fixture_root *f, const char *path, const char *release)
{
	CLEANUP_STRBUF struct strbuf image = fixture_bzimage(release, "", 0);

	fixture_root_write_bytes(f, path, image.data, image.len);
}

static void add_modules(
	const struct fixture_root *f, const char *release, const char *builtin)
{
	if (!fixture_modules(f, release, builtin)) {
		print_message("skipped: no depmod here\n");
		skip();
	}
}

/* boot/vmlinuz-RELEASE and its modules, the disk's driver built in. */
static void add_kernel(const struct fixture_root *f, const char *release)
{
	CLEANUP_FREE char *path = xasprintf("boot/vmlinuz-%s", release);

	add_image(f, path, release);
	add_modules(f, release, "kernel/drivers/block/virtio_blk.ko\n");
}

/* The architecture that is looked for; NULL: any. */
static const struct architecture *wanted;

/* "image version", below the root, and a line for each that was passed over; or the
 * error. */
static char *find(const struct fixture_root *f, const char *image)
{
	CLEANUP_STRVEC struct strvec rejected = {0};
	CLEANUP_FREE char *named = image ? xasprintf("%s/%s", f->path, image) : NULL;
	struct strbuf sb = {0};
	struct kernel k;
	struct error err;
	const struct kernel_request request = {
		.root = f->path,
		.image = named,
		.architecture = wanted,
		.needs = needs_disk,
	};

	if (kernel_find(&request, &k, &rejected, &err) < 0)
		return xstrdup(err.msg);
	strbuf_addf(&sb, "%s %s\n", k.image + strlen(f->path) + 1, k.version);
	vector_foreach (line, &rejected)
		strbuf_addf(&sb, "%s\n", *line + strlen(f->path) + 1);
	kernel_done(&k);
	return strbuf_detach(&sb);
}

static void assert_finds(
	const struct fixture_root *f, const char *image, const char *expected)
{
	CLEANUP_FREE char *got = find(f, image);
	assert_string_equal(got, expected);
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not hold '%s'", text, part);
}

static void the_highest_version_wins(void **state)
{
	add_kernel(*state, "6.1.0-9-amd64");
	add_kernel(*state, "6.1.0-10-amd64");
	add_kernel(*state, "6.1.0-10~rc1-amd64");
	assert_finds(*state, NULL, "boot/vmlinuz-6.1.0-10-amd64 6.1.0-10-amd64\n");
}

static void the_version_is_what_the_file_says(void **state)
{
	add_kernel(*state, "6.1.0-9-amd64");
	add_image(*state, "boot/vmlinuz-9.9", "6.1.0-8-amd64");
	add_modules(*state, "6.1.0-8-amd64", "kernel/drivers/block/virtio_blk.ko\n");
	assert_finds(*state, NULL, "boot/vmlinuz-6.1.0-9-amd64 6.1.0-9-amd64\n");
}

static void of_one_version_the_leaner_wins(void **state)
{
	add_kernel(*state, "6.1.0-10-rt-amd64");
	add_kernel(*state, "6.1.0-10-amd64");
	add_kernel(*state, "6.1.0-10-cloud-amd64");
	add_kernel(*state, "6.1.0-9-cloud-amd64");
	assert_finds(
		*state, NULL, "boot/vmlinuz-6.1.0-10-cloud-amd64 6.1.0-10-cloud-amd64\n");
}

static void the_copy_beside_the_modules_is_preferred(void **state)
{
	add_kernel(*state, "6.1.0");
	add_image(*state, "lib/modules/6.1.0/vmlinuz", "6.1.0");
	assert_finds(*state, NULL, "lib/modules/6.1.0/vmlinuz 6.1.0\n");
}

static void rescue_kernels_are_not_for_this(void **state)
{
	add_image(*state, "boot/vmlinuz-0-rescue-123", "9.0.0");
	add_modules(*state, "9.0.0", "kernel/drivers/block/virtio_blk.ko\n");
	add_kernel(*state, "6.1.0");
	assert_finds(*state, NULL, "boot/vmlinuz-6.1.0 6.1.0\n");
}

static void each_that_is_passed_over_has_its_reason(void **state)
{
	const struct fixture_root *f = *state;

	fixture_root_write(f, "boot/vmlinuz-9.5", "this is no kernel");
	add_image(f, "boot/vmlinuz-9.4", "9.4");
	add_image(f, "boot/vmlinuz-9.3", "9.3");
	add_modules(f, "9.3", "kernel/drivers/block/loop.ko\n");
	fixture_root_write(f, "boot/vmlinuz-9.2/in", "");
	add_kernel(f, "6.1.0");
	CLEANUP_FREE char *got = find(f, NULL);
	CLEANUP_FREE char *expected = xasprintf("boot/vmlinuz-6.1.0 6.1.0\n"
						"boot/vmlinuz-9.5: not a kernel image\n"
						"boot/vmlinuz-9.4: no modules directory "
						"'%s/lib/modules/9.4': No such file or "
						"directory\n"
						"boot/vmlinuz-9.3: has no virtio_blk\n"
						"boot/vmlinuz-9.2: not a regular file\n",
		f->path);
	assert_string_equal(got, expected);
}

static void a_kernel_that_is_cut_off_is_passed_over(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_STRBUF struct strbuf image = fixture_bzimage("9.0", "payload", 7);
	CLEANUP_STRBUF struct strbuf zboot = fixture_zboot("payload", 7);
	size_t setup = (FIXTURE_SETUP_SECTS + 1) * 512;

	add_kernel(f, "6.1.0");
	add_modules(f, "9.0", "kernel/drivers/block/virtio_blk.ko\n");
	fixture_put32(&image, 0x1f4, (image.len - setup + 15) / 16);
	fixture_root_write_bytes(f, "boot/vmlinuz-9.0", image.data, image.len);
	assert_finds(f, NULL, "boot/vmlinuz-9.0 9.0\n");
	/* Its header, and so its version, is still there. */
	fixture_root_write_bytes(f, "boot/vmlinuz-9.0", image.data, image.len - 16);
	fixture_root_write_bytes(f, "boot/vmlinuz-8.0", zboot.data, zboot.len - 9);
	CLEANUP_FREE char *got = find(f, NULL);
	CLEANUP_FREE char *expected = xasprintf(
		"boot/vmlinuz-6.1.0 6.1.0\n"
		"boot/vmlinuz-9.0: it is cut off: its header tells of more than the file's "
		"%zu bytes\n"
		"boot/vmlinuz-8.0: it is cut off: its header tells of more than the file's "
		"%zu bytes\n",
		image.len - 16, zboot.len - 9);
	assert_string_equal(got, expected);
	CLEANUP_FREE char *named = find(f, "boot/vmlinuz-9.0");
	assert_contains(named, "boot/vmlinuz-9.0': it is cut off");
}

/* As an ordinary user: root may read everything. */
static char *find_as_user(const struct fixture_root *f)
{
	bool is_root = geteuid() == 0;

	if (is_root) {
		assert_int_equal(chmod(f->path, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	char *got = find(f, NULL);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	return got;
}

static void a_kernel_that_may_not_be_read_is_passed_over(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *path = xasprintf("%s/boot/vmlinuz-9.0", f->path);
	CLEANUP_FREE char *other = xasprintf("%s/boot/vmlinuz-6.1.0", f->path);

	add_kernel(f, "9.0");
	add_kernel(f, "6.1.0");
	assert_int_equal(chmod(path, 0), 0);
	CLEANUP_FREE char *got = find_as_user(f);
	assert_string_equal(got,
		"boot/vmlinuz-6.1.0 6.1.0\n"
		"boot/vmlinuz-9.0: can't be read: Permission denied\n");

	/* To install one would not help. */
	assert_int_equal(chmod(other, 0), 0);
	CLEANUP_FREE char *none = find_as_user(f);
	CLEANUP_FREE char *advice =
		xasprintf("as root with 'chmod a+r %s/boot/", f->path);
	assert_contains(none, advice);
	assert_contains(none, "dpkg-statoverride --update --add root root 0644 ");
	assert_contains(none, "--kernel FILE");
	assert_null(strstr(none, "Install"));
}

static void a_directory_that_may_not_be_read_is_named(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *boot = xasprintf("%s/boot", f->path);

	add_kernel(f, "6.1.0");
	assert_int_equal(chmod(boot, 0), 0);
	CLEANUP_FREE char *none = find_as_user(f);
	CLEANUP_FREE char *advice = xasprintf("as root with 'chmod a+rx %s'", boot);
	assert_int_equal(chmod(boot, 0755), 0);
	assert_contains(none, advice);
	assert_null(strstr(none, "there is none"));
	assert_null(strstr(none, "Install"));
}

static void an_index_that_is_out_of_date_is_said(void **state)
{
	const struct fixture_root *f = *state;
	const char *module = "lib/modules/9.0/kernel/virtio_blk.ko";

	add_kernel(f, "6.1.0");
	add_image(f, "boot/vmlinuz-9.0", "9.0");
	if (!fixture_module(f, module, NULL, NULL, "license=GPL"))
		skip();
	add_modules(f, "9.0", "");
	assert_finds(f, NULL, "boot/vmlinuz-9.0 9.0\n");
	/* Compressed, but depmod was not run. */
	CLEANUP_FREE char *path = fixture_root_place(f, module);
	CLEANUP_FREE char *packed = xasprintf("%s.xz", path);
	assert_int_equal(rename(path, packed), 0);
	CLEANUP_FREE char *got = find(f, NULL);
	assert_contains(got, "boot/vmlinuz-6.1.0 6.1.0\n");
	assert_contains(got, "(as root, 'depmod 9.0' renews it): ");
}

static void no_kernel_at_all_says_what_to_do(void **state)
{
	CLEANUP_FREE char *none = find(*state, NULL);

	assert_contains(none, "no kernel to boot");
	assert_contains(none, "/boot/vmlinuz*");
	assert_contains(none, "--kernel FILE --modules DIR");
	fixture_root_write(*state, "boot/vmlinuz-1", "x");
	CLEANUP_FREE char *bad = find(*state, NULL);
	assert_contains(bad, "/boot/vmlinuz-1: not a kernel image");
}

static void a_named_kernel_is_taken_or_fails(void **state)
{
	add_kernel(*state, "6.1.0");
	add_image(*state, "my/bzImage", "6.1.0");
	assert_finds(*state, "my/bzImage", "my/bzImage 6.1.0\n");

	fixture_root_write(*state, "my/bzImage", "text");
	CLEANUP_FREE char *bad = find(*state, "my/bzImage");
	assert_contains(bad, "my/bzImage': not a kernel image");
	add_image(*state, "my/bzImage", "7.0.0");
	CLEANUP_FREE char *no_modules = find(*state, "my/bzImage");
	assert_contains(no_modules, "no modules of version 7.0.0");
	assert_contains(no_modules, "--modules DIR");
}

static void a_named_kernels_modules_may_be_beside_it(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *from = xasprintf("%s/lib", f->path);
	CLEANUP_FREE char *to = xasprintf("%s/my/lib", f->path);

	add_modules(f, "7.0.0", "kernel/drivers/block/virtio_blk.ko\n");
	add_image(f, "my/bzImage", "7.0.0");
	assert_int_equal(rename(from, to), 0);
	assert_finds(f, "my/bzImage", "my/bzImage 7.0.0\n");
}

static void an_arm64_kernel_may_be_packed(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *pack = xasprintf("gzip %s/boot/Image", f->path);
	CLEANUP_STRBUF struct strbuf image = fixture_arm64("6.12.0-arm64");

	fixture_root_write_bytes(f, "boot/Image", image.data, image.len);
	add_modules(f, "6.12.0-arm64", "kernel/drivers/block/virtio_blk.ko\n");
	assert_finds(f, NULL, "boot/Image 6.12.0-arm64\n");
	assert_true(fixture_run(pack));
	assert_finds(f, NULL, "boot/Image.gz 6.12.0-arm64\n");

	CLEANUP_FREE char *packed = NULL;
	CLEANUP_FREE char *path = xasprintf("%s/boot/Image.gz", f->path);
	size_t len;
	assert_int_equal(io_read_file(AT_FDCWD, path, 4096, &packed, &len, NULL), 0);
	assert_int_equal(unlink(path), 0);
	CLEANUP_STRBUF struct strbuf zboot = fixture_zboot(packed, len);
	fixture_root_write_bytes(
		f, "lib/modules/6.12.0-arm64/vmlinuz", zboot.data, zboot.len);
	assert_finds(f, NULL, "lib/modules/6.12.0-arm64/vmlinuz 6.12.0-arm64\n");
}

static void a_kernel_for_another_processor_is_passed_over(void **state)
{
	const struct fixture_root *f = *state;
	CLEANUP_FREE char *path = xasprintf("%s/lib/modules/6.12.0-arm64/Image", f->path);
	CLEANUP_STRBUF struct strbuf image = fixture_arm64("6.12.0-arm64");

	add_kernel(f, "6.1.0-9-amd64");
	add_modules(f, "6.12.0-arm64", "kernel/drivers/block/virtio_blk.ko\n");
	fixture_root_write_bytes(
		f, "lib/modules/6.12.0-arm64/Image", image.data, image.len);
	wanted = architecture_find("x86_64");
	assert_finds(f, NULL,
		"boot/vmlinuz-6.1.0-9-amd64 6.1.0-9-amd64\n"
		"lib/modules/6.12.0-arm64/Image: is for aarch64, not for x86_64\n");
	wanted = architecture_find("arm64");
	assert_finds(f, NULL, "lib/modules/6.12.0-arm64/Image 6.12.0-arm64\n");
	CLEANUP_FREE char *named = find(f, "boot/vmlinuz-6.1.0-9-amd64");
	assert_contains(named, "amd64': is for x86_64, not for aarch64");
	assert_int_equal(unlink(path), 0);
	CLEANUP_FREE char *none = find(f, NULL);
	assert_contains(none, "linux-image-cloud-arm64");
	wanted = NULL;
}

static void orders_versions(void **state)
{
	static const char *const ascending[] = {
		"5.14.0-362.el9.x86_64+debug",
		"5.14.0-362.el9.x86_64",
		"5.15.0-91-generic",
		"5.15.0-91-kvm",
		"6.1.0-9-amd64",
		"6.1.0-10-rt-amd64",
		"6.1.0-10-amd64",
		"6.1.0-10-cloud-amd64",
		"6.6.1-arch1-1",
		"6.6.1-arch2-1",
		"6.8.0-rc1",
		"6.8.0-rc2-cloud",
		"6.8.0",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ascending); i++)
		for (size_t j = i + 1; j < ARRAY_SIZE(ascending); j++) {
			assert_true(
				kernel_version_prefer(ascending[j], ascending[i]) > 0);
			assert_true(
				kernel_version_prefer(ascending[i], ascending[j]) < 0);
		}
	assert_true(kernel_version_compare("6.8.0-rc1", "6.8.0") < 0);
	assert_true(kernel_version_compare("6.10", "6.9") > 0);
	assert_int_equal(kernel_version_compare("6.1", "6.1"), 0);
}

/* Of a system in a directory, which may be a stranger's. */
static void links_out_of_the_root_are_not_followed(void **state)
{
	const struct fixture_root *f = *state;
	struct fixture_root other;

	fixture_root_init(&other);
	add_image(&other, "vmlinuz", "9.9");
	add_kernel(&other, "9.8");
	CLEANUP_FREE char *image = fixture_root_place(&other, "vmlinuz");
	CLEANUP_FREE char *builtin =
		fixture_root_place(&other, "lib/modules/9.8/modules.builtin");
	add_kernel(f, "6.1.0");
	fixture_root_link(f, "boot/vmlinuz-6.2.0", "vmlinuz-6.1.0");
	fixture_root_link(f, "boot/vmlinuz-9.9", image);
	add_kernel(f, "9.8");
	CLEANUP_FREE char *own = fixture_root_place(f, "lib/modules/9.8/modules.builtin");
	assert_int_equal(unlink(own), 0);
	fixture_root_link(f, "lib/modules/9.8/modules.builtin", builtin);
	CLEANUP_FREE char *got = find(f, NULL);
	fixture_root_done(&other);
	assert_contains(got, "boot/vmlinuz-6.1.0 6.1.0\nboot/vmlinuz-9.9: '");
	assert_contains(got, "boot/vmlinuz-9.9' leads out of '");
	assert_contains(got, "9.8/modules.builtin' leads out of '");
}

/* libkmod would wait for its writer. */
static void an_index_that_is_a_fifo_is_refused(void **state)
{
	const struct fixture_root *f = *state;

	add_kernel(f, "6.1.0");
	CLEANUP_FREE char *index =
		fixture_root_place(f, "lib/modules/6.1.0/modules.softdep");
	unlink(index);
	assert_int_equal(mkfifo(index, 0600), 0);
	alarm(20);
	CLEANUP_FREE char *got = find(f, NULL);
	alarm(0);
	assert_contains(got, "modules.softdep' is not a regular file");
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fixture_root_setup, fixture_root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_highest_version_wins),
		TEST(links_out_of_the_root_are_not_followed),
		TEST(an_index_that_is_a_fifo_is_refused),
		TEST(the_version_is_what_the_file_says),
		TEST(of_one_version_the_leaner_wins),
		TEST(the_copy_beside_the_modules_is_preferred),
		TEST(rescue_kernels_are_not_for_this),
		TEST(each_that_is_passed_over_has_its_reason),
		TEST(a_kernel_that_is_cut_off_is_passed_over),
		TEST(a_kernel_that_may_not_be_read_is_passed_over),
		TEST(a_directory_that_may_not_be_read_is_named),
		TEST(an_index_that_is_out_of_date_is_said),
		TEST(no_kernel_at_all_says_what_to_do),
		TEST(a_named_kernel_is_taken_or_fails),
		TEST(a_named_kernels_modules_may_be_beside_it),
		TEST(an_arm64_kernel_may_be_packed),
		TEST(a_kernel_for_another_processor_is_passed_over),
		TEST(orders_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
