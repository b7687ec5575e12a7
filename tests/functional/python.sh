# SPDX-License-Identifier: LGPL-2.1-or-later
# For the tests of the Python module: source it behind lib.sh.
# shellcheck shell=bash

[ -n "${HYPERMIN_PYTHON:-}" ] || skip "hypermin was configured without Python"
export HYPERMIN_LIBRARY PYTHONPATH=$HYPERMIN_SOURCE/python PYTHONDONTWRITEBYTECODE=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
HYPERMIN_LIBEXECDIR=$(dirname "$HYPERMIN")
export HYPERMIN_LIBEXECDIR

# python_test FILE…: of python/tests
python_test() {
	local sanitizers
	"$HYPERMIN_PYTHON" -c 'import pytest' 2>/dev/null || skip "pytest is not installed"
	# Python is built without the sanitizers that the library may be built with.
	sanitizers=$(ldd "$HYPERMIN_LIBRARY" | sed -n 's/.*lib[au]b*san.* => \([^ ]*\) .*/\1/p' | tr '\n' ' ')
	(cd "$HYPERMIN_SOURCE/python/tests" &&
		env ${sanitizers:+LD_PRELOAD="$sanitizers" ASAN_OPTIONS=detect_leaks=0} \
			"$HYPERMIN_PYTHON" -m pytest -p no:cacheprovider --basetemp="$scratch/pytest" -q "$@") ||
		fail "a test of the Python module failed"
}
