/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can go wrong while contents are copied: a source has changed, the image can't grow,
 * the caller cancels. Each is an error that says which.
 */
#include "test-ext2-reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tree/host.h"

/* A tree of one file of the host with two blocks and a bit. */
static struct tree *tree_of_one_file(void)
{
	CLEANUP_FREE char *text = xcalloc(1, 9001);
	struct tree *t = tree_new(NULL);

	memset(text, 't', 9000);
	make_dir("in");
	make_dir("in/dir");
	write_file("in/dir/file", text);
	assert_ok(tree_add_directory(t, "in", "/", &err));
	tree_finish(t);
	return t;
}

static void rewrite(void)
{
	CLEANUP_CLOSE int fd = open("in/dir/file", O_WRONLY | O_CLOEXEC);

	assert_int_equal(io_pwrite_full(fd, "x", 1, 100), 0);
}

static void grow(void)
{
	assert_int_equal(truncate("in/dir/file", 20000), 0);
}

static void shrink(void)
{
	assert_int_equal(truncate("in/dir/file", 10), 0);
}

static void replace(void)
{
	write_file("in/other", "another file");
	assert_int_equal(rename("in/other", "in/dir/file"), 0);
}

static void vanish(void)
{
	assert_int_equal(unlink("in/dir/file"), 0);
}

static void become_a_pipe(void)
{
	vanish();
	assert_int_equal(mkfifo("in/dir/file", 0600), 0);
}

static void become_a_link(void)
{
	assert_int_equal(rename("in/dir/file", "in/dir/moved"), 0);
	make_link("moved", "in/dir/file");
}

static void move_its_directory(void)
{
	assert_int_equal(rename("in/dir", "in/moved"), 0);
}

static void a_source_that_is_not_what_it_was(void **state)
{
	static const struct {
		void (*change)(void);
		const char *text;
	} cases[] = {
		{rewrite, "the file changed"},
		{grow, "the file changed"},
		{shrink, "the file changed"},
		{replace, "the file changed"},
		{vanish, "No such file"},
		{become_a_pipe, "the file changed"},
		{become_a_link, "open"},
		{move_its_directory, "No such file"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_TREE struct tree *t = tree_of_one_file();
		cases[i].change();
		assert_fails(write_image(t, &ext2_defaults, IMAGE, NULL), cases[i].text);
		assert_non_null(strstr(err.msg, "'in/dir/file'"));
		assert_int_equal(RUN("rm", "-rf", "in"), 0);
	}
}

/* A directory can be opened, and what is read from it is an error. */
static void a_source_that_can_not_be_read(void **state)
{
	CLEANUP_TREE struct tree *t = tree_of_one_file();
	struct tree_inode *inode = tree_lookup(t, "/dir/file");
	struct host_file directory = *(const struct host_file *)inode->source;
	struct stat st;

	(void)state;
	vanish();
	make_dir("in/dir/file");
	assert_int_equal(stat("in/dir/file", &st), 0);
	directory.ino = st.st_ino;
	directory.ctime = (struct tree_time){st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
	inode->source = &directory;
	inode->size = MAX(st.st_size, 1);
	if (st.st_size == 0)
		skip_because("directories of this file system have no size");
	assert_fails(write_image(t, &ext2_defaults, IMAGE, NULL),
		"read '/dir/file': Is a directory");
}

/* A spool is ours, so it is not looked at again: but less is never taken for zeros. */
static void a_source_that_ends_early(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	make_dir("in");
	write_file("in/file", "text");
	assert_int_equal(RUN("tar", "-cf", "in.tar", "-C", "in", "file"), 0);
	CLEANUP_CLOSE int fd = open("in.tar", O_RDONLY | O_CLOEXEC);
	assert_ok(tree_add_archive(t,
		&(struct tree_archive){
			.fd = fd, .name = "in.tar", .at = "/", .spool_dir = "."},
		&err));
	tree_finish(t);
	tree_lookup(t, "/file")->size = 1 << 20;
	assert_fails(write_image(t, &ext2_defaults, IMAGE, NULL),
		"read '/file': it ends early");
}

/* One entry: four bytes, then a hole. */
static void write_sparse_archive(const char *path)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	archive_write_set_format_pax(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	archive_entry_set_pathname(e, "file");
	archive_entry_set_mode(e, S_IFREG | 0644);
	archive_entry_set_size(e, 100000);
	archive_entry_sparse_add_entry(e, 0, 4);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, "data", 4), 4);
	archive_entry_free(e);
	archive_write_free(a);
}

