# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions, saved states and VMs that wait."""

import asyncio
import errno
import threading

import pytest

import hypermin
from hypermin import PIPE, VM, Session


@pytest.fixture(autouse=True)
def runtime_directory(tmp_path_factory, monkeypatch):
    """The user's own sessions are left alone."""
    directory = tmp_path_factory.mktemp("run")
    directory.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))


def test_a_session_lives_until_it_is_stopped():
    with Session.start("web", memory_mib=512) as session:
        assert session.name == "web"
        session.run(["sh", "-c", "echo kept >/tmp/file"], check=True)
        with Session.open("web") as other:
            assert other.run(["cat", "/tmp/file"], text=True, stdout=PIPE).stdout == "kept\n"
        info, = hypermin.sessions()
        assert (info.name, info.disks, info.commands) == ("web", 0, 0)
        assert info.memory > 0 and info.started > 0
        assert info.details["name"] == "web"
        with pytest.raises(hypermin.Error, match="web"):
            Session.start("web")
    assert hypermin.sessions() == []
    with pytest.raises(hypermin.Error, match="no session 'web'") as failed:
        Session.open("web")
    assert failed.value.errno == errno.ENOENT
    with pytest.raises(hypermin.Error, match="no-such-package"):
        Session.start(packages=["no-such-package"])


def test_commands_run_at_the_same_time(tmp_path):
    with Session.start() as session:
        with session.popen(["sh", "-c", "read x; echo got $x"], stdin=PIPE, stdout=PIPE,
                           text=True) as first:
            async def others():
                await asyncio.gather(*[session.run_async("true", check=True) for i in range(3)])
            asyncio.run(others())
            assert first.poll() is None
            assert hypermin.sessions()[0].commands == 1
            first.stdin.write("it\n")
            first.stdin.close()
            assert first.stdout.read() == "got it\n"
        session.run(["sh", "-c", "sleep 1000; echo >/tmp/never"], detached=True)
        with pytest.raises(hypermin.TimeoutExpired):
            session.run(["sleep", "1000"], timeout=0.2)
        with session.popen(["sh", "-c", "echo ready; sleep 1000"], stdout=PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            process.terminate()
        assert process.poll() == -15
        (tmp_path / "file").write_text("copied\n")
        session.copy_in(tmp_path / "file", "/tmp/there")
        session.copy_out("/tmp/there", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "copied\n"
        session.kill()
        with pytest.raises(hypermin.Error):
            session.run("true")


def test_a_saved_state_has_copies():
    with Session.start() as session:
        session.run(["sh", "-c", "echo $$ >/tmp/pid; cat /proc/sys/kernel/random/uuid >/tmp/id"])
        session.save("prepared")
        with pytest.raises(hypermin.Error, match="there is a saved state"):
            session.save("prepared")
    cache = hypermin.Cache()
    assert "prepared" in {item.key for item in cache.list()}
    ids = set()
    for i in range(2):
        with VM(from_state="prepared") as vm:
            vm.run(["sh", "-c", "test ! -e /tmp/mine; touch /tmp/mine"], check=True)
            ids.add(vm.run(["cat", "/tmp/id"], stdout=PIPE, check=True).stdout)
    assert len(ids) == 1
    with pytest.raises(hypermin.Error, match="made already"):
        with VM(from_state="prepared", memory_mib=512):
            pass
    cache.remove_state("prepared")
    with pytest.raises(hypermin.Error, match="no saved state 'prepared'"):
        with VM(from_state="prepared"):
            pass


def test_a_vm_is_kept_by_this_process():
    names = []
    started = threading.Event()
    vm = VM()

    def ready(name):
        names.append(name)
        started.set()
    keeper = threading.Thread(target=lambda: vm.keep(ready=ready))
    keeper.start()
    assert started.wait(60)
    with Session.open(names[0]) as session:
        assert session.run("true").returncode == 0
        session.stop()
    keeper.join(60)
    assert not keeper.is_alive()

    def refuse(name):
        raise KeyError(name)
    with pytest.raises(KeyError):
        VM().keep(ready=refuse)


def test_a_vm_that_waits_is_taken(monkeypatch):
    monkeypatch.delenv("HYPERMIN_COLD", raising=False)
    waiting = VM()
    started = threading.Event()
    ended = []
    keeper = threading.Thread(
        target=lambda: ended.append(waiting.keep_ready(1, ready=lambda name: started.set())))
    keeper.start()
    assert started.wait(60)
    assert VM().keep_ready(1) is False
    with VM(take_ready=True) as vm:
        assert vm.run(["echo", "at once"], stdout=PIPE).stdout == b"at once\n"
        # It is another's.
        with pytest.raises(hypermin.Error, match="session"):
            vm.block_devices()
    keeper.join(60)
    assert ended == [True]
    assert hypermin.stop_ready() == 0


def test_a_snapshot_is_taken_once(tmp_path, monkeypatch):
    monkeypatch.delenv("HYPERMIN_COLD", raising=False)
    assert VM(cache_dir=tmp_path).warm(disks=1) is True
    assert VM(cache_dir=tmp_path).warm(disks=1) is False
