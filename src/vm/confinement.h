/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the programs of a VM need, so that they can be confined to it. */
#pragma once

#include "confine/confine.h"
#include "vm/profile.h"
#include "vm/vm.h"

/* Parts of the configuration have to live as long as *ret. `ram_fd`: the file that the
 * guest's memory is in, or -1. */
void confinement_of_qemu(const struct vm_config *config, const struct profile *profile,
	int ram_fd, struct confine *ret);
void confinement_of_share(const struct vm_config *config, struct confine *ret);
void confinement_of_served(const struct vm_config *config, const struct vm_share *share,
	struct confine *ret);

/* What would be in force for qemu, with nothing attached. `sandbox`: it has the option. */
int confinement_examine(const char *qemu, bool sandbox, confine_report_fn *fn, void *data,
	struct error *err);
