# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMs: their commands, as with subprocess, and all that they are given."""

import asyncio
import logging
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

import hypermin
from hypermin import PIPE, STDOUT, VM, Disk, Share


@pytest.fixture(scope="module")
def vm():
    with VM() as machine:
        yield machine


def test_run_captures_text(vm):
    result = vm.run(["sh", "-c", "echo öut; echo err >&2; exit 3"], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("öut\n", "err\n")
    assert (result.returncode, result.status, result.outcome) == (3, 3, hypermin.Outcome.EXITED)
    assert isinstance(result, subprocess.CompletedProcess)


def test_run_captures_bytes(vm):
    data = bytes(range(256)) * 4000
    assert vm.run("cat", input=data, stdout=PIPE).stdout == data


def test_streams_are_as_in_subprocess(vm, tmp_path):
    with open(tmp_path / "in", "w+") as source, open(tmp_path / "out", "w") as target:
        source.write("from a file\n")
        source.flush()
        source.seek(0)
        vm.run(["sh", "-c", "cat; echo err >&2"], stdin=source, stdout=target, stderr=STDOUT)
    assert (tmp_path / "out").read_text() == "from a file\nerr\n"
    assert vm.run("cat", stdout=PIPE).stdout == b""
    with pytest.raises(ValueError):
        vm.run("true", capture_output=True, stdout=PIPE)
    with pytest.raises(ValueError):
        vm.run("true", input=b"", stdin=0)


def test_where_and_as_whom_a_command_runs(vm):
    result = vm.run(["sh", "-c", "pwd; id -u; echo $NAME; echo \"$1\"", "sh", "a  b"], cwd="/usr",
                    user="daemon", env={"NAME": "a value"}, text=True, capture_output=True)
    assert result.stdout.split("\n") == ["/usr", "1", "a value", "a  b", ""]


def test_failures_say_what_failed(vm):
    with pytest.raises(hypermin.CalledProcessError, match="status 4") as failed:
        vm.run(["sh", "-c", "echo why >&2; exit 4"], check=True, capture_output=True)
    assert failed.value.stderr == b"why\n"
    assert isinstance(failed.value, subprocess.CalledProcessError)
    assert vm.run(["sh", "-c", "kill -9 $$"]).returncode == -9
    with pytest.raises(hypermin.NotExecuted, match="no-such-command") as failed:
        vm.run("no-such-command")
    assert failed.value.status == 127
    with pytest.raises(hypermin.NotExecuted) as failed:
        vm.run("/etc/passwd")
    assert failed.value.status == 126
    with pytest.raises(hypermin.Error, match="user"):
        vm.run("true", user="")
    with pytest.raises(hypermin.Error, match="takes a session"):
        vm.run("true", detached=True)


def test_popen_talks_to_a_command(vm):
    with vm.popen(["sed", "-u", "s/^/got /"], stdin=PIPE, stdout=PIPE, text=True) as process:
        for word in ("one", "two"):
            process.stdin.write(word + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"got {word}\n"
        assert process.poll() is None
        with pytest.raises(hypermin.TimeoutExpired):
            process.wait(timeout=0.1)
        process.stdin.close()
        assert process.wait() == 0 and process.poll() == 0


def test_popen_sends_a_signal(vm):
    with vm.popen(["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done"],
                  stdout=PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait() == 7
    with pytest.raises(ZeroDivisionError):
        with vm.popen(["sh", "-c", "echo ready; sleep 1000"], stdout=PIPE) as process:
            process.stdout.readline()
            1 / 0
    assert vm.run("true").returncode == 0


def test_commands_of_several_threads_come_one_after_the_other(vm):
    results = []
    threads = [threading.Thread(target=lambda i=i: results.append(
        vm.run(["echo", str(i)], stdout=PIPE).stdout)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [b"%d\n" % i for i in range(8)]


def test_an_event_loop_goes_on(vm):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1
        ticking = asyncio.create_task(tick())
        process = vm.popen(["sh", "-c", "read x; exit 5"], stdin=PIPE)
        waiting = asyncio.create_task(process.wait_async())
        while ticks < 3:
            await asyncio.sleep(0.01)
        process.stdin.write(b"\n")
        process.stdin.close()
        assert await waiting == 5
        first, second = await asyncio.gather(
            vm.run_async(["echo", "1"], text=True, stdout=PIPE),
            vm.run_async(["echo", "2"], text=True, stdout=PIPE))
        assert (first.stdout, second.stdout) == ("1\n", "2\n")
        with pytest.raises(hypermin.CalledProcessError):
            await vm.run_async("false", check=True)
        ticking.cancel()
    asyncio.run(main())


def test_a_cancelled_task_kills_its_command(vm):
    async def main():
        process = vm.popen(["sh", "-c", "echo ready; read x"], stdin=PIPE, stdout=PIPE)
        assert process.stdout.readline() == b"ready\n"
        # This one waits for the other, and is not begun.
        waiting = asyncio.create_task(vm.run_async(["touch", "/tmp/cancelled"]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        running = asyncio.create_task(process.wait_async())
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert process.poll() == -signal.SIGKILL
        assert vm.run(["test", "-e", "/tmp/cancelled"]).returncode == 1
    asyncio.run(main())


def test_copies(vm, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_text("hello\n")
    vm.copy_in(tmp_path / "tree", "/tmp")
    vm.run(["sh", "-c", "echo more >>/tmp/tree/file"], check=True)
    vm.copy_out("/tmp/tree/.", tmp_path / "back")
    assert (tmp_path / "back/file").read_text() == "hello\nmore\n"
    with pytest.raises(hypermin.Error, match="absolute path"):
        vm.copy_in(tmp_path / "tree", "tmp")
    asyncio.run(vm.copy_in_async(tmp_path / "tree/file", "/tmp/single"))
    asyncio.run(vm.copy_out_async("/tmp/single", tmp_path / "single"))
    assert (tmp_path / "single").read_text() == "hello\n"


def test_the_console_has_a_tail(vm):
    vm.run(["sh", "-c", "echo first >/dev/console; echo last >/dev/console"], check=True)
    assert vm.console_tail(1) == "last\n"


def test_what_a_vm_is_given(tmp_path):
    for name in ("ro", "rw", "odd:raw"):
        with open(tmp_path / name, "wb") as disk:
            disk.truncate(1 << 20)
    for name in ("shared", "write:able", "overlaid"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    disks = [tmp_path / "ro", f"{tmp_path}/rw:rw", Disk(tmp_path / "odd:raw", "snapshot", "raw",
             sector_size=4096, serial="odd")]
    shares = [tmp_path / "shared", Share(tmp_path / "write:able", "/w", "rw"),
              Share(tmp_path / "overlaid", mode="overlay")]
    with VM(packages=["e2fsprogs"], memory_mib=300, cpus=2, disks=disks, shares=shares) as vm:
        assert [(d.name, d.size, d.read_only) for d in vm.block_devices()] == [
            ("vda", 1 << 20, True), ("vdb", 1 << 20, False), ("vdc", 1 << 20, False)]
        text = vm.run(["sh", "-c", f"""
            set -e
            nproc; command -v mke2fs; cat /sys/block/vdc/serial; echo; blockdev --getss /dev/vdc
            cat {tmp_path}/shared/file /w/file {tmp_path}/overlaid/file; echo
            echo written | tee /dev/vdb >/w/new; echo dropped >/dev/vdc
            echo new >{tmp_path}/overlaid/new
            ! touch {tmp_path}/shared/new 2>/dev/null
        """], text=True, capture_output=True, check=True).stdout.split("\n")
        assert text[0] == "2" and text[1].endswith("mke2fs") and text[2:4] == ["odd", "4096"]
        assert text[4] == "sharedwrite:ableoverlaid"
        memory = vm.run(["grep", "MemTotal", "/proc/meminfo"], text=True, stdout=PIPE).stdout
        assert int(memory.split()[1]) < 300 * 1024
    assert (tmp_path / "rw").read_bytes().startswith(b"written\n")
    assert (tmp_path / "write:able/new").read_text() == "written\n"
    assert (tmp_path / "odd:raw").read_bytes() == bytes(1 << 20)
    assert not (tmp_path / "overlaid/new").exists()


def test_settings_are_checked():
    with pytest.raises(hypermin.Error, match="128 MiB at least"):
        VM(memory_mib=1)
    with pytest.raises(TypeError, match="no setting 'memory'"):
        VM(memory=512)
    with pytest.raises(ValueError, match="give its format"):
        VM(disks=[Disk("x:qcow2")])
    with pytest.raises(hypermin.Error, match="no-such-package"):
        with VM(packages=["no-such-package"]):
            pass


def test_a_time_limit_ends_a_command():
    with VM() as vm:
        with pytest.raises(hypermin.TimeoutExpired) as expired:
            vm.run(["sh", "-c", "echo begun; sleep 1000"], timeout=1.5, capture_output=True,
                   text=True)
        assert expired.value.stdout == "begun\n"
        assert isinstance(expired.value, subprocess.TimeoutExpired)


def test_a_vm_ends_in_several_ways():
    vm = VM()
    with pytest.raises(hypermin.Error, match="has not been started"):
        vm.run("true")
    vm.start()
    process = vm.popen(["sh", "-c", "echo ready; sleep 1000"], stdout=PIPE)
    assert process.stdout.readline() == b"ready\n"
    # That is how it ends, not a VM that waits for its command.
    vm.stop()
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(hypermin.Error, match="was stopped"):
        vm.run("true")
    vm.close()
    with pytest.raises(hypermin.Error, match="is closed"):
        vm.run("true")
    vm.interrupt(signal.SIGTERM)

    async def main():
        async with VM() as vm:
            assert (await vm.run_async("true")).returncode == 0
            vm.kill()
    asyncio.run(main())


def test_a_forked_child_leaves_the_vm_alone(vm):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with pytest.raises(hypermin.Error):
                vm.run("true")
            vm.interrupt(signal.SIGKILL)
            vm.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert vm.run("true").returncode == 0


def test_control_c_is_passed_on():
    script = """
import hypermin, sys
with hypermin.VM() as vm:
    try:
        vm.run(["sh", "-c", "trap 'echo interrupted; exit 0' INT; echo ready;"
                " while :; do sleep 0.1; done"])
    except KeyboardInterrupt:
        print("KeyboardInterrupt", flush=True)
    vm.run(["echo", "it goes on"])
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\nKeyboardInterrupt\nit goes on\n"
    assert process.returncode == 0


def test_what_is_done_without_a_vm(tmp_path, caplog):
    caplog.set_level(logging.INFO, "hypermin")
    vm = VM(cache_dir=tmp_path / "cache", append=["quiet"], gdb=True)
    assert not vm.is_prepared()
    vm.prepare()
    assert "building an appliance" in caplog.text
    assert vm.is_prepared()
    assert "qemu-system" in vm.qemu_command()
    assert "target remote" in vm.gdb_command()
    vm.export(tmp_path / "appliance")
    assert {path.name for path in (tmp_path / "appliance").iterdir()} == {
        "initrd", "kernel", "manifest.json", "root"}
    with VM(appliance=tmp_path / "appliance", timeline=tmp_path / "boot.json") as vm:
        vm.run("true", check=True)
        vm.write_timeline()
    assert (tmp_path / "boot.json").stat().st_size > 0

    cache = hypermin.Cache(tmp_path / "cache")
    assert cache.directory == str(tmp_path / "cache")
    appliance, = [item for item in cache.list() if item.kind == "appliance"]
    assert cache.manifest(appliance.key[:12])
    assert 0 < appliance.bytes <= cache.size()
    assert all(item.text is None for item in cache.verify())
    root = next(tmp_path.glob("cache/**/appliances/*/root"))
    with open(root, "r+b") as file:
        file.seek(4096)
        file.write(b"damage")
    assert any(item.text for item in cache.verify())
    assert any(item.removed for item in cache.collect(everything=True))


def test_findings_of_the_host():
    findings = hypermin.doctor()
    assert "qemu" in {finding.topic for finding in findings}
    assert all(finding.advice for finding in findings
               if finding.severity == hypermin.Severity.PROBLEM)
    assert pathlib.Path(hypermin.find_program("hypermin-builder")).exists()
    with pytest.raises(hypermin.Error, match="no-such-program"):
        hypermin.find_program("no-such-program")


def test_appliances_for_others(tmp_path):
    (tmp_path / "packages").write_text("coreutils\n")
    made = hypermin.assemble(tmp_path / "out", [tmp_path / "packages"],
                             format=hypermin.Format.CHROOT, if_newer=True)
    assert made and (tmp_path / "out/bin/ls").exists()
    assert not hypermin.assemble(tmp_path / "out", [tmp_path / "packages"],
                                 format=hypermin.Format.CHROOT, if_newer=True)
    with pytest.raises(TypeError, match="no keyword"):
        hypermin.assemble(tmp_path / "out", compress=True)


def test_a_library_that_does_not_fit(tmp_path):
    def import_with(library):
        result = subprocess.run([sys.executable, "-c", "import hypermin"], text=True,
                                stderr=PIPE, env=dict(os.environ, HYPERMIN_LIBRARY=str(library)))
        return result.stderr.strip().split("\n")[-1]

    assert "name the file of its library in HYPERMIN_LIBRARY" in import_with(tmp_path / "none")
    for code, complaint in (
            ('const char *hypermin_version(void) { return "9.1"; }', "is version 9.1"),
            (f'const char *hypermin_version(void) {{ return "{hypermin.__version__}"; }}',
             "it is older"),
            ("int other;", "is not hypermin's library")):
        library = tmp_path / f"{len(complaint)}.so"
        subprocess.run(["gcc", "-shared", "-x", "c", "-o", library, "-"], input=code, text=True,
                       check=True)
        assert complaint in import_with(library)


def test_the_log_is_the_caller_s_to_take(vm):
    lines = []
    hypermin.set_log(lambda level, line: lines.append((level, line)), hypermin.LogLevel.DEBUG)
    try:
        with VM(memory_mib=512) as other:
            other.run("true")
    finally:
        hypermin.set_log()
    assert any(level == hypermin.LogLevel.DEBUG and "qemu command line" in line
               for level, line in lines)
