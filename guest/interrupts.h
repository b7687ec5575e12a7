/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupt lines of PCI devices that no firmware has seen. */
#pragma once

/* Call before the kernel is told to look for new devices. Does nothing where interrupts do
 * not depend on the firmware. */
void interrupts_assign(void);
