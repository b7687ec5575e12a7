/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Launchers' command lines: which are understood, and that all others are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "launch/line.h"

#define UUID "b6484ee4-399e-8ccb-afc4-e508cf456d24"

/* As libguestfs 1.48 writes it, for two disks. */
static const char *const usual[] = {"qemu", "-global", "virtio-blk-pci.scsi=off",
	"-no-user-config", "-nodefaults", "-display", "none", "-machine", "accel=kvm:tcg",
	"-cpu", "max,la57=off", "-m", "1280", "-no-reboot", "-rtc", "driftfix=slew",
	"-no-hpet", "-global", "kvm-pit.lost_tick_policy=discard", "-kernel", "/c/kernel",
	"-initrd", "/c/initrd", "-object", "rng-random,filename=/dev/urandom,id=rng0",
	"-device", "virtio-rng-pci,rng=rng0", "-device", "virtio-scsi-pci,id=scsi",
	"-drive", "file=a,,b.img,cache=writeback,format=raw,id=hd0,if=none", "-device",
	"scsi-hd,drive=hd0", "-drive",
	"file=/t/overlay.qcow2,cache=unsafe,format=qcow2,id=hd1,if=none", "-device",
	"scsi-hd,drive=hd1", "-drive",
	"file=/c/root,snapshot=on,id=appliance,cache=unsafe,if=none,format=raw",
	"-device", "scsi-hd,drive=appliance", "-device", "virtio-serial-pci", "-serial",
	"stdio", "-chardev", "socket,path=/tmp/x/guestfsd.sock,id=channel0", "-device",
	"virtserialport,chardev=channel0,name=org.libguestfs.channel.0", "-append",
	"panic=1 console=ttyS0 edd=off udevtimeout=6000 udev.event-timeout=6000 "
	"no_timer_check lpj=123 printk.time=1 cgroup_disable=memory usbcore.nousb "
	"cryptomgr.notests tsc=reliable 8250.nr_uarts=1 root=UUID=" UUID
	" selinux=0 quiet TERM=xterm"};

struct line {
	char *argv[ARRAY_SIZE(usual) + 8];
	int argc;
};

static struct line usual_line(void)
{
	struct line l = {.argc = ARRAY_SIZE(usual)};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		l.argv[i] = (char *)usual[i];
	return l;
}

static void replace(struct line *l, const char *word, const char *by)
{
	for (int i = 0; i < l->argc; i++)
		if (strcmp(l->argv[i], word) == 0) {
			l->argv[i] = (char *)by;
			return;
		}
	fail_msg("no word '%s'", word);
}

static const char *append_with(const char *words)
{
	static char text[1024];

	snprintf(text, sizeof(text), "%s %s", usual[ARRAY_SIZE(usual) - 1], words);
	return text;
}

static void test_usual_line(void **state)
{
	struct line l = usual_line();
	struct launch_line line;
	struct error err;

	(void)state;
	assert_true(launch_line_is_launch(l.argc, l.argv));
	assert_int_equal(launch_line_parse(l.argc, l.argv, &line, &err), 0);
	assert_string_equal(line.kernel, "/c/kernel");
	assert_string_equal(line.initrd, "/c/initrd");
	assert_string_equal(line.root, "/c/root");
	assert_string_equal(line.root_uuid, UUID);
	assert_string_equal(line.channel, "/tmp/x/guestfsd.sock");
	assert_int_equal(line.memory_mib, 1280);
	assert_int_equal(line.cpus, 1);
	assert_int_equal(line.accel, VM_ACCEL_AUTO);
	assert_int_equal(line.n_disks, 2);
	assert_false(line.verbose);
	assert_null(line.boots_because);
	/* The disks as they were written, in their order. */
	assert_int_equal(line.disks.len, 8);
	assert_string_equal(line.disks.items[1],
		"file=a,,b.img,cache=writeback,format=raw,id=hd0,if=none");
	assert_string_equal(line.disks.items[3], "scsi-hd,drive=hd0");
	assert_string_equal(line.disks.items[7], "scsi-hd,drive=hd1");
	/* A snapshot depends on no terminal, and has no disk. */
	assert_null(strstr(line.held_words, "TERM"));
	assert_null(strstr(line.held_words, "lpj"));
	assert_non_null(strstr(line.words, "TERM=xterm"));
	vector_foreach (word, &line.held_devices) {
		assert_null(strstr(*word, "hd0"));
		assert_null(strstr(*word, "appliance"));
		assert_null(strstr(*word, "guestfsd.sock"));
	}
	launch_line_done(&line);
}