/* The data's block goes on where nothing was ever written. */
static void a_source_that_ends_with_a_hole(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	write_sparse_archive("in.tar");
	CLEANUP_CLOSE int fd = open("in.tar", O_RDONLY | O_CLOEXEC);
	assert_ok(tree_add_archive(t,
		&(struct tree_archive){
			.fd = fd, .name = "in.tar", .at = "/", .spool_dir = "."},
		&err));
	assert_int_equal(tree_lookup(t, "/file")->n_extents, 1);
	make_image(t, &ext2_defaults, NULL);
	assert_image_holds(IMAGE, t);
	assert_debugfs("stat file", "Blockcount: 8");
}

static void a_limit_on_the_size_of_files(void **state)
{
	CLEANUP_TREE struct tree *t = tree_of_one_file();
	struct rlimit old, small = {.rlim_cur = 16384};

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = write_image(t, &ext2_defaults, IMAGE, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(r, -1);
	assert_int_equal(err.num, EFBIG);
	assert_non_null(strstr(err.msg, "make an image of "));
}

static void a_full_disk(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);
	CLEANUP_FREE char *data = xcalloc(1, 4 << 20);

	(void)state;
	memset(data, 'x', 4 << 20);
	/* Contents that do not fit, then metadata that does not. */
	assert_ok(tree_add_file(t, "/file",
		&(struct tree_file){.mode = S_IFREG, .data = data, .len = 4 << 20},
		&err));
	make_dir("full");
	if (mount("none", "full", "tmpfs", 0, "size=1m") < 0)
		skip_because("may not mount a tmpfs");
	tree_finish(t);
	int contents = write_image(t, &ext2_defaults, "full/image", NULL);
	int num = err.num;
	for (int i = 0; i < 10000; i++) {
		CLEANUP_FREE char *path = xasprintf("/%d", i);
		add_dir(t, path, 0755);
	}
	tree_remove(t, "/file");
	tree_finish(t);
	int metadata = write_image(t, &ext2_defaults, "full/image", NULL);
	assert_int_equal(umount("full"), 0);
	assert_int_equal(contents, -1);
	assert_int_equal(num, ENOSPC);
	assert_int_equal(metadata, -1);
	assert_int_equal(err.num, ENOSPC);
	assert_non_null(strstr(err.msg, "write the image"));
}

/* What a progress callback saw, and what it does. */
struct watch {
	struct ext2_plan *plan;
	uint64_t calls, done, total;
	uint64_t cancel_at; /* that call says stop; 0: none */
	bool middle;	    /* content was being copied */
	bool change;	    /* then change it */
};

static int on_progress(uint64_t done, uint64_t total, void *data)
{
	struct watch *w = data;

	assert_true(done >= w->done && done <= total);
	assert_true(w->total == 0 || w->total == total);
	w->done = done;
	w->total = total;
	if (done > total / 4 && done < total - total / 4 && !w->middle) {
		w->middle = true;
		if (w->change)
			rewrite();
	}
	return ++w->calls == w->cancel_at;
}

