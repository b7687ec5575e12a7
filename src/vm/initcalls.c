/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Together these take a sixth of an emulated boot. Two things are expensive. tracefs makes
 * some ten thousand files. And the first function that registers others for BPF programs
 * parses the kernel's type information (BTF), so all of these have to go. The others wait
 * for devices that the VM does not use, or only test themselves.
 *
 * The kernel compares names, and ignores a name that it does not have. Kernels differ in
 * that, and so does the gain.
 */
#include "vm/initcalls.h"

#include <string.h>

#include "base/mem.h"

/* How much more CPU time a boot takes when one of these groups runs after all
 * (bench/settings): the tests 0.02, the keyboard 0.06, what registers functions for BPF
 * 0.09, tracing 0.12, and with Linux 6.12 the jitter generator 0.19. */
#define TRACING	  "tracing by tracefs (perf trace, trace-cmd, bpftrace)"
#define BPF	  "functions of the kernel that BPF programs may call"
#define TCP_CUBIC "TCP's cubic congestion control (it uses reno)"
#define KEYBOARD  "keyboard and mouse"
#define SELF_TEST "the self test of a key derivation function"
#define JITTER	  "a random number generator of the crypto API, jitterentropy_rng"

static const struct {
	/* Of the function in the kernel. */
	const char *name;
	/* What a guest without it has not. */
	const char *loses;
} skipped[] = {
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
