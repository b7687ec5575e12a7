/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filter of system calls that needs nothing but seccomp, which all distributions'
 * kernels have: calls that reach other processes, the machine or its network, or that only
 * faults of the kernel's make interesting, fail with EPERM. It lists what is forbidden, as
 * the programs' needs differ with each version of theirs.
 *
 *	load the architecture, load the call's number
 *	is it one of these? ──► check its argument, or fail
 *	allow
 */
#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/layers.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Of x86_64: the calls of another ABI with pointers of 32 bits. */
#define X32_BIT 0x40000000

static const int forbidden[] = {
	/* other processes */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_tkill,
	424 /* pidfd_send_signal */,
	434 /* pidfd_open */,
	438 /* pidfd_getfd */,
	440 /* process_madvise */,
	/* name spaces and mounts */
	SYS_unshare,
	SYS_setns,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	428 /* open_tree */,
	429 /* move_mount */,
	430 /* fsopen */,
	431 /* fsconfig */,
	432 /* fsmount */,
	433 /* fspick */,
	442 /* mount_setattr */,
	SYS_open_by_handle_at,
	SYS_quotactl,
	/* ways into the kernel */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	425 /* io_uring_setup */,
	426 /* io_uring_enter */,
	427 /* io_uring_register */,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	SYS_fanotify_init,
	SYS_personality,
	/* the machine */
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_syslog,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_clock_adjtime,
	SYS_vhangup,
	/* what processes share that is no file */
	SYS_shmget,
	SYS_shmat,
	SYS_shmctl,
	SYS_msgget,
	SYS_msgsnd,
	SYS_msgrcv,
	SYS_msgctl,
	SYS_semget,
	SYS_semop,
	SYS_semctl,
	SYS_mq_open,
	SYS_mq_unlink,
	/* Of a file without a place in a file system; confine/landlock.c leaves that free. */
	SYS_execveat,
#ifdef __x86_64__
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
	SYS_kexec_file_load,
#endif
};

/* The first argument is a process: only its own number. */
static const int own_process[] = {
	SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};

#define LENGTH_MAX 512

struct program {
	struct sock_filter lines[LENGTH_MAX];
	size_t len;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	assert(p->len < LENGTH_MAX);
	p->lines[p->len++] = (struct sock_filter){code, yes, no, k};
}

#define LOAD(offset)	  BPF_LD | BPF_W | BPF_ABS, (offset), 0, 0
#define EQUAL(k, yes, no) BPF_JMP | BPF_JEQ | BPF_K, (k), (yes), (no)
#define SET(k, yes, no)	  BPF_JMP | BPF_JSET | BPF_K, (k), (yes), (no)
#define AND(k)		  BPF_ALU | BPF_AND | BPF_K, (k), 0, 0
#define RETURN(k)	  BPF_RET | BPF_K, (k), 0, 0
#define FAIL(num)	  RETURN(SECCOMP_RET_ERRNO | (num))
#define ALLOW		  RETURN(SECCOMP_RET_ALLOW)

/* The lower half of an argument: both architectures are little-endian. */
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))

static void fail_if(struct program *p, int call, int num)
{
	add(p, EQUAL(call, 0, 1));
	add(p, FAIL(num));
}

static void allow_own_process(struct program *p, int call, uint32_t pid)
{
	add(p, EQUAL(call, 0, 4));
	add(p, LOAD(ARGUMENT(0)));
	add(p, EQUAL(pid, 0, 1));
	add(p, ALLOW);
	add(p, FAIL(EPERM));
}

/* 0 is the process itself. */
static void allow_own_limits(struct program *p, uint32_t pid)
{
	add(p, EQUAL(SYS_prlimit64, 0, 5));
	add(p, LOAD(ARGUMENT(0)));
	add(p, EQUAL(0, 1, 0));
	add(p, EQUAL(pid, 0, 1));
	add(p, ALLOW);
	add(p, FAIL(EPERM));
}

/* Threads are no processes. The flags of clone3() are in memory, where a filter does not
 * see them; the C library then takes clone(). */
static void refuse_processes(struct program *p)
{
#ifdef __x86_64__
	fail_if(p, SYS_fork, EPERM);
	fail_if(p, SYS_vfork, EPERM);
#endif
	fail_if(p, 435 /* clone3 */, ENOSYS);
	add(p, EQUAL(SYS_clone, 0, 4));
	add(p, LOAD(ARGUMENT(0)));
	add(p, SET(CLONE_THREAD, 0, 1));
	add(p, ALLOW);
	add(p, FAIL(EPERM));
}

/* What a socket is beside its flags. */
#define SOCKET_TYPE 0xf

/* Sockets that are pairs count, too: one for datagrams can be connected anew. A program that
 * is started is watched by a pair of streams. */
static void restrict_pairs(struct program *p, const struct confine_needs *needs)
{
	if (!needs->starts_programs) {
		fail_if(p, SYS_socketpair, EPERM);
		return;
	}
	add(p, EQUAL(SYS_socketpair, 0, 5));
	add(p, LOAD(ARGUMENT(1)));
	add(p, AND(SOCKET_TYPE));
	add(p, EQUAL(SOCK_STREAM, 0, 1));
	add(p, ALLOW);
	add(p, FAIL(EPERM));
}

static void restrict_sockets(struct program *p, const struct confine_needs *needs)
{
	enum confine_network network = needs->network;

	if (network == CONFINE_ANY_NETWORK)
		return;
	restrict_pairs(p, needs);
	if (network <= CONFINE_PORTS)
		fail_if(p, SYS_connect, EPERM);
	if (network == CONFINE_NO_NETWORK) {
		fail_if(p, SYS_socket, EPERM);
		return;
	}
	add(p, EQUAL(SYS_socket, 0, 5));
	add(p, LOAD(ARGUMENT(0)));
	add(p, EQUAL(AF_INET, 1, 0));
	add(p, EQUAL(AF_INET6, 0, 1));
	add(p, ALLOW);
	add(p, FAIL(EPERM));
}

static void write_program(struct program *p, const struct confine_needs *needs)
{
	uint32_t pid = getpid();

	add(p, LOAD(offsetof(struct seccomp_data, arch)));
#ifdef ARCHITECTURE
	add(p, EQUAL(ARCHITECTURE, 1, 0));
#endif
	add(p, FAIL(ENOSYS));
	add(p, LOAD(offsetof(struct seccomp_data, nr)));
#ifdef __x86_64__
	add(p, SET(X32_BIT, 0, 1));
	add(p, FAIL(ENOSYS));
#endif
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
		fail_if(p, forbidden[i], EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(own_process) && !needs->ends_programs; i++)
		allow_own_process(p, own_process[i], pid);
	allow_own_limits(p, pid);
	if (!needs->starts_programs)
		refuse_processes(p);
	restrict_sockets(p, needs);
	add(p, ALLOW);
}

int layer_filter_calls(const struct confine_needs *needs)
{
#ifdef ARCHITECTURE
	struct program program;

	program.len = 0;
	write_program(&program, needs);
	const struct sock_fprog filter = {program.len, program.lines};
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0 ? errno : 0;
#else
	(void)needs;
	return ENOSYS;
#endif
}
