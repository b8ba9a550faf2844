"""Who holds a port, from real sockets and from what a system tells of other users' programs."""

import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from app.desktop.port_holder import Holder, Who, advice, holder

LISTEN = (
    "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); sys.stdin.read()"
)


def _seen(ip, port, pid):
    return SimpleNamespace(status=psutil.CONN_LISTEN, laddr=SimpleNamespace(ip=ip, port=port), pid=pid)


def test_nobody_holds_a_free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, so that nobody else gets it; nobody listens
        assert holder("127.0.0.1", taken.getsockname()[1]) is None


def test_this_very_program():
    with socket.create_server(("127.0.0.1", 0)) as mine:
        assert holder("127.0.0.1", mine.getsockname()[1]) == Holder(Who.SELF, os.getpid())


def test_a_stranger_is_named_and_left_alone():
    with subprocess.Popen([sys.executable, "-c", LISTEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        port = int(stranger.stdout.readline())
        found = holder("127.0.0.1", port)
        assert (found.who, found.pid) == (Who.FOREIGN, stranger.pid)
        words = found.in_words("127.0.0.1", port)
        assert str(stranger.pid) in words
        assert found.name in words
        assert stranger.poll() is None
        stranger.stdin.close()


@pytest.mark.parametrize(
    ("command", "who"),
    [
        (["/usr/bin/flowork", "serve"], Who.FLOWORK),
        (["/usr/bin/python3", "-m", "app", "serve"], Who.FLOWORK),
        (["/usr/bin/python3", "/home/a/.venv/bin/flowork", "serve"], Who.FLOWORK),
        ([r"C:\Program Files\Flowork\flowork.exe"], Who.FLOWORK),
        (["/usr/bin/vi", "notes", "about", "flowork"], Who.FOREIGN),
        ([], Who.FOREIGN),
    ],
)
def test_another_flowork_is_told_from_a_stranger(monkeypatch, command, who):
    monkeypatch.setattr(psutil, "Process", lambda pid: SimpleNamespace(name=lambda: "name", cmdline=lambda: command))
    assert holder("127.0.0.1", 7717, lambda: [_seen("127.0.0.1", 7717, 4242)]).who is who


def test_what_the_system_does_not_tell_is_said_to_be_unknown():
    assert holder("127.0.0.1", 7717, lambda: [_seen("127.0.0.1", 7717, None)]) == Holder(Who.UNKNOWN)


@pytest.mark.parametrize(("ip", "found"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", True), ("192.168.1.5", False)])
def test_only_who_stands_in_the_way_counts(ip, found):
    assert (holder("127.0.0.1", 7717, lambda: [_seen(ip, 7717, None)]) is not None) is found


def test_the_advice_names_the_setting():
    assert "[gateway] port = 7718" in advice(7717)
