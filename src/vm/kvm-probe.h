/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does KVM here run code at a processor's speed? On x86 some hosts emulate KVM, so there
 * is a probe (kvm-probe-x86.c). On other hosts a guest that does not boot in time tells.
 */
#pragma once

#include <stdbool.h>

#include "base/mem.h"

/* /dev/kvm is open. *ret_reason, why or why not, is a new string. Takes up to about 10
 * ms. */
#ifdef __x86_64__
bool kvm_probe(int kvm, char **ret_reason);
#else
static inline bool kvm_probe(int kvm, char **ret_reason)
{
	(void)kvm;
	*ret_reason =
		xstrdup("/dev/kvm is there; whether it is fast shows when it boots");
	return true;
}
#endif
