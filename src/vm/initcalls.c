/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Together a sixth of an emulated boot. Two things are so dear: the files of tracefs,
 * some ten thousand, and reading the kernel's type information (BTF), which whoever comes
 * first among those that register functions for BPF programs has to do; so it is all of
 * these or none. The rest waits for devices that the VM has no user for, or does nothing
 * but test itself. The kernel compares names, and one that it does not have is no error:
 * kernels differ, and the gain with them.
 */
#include "vm/initcalls.h"

#include <string.h>

#include "base/mem.h"

/* What leaving one of these out of the others costs is a part of the boot's CPU time: of
 * the tests 0.02, of the keyboard 0.06, of what registers functions for BPF 0.09, of
 * tracing 0.12, and with Linux 6.12 of the jitter generator 0.19 (bench/settings). */
#define TRACING	  "tracing by tracefs (perf trace, trace-cmd, bpftrace)"
#define BPF	  "functions of the kernel that BPF programs may call"
#define TCP_CUBIC "TCP's cubic congestion control (it uses reno)"
#define KEYBOARD  "keyboard and mouse"
#define SELF_TEST "the self test of a key derivation function"
#define JITTER	  "a random number generator of the crypto API, jitterentropy_rng"

static const struct skipped_initcall skipped[] = {
	{"tracer_init_tracefs", TRACING},
	{"trace_eval_init", TRACING},
	{"ftrace_check_for_weak_functions", TRACING},
	{"kfunc_init", BPF},
	{"bpf_key_sig_kfuncs_init", BPF},
	{"bpf_rstat_kfunc_init", BPF},
	{"bpf_prog_test_run_init", BPF},
	{"bpf_tcp_ca_kfunc_init", BPF},
	{"bpf_dummy_struct_ops_init", BPF},
	{"cubictcp_register", TCP_CUBIC},
	{"i8042_init", KEYBOARD},
	{"crypto_kdf108_init", SELF_TEST},
	{"jent_mod_init", JITTER},
};

const struct skipped_initcall *skipped_initcall_at(size_t i)
{
	return i < ARRAY_SIZE(skipped) ? &skipped[i] : NULL;
}

void initcalls_add_option(struct strbuf *line)
{
	strbuf_adds(line, " initcall_blacklist=");
	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++)
		strbuf_addf(line, "%s%s", i ? "," : "", skipped[i].name);
}

void initcalls_add_losses(struct strbuf *text)
{
	const char *last = "";

	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		if (strcmp(skipped[i].loses, last) != 0)
			strbuf_addf(text, "%s%s", i ? "; " : "", skipped[i].loses);
		last = skipped[i].loses;
	}
}
