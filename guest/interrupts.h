/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupt lines of PCI devices that no firmware has seen. */
#pragma once

/* Call before the kernel scans for new devices. Only on a PC do interrupts depend on the
 * firmware. */
#ifdef __x86_64__
void interrupts_assign(void);
#else
static inline void interrupts_assign(void)
{
}
#endif
