# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of docs/python.md, as they are written there."""

import doctest
import pathlib
import re

import pytest

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/python.md"
TEXT = PAGE.read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """With what the page says that there is."""
    monkeypatch.chdir(tmp_path)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with open("disk.img", "wb") as disk:
        disk.truncate(16 << 20)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("hello\n")


def test_the_dialogues():
    """All in one process, one after the other."""
    names = {}
    for number, text in enumerate(blocks("pycon")):
        example = doctest.DocTestParser().get_doctest(text, names, f"block {number}", PAGE, 0)
        said = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(example, out=said.append, clear_globs=False)
        names = example.globs
        assert not runner.failures, "".join(said)
        assert example.examples


def test_the_tests(pytester, directory):
    """A block whose first line is a comment with a name is the file of that name."""
    files = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", TEXT, re.M | re.S)
    assert {"conftest.py", "pytest.ini"} <= {name for name, text in files}
    for name, text in files:
        (pytester.path / name).write_text(text)
    pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "hypermin.pytest_plugin").assert_outcomes(passed=3)