static int write_watched(const struct tree *t, struct watch *w, unsigned workers)
{
	CLEANUP_CLOSE int fd = open(IMAGE, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	struct ext2_emit_options o = {
		.workers = workers, .progress = on_progress, .progress_data = w};
	struct ext2_plan *plan;

	assert_ok(ext2_plan_new(t, &ext2_defaults, &plan, &err));
	int r = ext2_emit(plan, fd, &o, NULL, &err);
	ext2_plan_free(plan);
	return r;
}

/* It takes a while to copy, but not to make. */
static struct tree *tree_of_a_large_file(void)
{
	struct tree *t = tree_of_one_file();
	CLEANUP_CLOSE int fd = open("in/dir/file", O_WRONLY | O_CLOEXEC);

	tree_free(t);
	assert_int_equal(posix_fallocate(fd, 0, 256 << 20), 0);
	t = tree_new(NULL);
	assert_ok(tree_add_directory(t, "in", "/", &err));
	tree_finish(t);
	return t;
}

static void a_source_that_changes_while_it_is_copied(void **state)
{
	CLEANUP_TREE struct tree *t = tree_of_a_large_file();
	struct watch w = {0};
	int r = 0;

	(void)state;
	/* A busy machine may do all of it between two calls. */
	for (int i = 0; i < 50 && !w.middle; i++) {
		w = (struct watch){.change = true};
		r = write_watched(t, &w, 1);
	}
	if (!w.middle)
		skip_because("256 MiB were copied in no time");
	assert_int_equal(r, -1);
	assert_non_null(
		strstr(err.msg, "the file changed while it was read: 'in/dir/file'"));
}

static void a_caller_may_cancel_at_any_call(void **state)
{
	CLEANUP_TREE struct tree *t = tree_of_a_large_file();
	struct watch all = {0};

	(void)state;
	assert_ok(write_watched(t, &all, 0));
	assert_true(all.calls >= 2);
	/* How many more there are depends on the speed. */
	for (uint64_t i = 1; i <= 2; i++) {
		struct watch w = {.cancel_at = i};
		assert_int_equal(write_watched(t, &w, 0), -1);
		assert_int_equal(err.num, ECANCELED);
		assert_int_equal(w.calls, i);
	}
}

static void progress_ends_at_the_total(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	make_dir("in");
	for (int i = 0; i < 300; i++) {
		CLEANUP_FREE char *path = xasprintf("in/%d", i);
		CLEANUP_FREE char *text = xasprintf("%*d", i * 100, i);
		write_file(path, text);
		/* Holes are not a part of it. */
		if (i % 10 == 0)
			assert_int_equal(truncate(path, 10000000), 0);
	}
	assert_ok(tree_add_directory(t, "in", "/", &err));
	add_text(t, "/memory", "in memory");
	tree_finish(t);
	for (unsigned workers = 0; workers < 5; workers++) {
		struct watch w = {0};
		assert_ok(write_watched(t, &w, workers));
		assert_int_equal(w.done, w.total);
	}
}

static void any_number_of_workers_gives_the_same_bytes(void **state)
{
	CLEANUP_TREE struct tree *t = tree_new(NULL);

	(void)state;
	require_e2fsprogs();
	make_dir("in");
	/* Around the sizes of blocks and buffers. */
	for (int i = 0; i < 200; i++) {
		CLEANUP_FREE char *path = xasprintf("in/%03d", i);
		CLEANUP_FREE char *text =
			xasprintf("%*d", i * 4096 % 300000 + i % 3 - 1, i);
		write_file(path, text);
	}
	assert_ok(tree_add_directory(t, "in", "/", &err));
	tree_finish(t);
	assert_ok(write_image(t, &ext2_defaults, "first", NULL));
	assert_clean("first");
	assert_image_holds("first", t);
	for (unsigned workers = 1; workers < 9; workers++) {
		struct watch w = {0};
		assert_ok(write_watched(t, &w, workers));
		assert_int_equal(RUN("cmp", "first", IMAGE), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(a_source_that_is_not_what_it_was),
		scratch_test(a_source_that_can_not_be_read),
		scratch_test(a_source_that_ends_early),
		scratch_test(a_source_that_ends_with_a_hole),
		scratch_test(a_source_that_changes_while_it_is_copied),
		scratch_test(a_limit_on_the_size_of_files),
		scratch_test(a_full_disk),
		scratch_test(a_caller_may_cancel_at_any_call),
		scratch_test(progress_ends_at_the_total),
		scratch_test(any_number_of_workers_gives_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
