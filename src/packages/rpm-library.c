/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading librpm, and keeping the errors that it logs: its functions say little more than
 * that they failed, or skip what is damaged. */
#include "packages/rpm-library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config.h"

struct rpm_library rpm;

static struct {
	bool loaded;
	/* An error was logged since the last question. */
	bool heard;
	char complaint[500];
} state;

static int on_log(rpmlogRec record, rpmlogCallbackData data)
{
	const char *text = rpm.rpmlogRecMessage(record);
	int len = strcspn(text, "\n");

	(void)data;
	log_debug("rpm: %.*s", len, text);
	if (rpm.rpmlogRecPriority(record) <= RPMLOG_ERR && !state.heard) {
		snprintf(state.complaint, sizeof(state.complaint), "%.*s", len, text);
		state.heard = true;
	}
	return 0; /* librpm must not print it */
}

const char *rpm_library_complaint(void)
{
	bool heard = state.heard;

	state.heard = false;
	return heard ? state.complaint : NULL;
}

static int find_functions(void *library, struct error *err)
{
	static const struct {
		const char *name;
		size_t offset;
	} functions[] = {
#define RPM_OFFSET(name) {#name, offsetof(struct rpm_library, name)},
		RPM_FUNCTIONS(RPM_OFFSET)
#undef RPM_OFFSET
	};

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		void *function = dlsym(library, functions[i].name);
		if (!function)
			return error_set(err, 0, "use rpm's library: %s", dlerror());
		memcpy((char *)&rpm + functions[i].offset, &function, sizeof(function));
	}
	return 0;
}

/* The one that this was built with, or another: what is called here is the same in all. */
static void *load_library(struct error *err)
{
	static const char *const names[] = {RPM_LIBRARY, "librpm.so.10", "librpm.so.9"};
	char reason[300] = "";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
		if (library)
			return library;
		if (i == 0)
			snprintf(reason, sizeof(reason), "%s", dlerror());
	}
	error_set(
		err, 0, "read rpm's database: %s. Install rpm's library, librpm", reason);
	return NULL;
}

int rpm_library_load(struct error *err)
{
	if (state.loaded)
		return 0;
	void *library = load_library(err);
	if (!library)
		return -1;
	if (find_functions(library, err) < 0)
		return -1;
	rpm.rpmlogSetMask(RPMLOG_UPTO(RPMLOG_WARNING));
	rpm.rpmlogSetCallback(on_log, NULL);
	if (rpm.rpmReadConfigFiles(NULL, NULL) != 0)
		return error_set(err, 0, "read rpm's configuration: %s",
			rpm_library_complaint() ?: "it is not complete");
	state.loaded = true;
	return 0;
}
