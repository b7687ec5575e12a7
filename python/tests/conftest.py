# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests share."""

import os

pytest_plugins = ["hypermin.pytest_plugin", "pytester"]

# A library with sanitizers needs them in this program from its beginning, and nobody else does.
os.environ.pop("LD_PRELOAD", None)
