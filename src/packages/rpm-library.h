/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * librpm, loaded only when there is a database of rpm's: most hosts of other distributions
 * do not have it. After rpm_library_load() its functions are called as
 *
 *	rpm.headerFree(h);
 */
#pragma once

#include <rpm/rpmdb.h>
#include <rpm/rpmds.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmstrpool.h>
#include <rpm/rpmts.h>

#include "base/error.h"

#define RPM_FUNCTIONS(X)      \
	X(headerGetAsString)  \
	X(headerGetInstance)  \
	X(headerGetString)    \
	X(rpmDefineMacro)     \
	X(rpmReadConfigFiles) \
	X(rpmdbFreeIterator)  \
	X(rpmdbNextIterator)  \
	X(rpmdsAnyMatchesDep) \
	X(rpmdsDNEVR)         \
	X(rpmdsFlags)         \
	X(rpmdsFree)          \
	X(rpmdsIsRich)        \
	X(rpmdsN)             \
	X(rpmdsNewPool)       \
	X(rpmdsNext)          \
	X(rpmdsParseRichDep)  \
	X(rpmdsSetIx)         \
	X(rpmdsSinglePool)    \
	X(rpmfilesFC)         \
	X(rpmfilesFFlags)     \
	X(rpmfilesFN)         \
	X(rpmfilesFState)     \
	X(rpmfilesFree)       \
	X(rpmfilesNew)        \
	X(rpmlogRecMessage)   \
	X(rpmlogRecPriority)  \
	X(rpmlogSetCallback)  \
	X(rpmlogSetMask)      \
	X(rpmstrPoolCreate)   \
	X(rpmstrPoolFree)     \
	X(rpmtsCreate)        \
	X(rpmtsFree)          \
	X(rpmtsInitIterator)  \
	X(rpmtsOpenDB)        \
	X(rpmtsSetVSFlags)

struct rpm_library {
#define RPM_POINTER(name) __typeof__(name) *name;
	RPM_FUNCTIONS(RPM_POINTER)
#undef RPM_POINTER
};

extern struct rpm_library rpm;

/* Further calls cost nothing. */
int rpm_library_load(struct error *err);
/* The first error that librpm has logged since the last call, or NULL. Valid until it logs
 * another one. */
const char *rpm_library_complaint(void);
