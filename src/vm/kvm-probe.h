/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does KVM here run code at a processor's speed? See kvm-probe.c. Private to src/vm. */
#pragma once

#include <stdbool.h>

/* A descriptor of /dev/kvm, or -1 and *ret_reason: a new string, caller frees. */
int kvm_open(char **ret_reason);
/* True if it does. Else *ret_reason says why not. Takes up to about 10 ms. */
bool kvm_probe(int kvm, char **ret_reason);
