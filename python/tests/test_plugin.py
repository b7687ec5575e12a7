# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin for pytest, by tests that are run by it."""

import pytest

import hypermin


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path_factory, monkeypatch):
    directory = tmp_path_factory.mktemp("run")
    directory.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))


def run(pytester, text):
    pytester.makepyfile(text)
    return pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-p", "hypermin.pytest_plugin")


def test_each_test_has_a_vm_of_its_own(pytester):
    run(pytester, """
        import pytest

        @pytest.mark.parametrize("i", range(2))
        def test_it(vm, i):
            vm.run(["sh", "-c", "test ! -e /tmp/mine && touch /tmp/mine"], check=True)
    """).assert_outcomes(passed=2)


def test_settings_come_from_the_configuration_and_markers(pytester):
    with open(pytester.path / "disk.img", "wb") as disk:
        disk.truncate(1 << 20)
    pytester.makeini("""
        [pytest]
        vm_packages = e2fsprogs
        vm_memory_mib = 300
        vm_disks = disk.img:rw
    """)
    run(pytester, """
        import pytest

        def memory(vm):
            return int(vm.run(["awk", "/MemTotal/ {print $2}", "/proc/meminfo"],
                              capture_output=True, check=True).stdout)

        def test_configured(vm):
            assert memory(vm) < 300 * 1024
            assert not vm.block_devices()[0].read_only
            vm.run(["mke2fs", "-q", "/dev/vda"], check=True)

        @pytest.mark.vm(cpus=2, memory_mib=600)
        class TestMarked:
            def test_class(self, vm):
                assert 300 * 1024 < memory(vm) < 600 * 1024
                assert vm.run("nproc", capture_output=True).stdout == b"2\\n"

            @pytest.mark.vm(disks=[])
            def test_both(self, vm):
                assert memory(vm) > 300 * 1024
                assert vm.block_devices() == []
    """).assert_outcomes(passed=3)


def test_vms_resume_from_a_snapshot(pytester, tmp_path, monkeypatch):
    monkeypatch.delenv("HYPERMIN_COLD", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run(pytester, """
        def test_it(vm):
            # A VM that boots has been up for as long as it took.
            vm.run("true", check=True)
    """).assert_outcomes(passed=1)
    kinds = [item.kind for item in hypermin.Cache(tmp_path / "hypermin").list()]
    assert kinds.count("snapshot") == 1


def test_vms_go_on_from_a_saved_state(pytester):
    pytester.makeconftest("""
        import pytest

        @pytest.fixture(scope="session")
        def vm_state(make_vm_state):
            def prepare(session):
                session.run(["sh", "-c", "echo prepared >/tmp/file"], check=True)
            return make_vm_state(prepare, memory_mib=300)
    """)
    run(pytester, """
        import pytest

        @pytest.mark.parametrize("i", range(2))
        def test_it(vm, i):
            script = 'cat /tmp/file; test ! -e /tmp/mine; touch /tmp/mine'
            assert vm.run(["sh", "-ec", script], capture_output=True).stdout == b"prepared\\n"
    """).assert_outcomes(passed=2)
    assert "state" not in {item.kind for item in hypermin.Cache().list()}
    assert hypermin.sessions() == []


def test_a_failure_shows_the_console(pytester):
    result = run(pytester, """
        def test_it(vm):
            vm.run(["sh", "-c", "echo something is wrong >/dev/console"], check=True)
            running = vm.popen(["sh", "-c", "echo ready; sleep 1000"], stdout=-1)
            running.stdout.readline()
            vm.run_later = 1 / 0
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Console of the VM*", "something is wrong"])
