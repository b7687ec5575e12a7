/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guest reads as text: the kernel's command line, device events, passwd and
 * group, the list of mounts, and /sys.
 */
#include "guest/buses.c"
#include "guest/clock.c"
#include "guest/devices.c"
#include "guest/disk-order.c"
#include "guest/file.c"
#include "guest/log.c"
#include "guest/oom.c"
#include "guest/options.c"
#include "guest/port.c"
#include "guest/shutdown.c"
#include "guest/timeline.c"
#include "guest/timezone.c"
#include "guest/uevent.c"
#include "guest/user.c"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/strbuf.h"

#define UUID_WORD "root=UUID=01234567-89ab-cdef-0123-456789ABCDEF"

static void the_command_line_names_the_root(void **state)
{
	static const uint8_t uuid[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
		0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	struct boot_options o;

	(void)state;
	assert_int_equal(
		boot_options_parse("quiet panic=-1 " UUID_WORD
				   " hypermin.root_serial=s hypermin.root_timeout=7 "
				   "hypermin.debug hypermin.dax\n",
			&o, NULL),
		0);
	assert_int_equal(o.root, ROOT_UUID);
	assert_memory_equal(o.uuid, uuid, 16);
	assert_string_equal(o.serial, "s");
	assert_int_equal(o.timeout_s, 7);
	assert_true(o.debug);
	assert_true(o.dax);

	assert_int_equal(boot_options_parse("root=LABEL=x root=/dev/vda", &o, NULL), 0);
	assert_int_equal(o.root, ROOT_DEVICE);
	assert_string_equal(o.device, "vda");
	assert_int_equal(o.timeout_s, 60);
	assert_false(o.debug);
	assert_false(o.dax);
}

static void disks_are_ordered_by_their_addresses(void **state)
{
	static const char *const ascending[] = {
		"", "virtio2", "virtio10", "0:0:9:0", "0:0:10:0", "0:0:10:1", "2:0:0:0"};

	(void)state;
	for (size_t i = 1; i < ARRAY_SIZE(ascending); i++) {
		struct disk_order a = disk_order_parse(ascending[i - 1]);
		struct disk_order b = disk_order_parse(ascending[i]);
		assert_true(disk_order_after(&b, &a));
		assert_false(disk_order_after(&a, &b));
		assert_false(disk_order_after(&a, &a));
	}
	assert_int_equal(disk_order_index("sda"), 0);
	assert_int_equal(disk_order_index("sdz"), 25);
	assert_int_equal(disk_order_index("sdaa"), 26);
	assert_int_equal(disk_order_index("sda1"), -1);
	assert_int_equal(disk_order_index("vda"), -1);
	assert_int_equal(disk_order_index("sd"), -1);
}

static void a_root_that_makes_no_sense_is_an_error(void **state)
{
	static const char *const lines[] = {
		"",
		"quiet",
		"root=",
		"root=UUID=",
		"root=UUID=01234567-89ab-cdef-0123-456789abcde",
		"root=UUID=01234567-89ab-cdef-0123-456789abcdef0",
		"root=UUID=01234567089ab-cdef-0123-456789abcdef",
		"root=UUID=0123456g-89ab-cdef-0123-456789abcdef",
		"root=LABEL=seventeen-letters",
		"root=LABEL=",
		"root=/dev/",
		"root=/dev/../mem",
		"root=/dev/mapper/x",
		"root=sda1",
		UUID_WORD " hypermin.root_timeout=-1",
		UUID_WORD " hypermin.root_timeout=5s",
		UUID_WORD " hypermin.root_serial=",
	};
	struct boot_options o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(boot_options_parse(lines[i], &o, NULL), -1);
}

static void an_event_names_its_device(void **state)
{
	static const char add[] = "add@/devices/virtio0/block/"
				  "vda\0ACTION=add\0SUBSYSTEM=block\0DEVNAME=vda";
	static const char removed[] =
		"remove@/x\0ACTION=remove\0SUBSYSTEM=block\0DEVNAME=vdb\0";
	static const char from_udev[] = "libudev\0\xfe\xed\xca\xfe";
	struct uevent e;

	(void)state;
	assert_int_equal(uevent_parse(add, sizeof(add), &e), 0);
	assert_string_equal(e.subsystem, "block");
	assert_string_equal(e.devname, "vda");
	assert_false(e.gone);
	/* The last string may lack its NUL. */
	assert_int_equal(uevent_parse(add, sizeof(add) - 1, &e), 0);
	assert_string_equal(e.devname, "vda");
	assert_int_equal(uevent_parse(removed, sizeof(removed), &e), 0);
	assert_true(e.gone);
	assert_int_equal(uevent_parse(from_udev, sizeof(from_udev), &e), -1);
	assert_int_equal(uevent_parse("", 0, &e), -1);
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "short:x:5\n"
			     "u:x:1000:1001:U:/home/u:/bin/zsh\n"
			     "1000:x:7:7::/home/number:\n"
			     "bad:x:minus:1::/:\n"
			     "last:x:9:9::/home/last:/bin/sh";
static const char group[] = "root:x:0:\n"
			    "tty:x:5:\n"
			    "u:x:1001:\n"
			    "disk:x:6:root,u\n"
			    "video:x:44:uu,u\n"
			    "none:x:45:uu,xu,\n";

static int resolve_in(const char *spec, const char *passwd_text, const char *group_text,
	struct user *ret)
{
	FILE *tables[2];
	const char *const texts[] = {passwd_text, group_text};

	for (int i = 0; i < 2; i++) {
		tables[i] = tmpfile();
		assert_non_null(tables[i]);
		assert_true(fputs(texts[i], tables[i]) >= 0);
	}
	int result = user_resolve(spec, tables[0], tables[1], ret);
	fclose(tables[0]);
	fclose(tables[1]);
	return result;
}

static int resolve(const char *spec, struct user *ret)
{
	return resolve_in(spec, passwd, group, ret);
}

static void a_name_gets_its_groups(void **state)
{
	struct user u;

	(void)state;
	assert_int_equal(resolve("u", &u), 0);
	assert_int_equal(u.uid, 1000);
	assert_int_equal(u.gid, 1001);
	assert_string_equal(u.home, "/home/u");
	assert_string_equal(u.shell, "/bin/zsh");
	assert_int_equal(u.n_groups, 3);
	assert_int_equal(u.groups[0], 1001);
	assert_int_equal(u.groups[1], 6);
	assert_int_equal(u.groups[2], 44);
}

static void a_group_can_be_chosen(void **state)
{
	struct user u;

	(void)state;
	assert_int_equal(resolve("u:disk", &u), 0);
	assert_int_equal(u.gid, 6);
	assert_int_equal(resolve("u:77", &u), 0);
	assert_int_equal(u.gid, 77);
	assert_int_equal(resolve("u:nogroup", &u), -1);
	assert_int_equal(resolve("u:", &u), -1);
}

static void numbers_need_no_entry(void **state)
{
	struct user u;

	(void)state;
	assert_int_equal(resolve("4242:17", &u), 0);
	assert_int_equal(u.uid, 4242);
	assert_int_equal(u.gid, 17);
	assert_string_equal(u.home, "/");
	assert_string_equal(u.shell, "/bin/sh");
	/* A user whose name is a number comes before that number. */
	assert_int_equal(resolve("1000", &u), 0);
	assert_int_equal(u.uid, 7);
	assert_int_equal(resolve("last", &u), 0);
	assert_int_equal(u.uid, 9);
	assert_string_equal(u.shell, "/bin/sh");
}

static void root_needs_no_tables(void **state)
{
	struct user u;

	(void)state;
	assert_int_equal(resolve_in("", "", "", &u), 0);
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 0);
	assert_string_equal(u.name, "root");
	assert_string_equal(u.home, "/root");
}

static void nobody_is_not_root(void **state)
{
	static const char *const specs[] = {"nobody", ":", ":0", "bad", "-1",
		"4294967295", "99999999999", "0x0", "short", " "};
	struct user u;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		assert_int_equal(resolve(specs[i], &u), -1);
}

static void mounts_are_listed_with_their_real_names(void **state)
{
	char text[] = "29 1 0:23 / / rw,relatime - overlay overlay rw\n"
		      "36 29 98:0 / /mnt/a\\040b\\134c rw - ext4 /dev/vda rw\n"
		      "nonsense\n";
	char *target, *line = text;
	int id;

	(void)state;
	line = mountinfo_next(line, &id, &target);
	assert_int_equal(id, 29);
	assert_string_equal(target, "/");
	line = mountinfo_next(line, &id, &target);
	assert_int_equal(id, 36);
	assert_string_equal(target, "/mnt/a b\\c");
	line = mountinfo_next(line, &id, &target);
	assert_null(target);
	assert_null(mountinfo_next(line, &id, &target));
}

static char sys[] = "/tmp/test-guest-sys.XXXXXX";

static void add_file(const char *disk, const char *name, const char *content)
{
	CLEANUP_FREE char *path = xasprintf("%s/block/%s/%s", sys, disk, name);
	FILE *f;

	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static void add_disk(const char *name, const char *dev, const char *sectors)
{
	add_file(name, "dev", dev);
	add_file(name, "size", sectors);
	add_file(name, "ro", "0\n");
}

static int make_sys(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(sys));
	add_disk("vdaa", "254:416\n", "2048\n");
	add_disk("vdb", "254:16\n", "8\n");
	add_disk("vda", "254:0\n", "4096\n");
	add_disk("nvme10n1", "259:1\n", "8\n");
	add_disk("nvme2n1", "259:2\n", "8\n");
	add_disk("loop0", "7:0\n", "0\n");
	add_disk("sda", "8:0\n", "8\n");
	add_file("sda", "sda1/dev", "8:1\n");
	add_file("vdb", "ro", "1\n");
	add_file("vdb", "serial", "backup  ");
	add_file("sda", "device/vpd_pg80", "");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_sys(void **state)
{
	(void)state;
	return nftw(sys, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void list_names(dev_t hidden, size_t max, struct strbuf *ret)
{
	size_t len;
	CLEANUP_FREE struct device *devices = devices_list(sys, hidden, max, &len);

	for (size_t i = 0; i < len; i++)
		strbuf_addf(ret, "%s ", devices[i].name);
}

static void disks_come_in_the_order_people_expect(void **state)
{
	CLEANUP_STRBUF struct strbuf names = {0};

	(void)state;
	list_names(makedev(254, 999), 100, &names);
	assert_string_equal(names.data, "nvme2n1 nvme10n1 sda vda vdb vdaa ");
}

static void the_appliances_disk_is_left_out_by_its_number(void **state)
{
	CLEANUP_STRBUF struct strbuf names = {0};

	(void)state;
	list_names(makedev(254, 0), 100, &names);
	assert_string_equal(names.data, "nvme2n1 nvme10n1 sda vdb vdaa ");
	/* Also when its file system is on a partition. */
	strbuf_clear(&names);
	list_names(makedev(8, 1), 100, &names);
	assert_string_equal(names.data, "nvme2n1 nvme10n1 vda vdb vdaa ");
}

static void disks_say_what_they_are(void **state)
{
	size_t len;
	CLEANUP_FREE struct device *devices = devices_list(sys, 0, 100, &len);

	(void)state;
	assert_int_equal(len, 6);
	assert_string_equal(devices[4].name, "vdb");
	assert_string_equal(devices[4].serial, "backup");
	assert_int_equal(devices[4].size, 4096);
	assert_true(devices[4].read_only);
	assert_string_equal(devices[2].serial, "");
	assert_false(devices[2].read_only);
}

static void a_vpd_page_that_lies_is_no_serial(void **state)
{
	static const uint8_t good[] = {0, 0x80, 0, 3, 'a', 'b', 'c'};
	static const uint8_t too_long[] = {0, 0x80, 0, 4, 'a', 'b', 'c'};
	static const uint8_t other_page[] = {0, 0x83, 0, 3, 'a', 'b', 'c'};
	char serial[DEVICE_SERIAL_SIZE];

	(void)state;
	assert_true(parse_vpd(good, sizeof(good), serial));
	assert_string_equal(serial, "abc");
	assert_false(parse_vpd(too_long, sizeof(too_long), serial));
	assert_false(parse_vpd(other_page, sizeof(other_page), serial));
	assert_false(parse_vpd(good, 3, serial));
	assert_false(parse_vpd(good, -1, serial));
}

static void a_record_of_the_kernels_log_has_a_time_and_a_text(void **state)
{
	static const char *const none[] = {"", ";", "6,1;no time", "6,1,x,-;no number",
		"6,1", "no semicolon 6,1,2,-"};
	char text[16];
	uint64_t us;

	(void)state;
	assert_int_equal(
		timeline_parse_record("6,339,5140900,-;ACPI: x;y\n SUBSYSTEM=z\n", &us,
			text, sizeof(text)),
		0);
	assert_int_equal(us, 5140900);
	assert_string_equal(text, "ACPI: x;y");
	assert_int_equal(timeline_parse_record("4,0,0,c;longer than there is room", &us,
				 text, sizeof(text)),
		0);
	assert_string_equal(text, "longer than the");
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_int_equal(
			timeline_parse_record(none[i], &us, text, sizeof(text)), -1);
}

static void a_kill_for_lack_of_memory_has_a_count_and_a_name(void **state)
{
	char name[PROCESS_NAME_MAX + 1] = "none";

	(void)state;
	assert_int_equal(oom_parse_count("nr_free 1\noom_kill 12\ndrop 3\n"), 12);
	assert_int_equal(oom_parse_count("nr_free 1\nno_oom_kill 12\n"), 0);
	assert_false(oom_parse_message("usb 1-1: new device (x) total-vm", name));
	assert_string_equal(name, "none");
	assert_true(oom_parse_message(
		"Out of memory: Killed process 85 (a (b) c) total-vm:2048kB, UID:0",
		name));
	assert_string_equal(name, "a (b) c");
	assert_true(oom_parse_message(
		"Memory cgroup out of memory: Killed process 9 (tail) total-vm:1kB",
		name));
	assert_string_equal(name, "tail");
}

static void a_rule_becomes_a_time_zone(void **state)
{
	static const struct {
		time_t at;
		int hour, summer;
	} times[] = {{1700000000, 23, 0}, {1720000000, 11, 1}, {0, 1, 0}};
	char path[] = "/tmp/test-guest-zone.XXXXXX", zone[40];
	uint8_t file[TIMEZONE_FILE_SIZE];
	size_t len = timezone_make_file("CET-1CEST,M3.5.0,M10.5.0/3", file);
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, file, len), len);
	close(fd);
	snprintf(zone, sizeof(zone), ":%s", path);
	setenv("TZ", zone, 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		const struct tm *t = localtime(&times[i].at);

		assert_int_equal(t->tm_hour, times[i].hour);
		assert_int_equal(t->tm_isdst, times[i].summer);
		assert_string_equal(t->tm_zone, times[i].summer ? "CEST" : "CET");
	}
	unsetenv("TZ");
	unlink(path);
}

static void put(const char *path, const char *content)
{
	CLEANUP_FREE char *full = xasprintf("%s/%s", sys, path);

	for (char *slash = full + strlen(sys) + 1; (slash = strchr(slash, '/'));) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash++ = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static void what_is_on_the_buses_can_be_said(void **state)
{
	char text[200], small[12];

	(void)state;
	put("bus/virtio/devices/virtio3/device", "0x0002\n");
	put("bus/pci/devices/0000:00:1e.0/vendor", "0x1af4\n");
	put("bus/pci/devices/0000:00:1e.0/device", "0x1001\n");
	put("bus/scsi/devices/host0/x", "");
	buses_describe(sys, text, sizeof(text));
	assert_string_equal(text,
		"scsi: host0; nd: none; virtio: virtio3 (0x0002); pci: 0000:00:1e.0 "
		"(0x1af4:0x1001)");
	buses_describe(sys, small, sizeof(small));
	assert_string_equal(small, "scsi: host0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_names_the_root),
		cmocka_unit_test(disks_are_ordered_by_their_addresses),
		cmocka_unit_test(a_root_that_makes_no_sense_is_an_error),
		cmocka_unit_test(an_event_names_its_device),
		cmocka_unit_test(a_name_gets_its_groups),
		cmocka_unit_test(a_group_can_be_chosen),
		cmocka_unit_test(numbers_need_no_entry),
		cmocka_unit_test(root_needs_no_tables),
		cmocka_unit_test(nobody_is_not_root),
		cmocka_unit_test(mounts_are_listed_with_their_real_names),
		cmocka_unit_test(disks_come_in_the_order_people_expect),
		cmocka_unit_test(the_appliances_disk_is_left_out_by_its_number),
		cmocka_unit_test(disks_say_what_they_are),
		cmocka_unit_test(a_vpd_page_that_lies_is_no_serial),
		cmocka_unit_test(a_kill_for_lack_of_memory_has_a_count_and_a_name),
		cmocka_unit_test(a_rule_becomes_a_time_zone),
		cmocka_unit_test(a_record_of_the_kernels_log_has_a_time_and_a_text),
		cmocka_unit_test(what_is_on_the_buses_can_be_said),
	};
	return cmocka_run_group_tests(tests, make_sys, remove_sys);
}
