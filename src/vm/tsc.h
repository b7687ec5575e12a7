/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast the host's time stamp counter runs. Under TCG the guest reads the host's
 * counter, and an emulated machine has no timer, or on a busy host no reliable one, to
 * calibrate it against.
 */
#pragma once

/* In kHz; 0 where the counter does not run evenly. Takes 20 ms. */
#ifdef __x86_64__
unsigned tsc_measure_khz(void);
#else
static inline unsigned tsc_measure_khz(void)
{
	return 0; /* there is none */
}
#endif
