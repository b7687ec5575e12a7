/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /dev/kvm can open, and run small things, where it is itself emulated in software: a
 * stock kernel then crawls at about a thousandth of the expected speed and looks hung. So
 * before KVM is trusted a virtual CPU is put straight into long mode, as a kernel would
 * use it, and counts to 20,000 in memory. Hardware needs well under a millisecond for
 * that; it gets ten.
 *
 * The guest's memory, at guest-physical addresses:
 *
 *	0x1000  PML4: one entry, to 0x2000
 *	0x2000  PDPT: one entry, to 0x3000
 *	0x3000  PD: one 2 MiB page, identity mapped
 *	0x4000  the code
 *	0x5000  the counter
 *
 * Runs in a child, which is killed when its time is over: KVM_RUN may not come back by
 * itself.
 */
#include "vm/kvm-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/monotonic.h"

#define MEMORY_SIZE 0x200000
#define LOOPS	    20000
/* Setting up takes a few milliseconds on a slow host and is not what is judged. */
#define SETUP_MS 1000
#define RUN_MS	 10

enum probe_step { PROBE_READY = 1, PROBE_DONE, PROBE_FAILED };

struct probe_report {
	enum probe_step step;
	int num;
	char what[40];
};

static const uint8_t code[] = {
	0xb9, LOOPS & 0xff, LOOPS >> 8, 0, 0, /* mov ecx, LOOPS */
	0xff, 0x04, 0x25, 0x00, 0x50, 0, 0,   /* 1: inc dword [0x5000] */
	0xff, 0xc9,			      /* dec ecx */
	0x75, 0xf5,			      /* jnz 1b */
	0xf4,				      /* hlt */
};

static void set_up_memory(uint8_t *mem)
{
	uint64_t *pml4 = (uint64_t *)(mem + 0x1000);
	uint64_t *pdpt = (uint64_t *)(mem + 0x2000);
	uint64_t *pd = (uint64_t *)(mem + 0x3000);

	pml4[0] = 0x2000 | 3; /* present, writable */
	pdpt[0] = 0x3000 | 3;
	pd[0] = 0x83; /* the same, 2 MiB page */
	memcpy(mem + 0x4000, code, sizeof(code));
}

static int set_up_cpu(int cpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = 0x4000, .rflags = 2, .rsp = 0x6000};
	struct kvm_segment seg = {.limit = 0xffffffff,
		.selector = 8,
		.type = 11,
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1};

	if (ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs = seg;
	seg.type = 3;
	seg.selector = 16;
	seg.l = 0;
	seg.db = 1;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = seg;
	sregs.cr3 = 0x1000;
	sregs.cr4 = 1 << 5;		   /* PAE */
	sregs.efer = (1 << 8) | (1 << 10); /* LME, LMA */
	sregs.cr0 = (1u << 31) | (1 << 0); /* paging, protected mode */
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(cpu, KVM_SET_REGS, &regs);
}

static void tell(int fd, enum probe_step step, const char *what, int num)
{
	struct probe_report report = {.step = step, .num = num};

	strncpy(report.what, what, sizeof(report.what) - 1);
	if (write(fd, &report, sizeof(report)) < 0)
		_exit(1);
}

/* In the child. */
static void run_probe(int kvm, int report_fd)
{
	const char *what = "KVM_CREATE_VM";
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		goto fail;
	what = "guest memory";
	uint8_t *mem = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		goto fail;
	set_up_memory(mem);
	struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY_SIZE, .userspace_addr = (uintptr_t)mem};
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		goto fail;
	what = "KVM_CREATE_VCPU";
	int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0)
		goto fail;
	what = "long mode";
	if (set_up_cpu(cpu) < 0)
		goto fail;
	int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run = run_size < (int)sizeof(*run)
		? MAP_FAILED
		: mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	what = "the virtual CPU's memory";
	if (run == MAP_FAILED)
		goto fail;

	tell(report_fd, PROBE_READY, "", 0);
	what = "KVM_RUN";
	while (ioctl(cpu, KVM_RUN, 0) < 0)
		if (errno != EINTR && errno != EAGAIN)
			goto fail;
	errno = 0;
	what = "an unexpected exit of the virtual CPU";
	if (run->exit_reason != KVM_EXIT_HLT || *(uint32_t *)(mem + 0x5000) != LOOPS)
		goto fail;
	tell(report_fd, PROBE_DONE, "", 0);
	_exit(0);
fail:
	tell(report_fd, PROBE_FAILED, what, errno);
	_exit(1);
}

/* The next report, or step 0 when there is none within the time. */
static struct probe_report await(int fd, int ms)
{
	struct probe_report report = {0};
	struct pollfd pfd = {fd, POLLIN, 0};

	int64_t end = monotonic_ms() + ms;
	int left = ms;
	int n;
	while ((n = poll(&pfd, 1, left)) < 0 && errno == EINTR && left > 0)
		left = MAX(end - monotonic_ms(), 0);
	if (n > 0 && read(fd, &report, sizeof(report)) != sizeof(report))
		report = (struct probe_report){PROBE_FAILED, 0, "the probe died"};
	return report;
}

static char *judge(int fd)
{
	struct probe_report report = await(fd, SETUP_MS);

	if (report.step == PROBE_READY)
		report = await(fd, RUN_MS);
	else if (report.step == 0)
		return xstrdup("a virtual CPU could not be set up within a second");
	if (report.step == 0)
		return xasprintf(
			"it did not count to %d within %d ms: KVM is emulated in software "
			"here, far too slowly for a kernel",
			LOOPS, RUN_MS);
	if (report.step == PROBE_FAILED)
		return xasprintf("%s failed%s%s", report.what, report.num ? ": " : "",
			report.num ? strerror(report.num) : "");
	return NULL;
}

static char *probe_in_child(int kvm)
{
	int pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return xasprintf("no pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		close(pipe_fd[0]);
		run_probe(kvm, pipe_fd[1]);
	}
	close(pipe_fd[1]);
	char *reason = pid < 0 ? xstrdup("no process for the probe") : judge(pipe_fd[0]);
	close(pipe_fd[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return reason;
}

static bool vendor_module_loaded(void)
{
	return access("/sys/module/kvm_intel", F_OK) == 0 ||
		access("/sys/module/kvm_amd", F_OK) == 0;
}

bool kvm_probe(int kvm, char **ret_reason)
{
	char *problem;

	if (vendor_module_loaded())
		problem = probe_in_child(kvm);
	else
		problem = xstrdup(
			"/dev/kvm is there, but neither kvm_intel nor kvm_amd is loaded: "
			"this is no hardware virtualization");
	*ret_reason = problem ? problem : xstrdup("the probe ran at full speed");
	return !problem;
}
