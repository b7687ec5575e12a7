# SPDX-License-Identifier: LGPL-2.1-or-later
"""pytest: a VM for each test, by the fixture `vm`.

What it is made of and what it can reach say the options vm_packages, vm_memory_mib and
vm_disks of pytest.ini, and @pytest.mark.vm(...) with any of the settings of hypermin.VM.
VMs resume from a snapshot, which the first test with the same settings takes.  If the
fixture vm_state is overridden, they go on from a saved state instead.
"""

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol, cast

import pytest

from . import VM, Cache, Error, Session, Settings

# With these a VM is as its snapshot, or has none.
_ATTACHED = ("disks", "shares", "host", "net", "forward", "reach", "cold")
_ALWAYS_BOOT = ("from_state", "appliance", "timeline", "append", "qemu_args", "gdb")


class MakeState(Protocol):
    """What the fixture make_vm_state is: prepare() is called with a session, which is then
    saved.  The result is the name of the state."""

    def __call__(self, prepare: Callable[[Session], object], **settings: Any) -> str: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("vm_packages", "packages of the VMs of the fixture vm", type="args")
    parser.addini("vm_memory_mib", "their memory in MiB")
    parser.addini("vm_disks", 'their disks, as "disk.img:rw"', type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "vm(**settings): settings of hypermin.VM for the fixture vm")


def _configured(config: pytest.Config) -> Settings:
    settings: Settings = {}
    if packages := config.getini("vm_packages"):
        settings["packages"] = packages
    if memory := config.getini("vm_memory_mib"):
        settings["memory_mib"] = int(memory)
    if disks := config.getini("vm_disks"):
        settings["disks"] = disks
    return settings


@pytest.fixture(scope="session")
def make_vm_state(pytestconfig: pytest.Config) -> Iterator[MakeState]:
    """For a fixture vm_state: see MakeState.  The states are removed at the end."""
    names: list[str] = []

    def make(prepare: Callable[[Session], object], **settings: Any) -> str:
        name = f"pytest-{os.getpid()}-{secrets.token_hex(4)}"
        chosen = _configured(pytestconfig)
        chosen.update(cast(Settings, settings))
        with Session.start(**chosen) as session:
            prepare(session)
            session.save(name)
        names.append(name)
        return name

    yield make
    for name in names:
        Cache().remove_state(name)


@pytest.fixture(scope="session")
def vm_state() -> str | None:
    """The saved state that each VM goes on from, or None.  To be overridden."""
    return None


@pytest.fixture(scope="session")
def _vm_warm() -> Callable[[Settings], None]:
    """Takes a snapshot for VMs with these settings, the first time."""
    known = []

    def warm(settings: Settings) -> None:
        if os.environ.get("HYPERMIN_COLD", "0") not in ("", "0") or \
                any(settings.get(name) for name in (*_ALWAYS_BOOT, "cold")):
            return
        lasting = {name: value for name, value in settings.items() if name not in _ATTACHED}
        disks = len(list(settings.get("disks", ())))
        if (lasting, disks) not in known:
            known.append((lasting, disks))
            try:
                VM(**cast(Settings, lasting)).warm(disks)
            except Error:
                # Not every VM can resume.  start() says what is wrong with the settings.
                pass

    return warm


@pytest.fixture
def vm(request: pytest.FixtureRequest, vm_state: str | None,
       _vm_warm: Callable[[Settings], None]) -> Iterator[VM]:
    """A VM for this test alone."""
    settings: Settings = {"from_state": vm_state} if vm_state else _configured(request.config)
    for marker in reversed(list(request.node.iter_markers("vm"))):
        settings.update(cast(Settings, marker.kwargs))
    _vm_warm(settings)
    with VM(**settings) as machine:
        yield machine


def _add_console(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    machine = getattr(item, "funcargs", {}).get("vm")
    if report.when == "call" and report.failed and isinstance(machine, VM):
        try:
            # A command that still runs would have to end first.
            machine._handle.end_call(patience=1)
            report.sections.append(("Console of the VM", machine.console_tail()))
        except Error:
            # The test has closed it.
            pass


pytest_runtest_makereport = pytest.hookimpl(hookwrapper=True)(_add_console)
