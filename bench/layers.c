/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * layers on|off COMMAND…: execute it, with the calls that confine a process (src/confine/) as
 * usual, or failing as if the host had none of them. Either way a filter of the same length
 * looks at each system call, so that this costs the same.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REFUSED(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, answer)

int main(int argc, char **argv)
{
	const unsigned off = SECCOMP_RET_ERRNO | ENOSYS;
	const unsigned answer =
		argc > 1 && strcmp(argv[1], "off") == 0 ? off : SECCOMP_RET_ALLOW;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		REFUSED(444 /* landlock_create_ruleset */),
		REFUSED(SYS_seccomp),
		REFUSED(SYS_capset),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 5),
		BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		REFUSED(PR_SET_SECCOMP),
		REFUSED(PR_CAPBSET_DROP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

	if (argc < 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
		perror("layers on|off COMMAND...");
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
