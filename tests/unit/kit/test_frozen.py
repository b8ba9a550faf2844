"""What a frozen program drops from its surroundings, and gives back to the programs that it starts."""

import sys

import pytest

from kit import frozen


def test_what_steers_is_dropped_and_the_rest_stays():
    environment = {
        "QT_PLUGIN_PATH": "/tmp",
        "PYTHONPATH": "/tmp",
        "QML2_IMPORT_PATH": "/tmp",
        "OPENSSL_CONF": "/tmp/x",
        "HOME": "/home/a",
        "SSL_CERT_FILE": "/ca",
    }
    frozen.tidy(environment)
    assert environment == {"HOME": "/home/a", "SSL_CERT_FILE": "/ca"}


def test_the_loaders_path_is_given_back():
    replaced = {"LD_LIBRARY_PATH": "/opt/flowork/_internal", "LD_LIBRARY_PATH_ORIG": "/usr/local/lib"}
    frozen.tidy(replaced)
    assert replaced == {"LD_LIBRARY_PATH": "/usr/local/lib"}
    set_by_the_starter = {"LD_LIBRARY_PATH": "/opt/flowork/_internal"}
    frozen.tidy(set_by_the_starter)
    assert set_by_the_starter == {}


def test_a_program_without_streams_gets_some(monkeypatch: pytest.MonkeyPatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    frozen.give_streams()
    assert not sys.stdout.isatty()
    assert sys.stderr.write("x") == 1
    assert sys.stdin.read() == ""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()


def test_from_sources_nothing_is_touched():
    environment = {"QT_PLUGIN_PATH": "/tmp"}
    frozen.settle(environment)
    assert environment == {"QT_PLUGIN_PATH": "/tmp"}