static void test_not_understood(void **state)
{
	static const struct {
		const char *word, *by;
	} changes[] = {
		{"-no-reboot", "-S"},
		{"none", "gtk"},
		{"accel=kvm:tcg", "accel=kvm:tcg,usb=on"},
		{"accel=kvm:tcg", "accel=xen"},
		{"1280", "1280M"},
		{"1280", "0"},
		{"scsi-hd,drive=hd0", "virtio-blk-pci,drive=hd0"},
		{"scsi-hd,drive=hd0", "scsi-hd,drive=hd0,bus=other"},
		{"scsi-hd,drive=hd0", "scsi-hd,drive=hd1"},
		{"scsi-hd,drive=hd1", "scsi-hd,drive=appliance"},
		{"virtio-serial-pci", "virtio-serial-pci,max_ports=1"},
		{"stdio", "null"},
		{"file=a,,b.img,cache=writeback,format=raw,id=hd0,if=none",
			"file=a,b.img,cache=writeback,format=raw,id=hd0,if=none"},
		{"file=a,,b.img,cache=writeback,format=raw,id=hd0,if=none",
			"file=a.img,format=raw,id=hd0,if=ide"},
		{"file=/c/root,snapshot=on,id=appliance,cache=unsafe,if=none,format=raw",
			"file=/c/root,id=appliance,if=none,format=qcow2"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct line l = usual_line();
		struct launch_line line;
		struct error err;

		replace(&l, changes[i].word, changes[i].by);
		assert_int_equal(launch_line_parse(l.argc, l.argv, &line, &err), -1);
		assert_true(err.msg[0]);
	}
	for (int n = 1; n < (int)ARRAY_SIZE(usual); n++) {
		struct line l = usual_line();
		struct launch_line line;
		struct error err;

		/* Cut anywhere. */
		assert_int_equal(launch_line_parse(n, l.argv, &line, &err), -1);
	}
}

static void test_kernel_words(void **state)
{
	static const struct {
		const char *words;
		int result;
		bool boots, verbose;
	} cases[] = {
		{"guestfs_network=1", 0, false, false},
		{"guestfs_verbose=1", 0, false, true},
		{"guestfs_rescue=1", 0, true, false},
		{"guestfs_identifier=x", 0, true, false},
		{"init=/bin/sh", -1, false, false},
		{"acpi=force", -1, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct line l = usual_line();
		struct launch_line line;
		struct error err;

		l.argv[l.argc - 1] = (char *)append_with(cases[i].words);
		assert_int_equal(
			launch_line_parse(l.argc, l.argv, &line, &err), cases[i].result);
		if (cases[i].result < 0)
			continue;
		assert_int_equal(line.boots_because != NULL, cases[i].boots);
		assert_int_equal(line.verbose, cases[i].verbose);
		launch_line_done(&line);
	}
}

static void test_newer_lines(void **state)
{
	struct line l = usual_line();
	struct launch_line line;
	struct error err;

	(void)state;
	replace(&l, "accel=kvm:tcg", "q35,accel=tcg");
	replace(&l, "scsi-hd,drive=hd0",
		"scsi-hd,drive=hd0,logical_block_size=4096,physical_block_size=4096");
	l.argv[l.argc++] = (char *)"-netdev";
	l.argv[l.argc++] = (char *)"stream,id=usernet,addr.type=unix,addr.path=/tmp/p";
	l.argv[l.argc++] = (char *)"-device";
	l.argv[l.argc++] = (char *)"virtio-net-pci,netdev=usernet";
	assert_int_equal(launch_line_parse(l.argc, l.argv, &line, &err), 0);
	assert_int_equal(line.accel, VM_ACCEL_TCG);
	assert_non_null(line.boots_because);
	launch_line_done(&line);
}

/* Each belongs to the snapshot. */
static void test_networks_of_qemu(void **state)
{
	static const char *const networks[] = {
		"user,id=usernet,net=169.254.0.0/16",  /* libguestfs 1.48 */
		"user,id=usernet,net=169.254.2.15/16", /* libguestfs 1.54 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		struct line l = usual_line();
		struct launch_line line;
		struct error err;
		bool held = false;

		l.argv[l.argc++] = (char *)"-netdev";
		l.argv[l.argc++] = (char *)networks[i];
		l.argv[l.argc++] = (char *)"-device";
		l.argv[l.argc++] = (char *)"virtio-net-pci,netdev=usernet";
		assert_int_equal(launch_line_parse(l.argc, l.argv, &line, &err), 0);
		assert_null(line.boots_because);
		for (size_t j = 0; j < line.held_devices.len; j++)
			held |= strcmp(line.held_devices.items[j], networks[i]) == 0;
		assert_true(held);
		launch_line_done(&line);
	}
}

static void test_no_launch(void **state)
{
	static const char *const help[] = {"qemu", "-display", "none", "-help"};

	(void)state;
	assert_false(launch_line_is_launch(ARRAY_SIZE(help), (char **)help));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_line),
		cmocka_unit_test(test_not_understood),
		cmocka_unit_test(test_kernel_words),
		cmocka_unit_test(test_newer_lines),
		cmocka_unit_test(test_networks_of_qemu),
		cmocka_unit_test(test_no_launch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
