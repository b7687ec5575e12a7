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

#include <stdbool.h>
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
	/* A command may be about this: it is skipped only where that was asked for. */
	bool has_users;
} skipped[] = {
	{"tracer_init_tracefs", TRACING, true},
	{"trace_eval_init", TRACING, true},
	{"ftrace_check_for_weak_functions", TRACING, true},
	{"kfunc_init", BPF, true},
	{"bpf_key_sig_kfuncs_init", BPF, true},
	{"bpf_rstat_kfunc_init", BPF, true},
	{"bpf_prog_test_run_init", BPF, true},
	{"bpf_tcp_ca_kfunc_init", BPF, true},
	{"bpf_dummy_struct_ops_init", BPF, true},
	{"cubictcp_register", TCP_CUBIC},
	{"i8042_init", KEYBOARD},
	{"crypto_kdf108_init", SELF_TEST},
	{"jent_mod_init", JITTER},
};

void initcalls_add_option(bool all, struct strbuf *line)
{
	const char *before = " initcall_blacklist=";

	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		if (skipped[i].has_users && !all)
			continue;
		strbuf_addf(line, "%s%s", before, skipped[i].name);
		before = ",";
	}
}

void initcalls_add_losses(bool all, struct strbuf *text)
{
	const char *last = "";

	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		if (skipped[i].has_users && !all)
			continue;
		if (strcmp(skipped[i].loses, last) != 0)
			strbuf_addf(text, "%s%s", *last ? "; " : "", skipped[i].loses);
		last = skipped[i].loses;
	}
}
