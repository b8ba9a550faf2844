"""Starting with the session, on each system: off at first, nobody else's entry touched, the person's switch respected."""

import json
import plistlib
import re
import subprocess
import sys

import pytest

from app.commands.autostart import act
from app.desktop.autostart import APPROVED, RUN, VALUE, AutostartState, autostart, own_command
from kit.paths import data_folder

COMMAND = ("/opt/Flow work/flowork", "--data", '/home/a "b"/100%$HOME\\x')


class Registry:
    def __init__(self):
        self.values = {}

    def get(self, key, name):
        return self.values.get((key, name))

    def set(self, key, name, value):
        self.values[key, name] = value

    def delete(self, key, name):
        del self.values[key, name]


@pytest.fixture(params=["linux", "darwin", "win32"])
def machine(request, tmp_path):
    registry = Registry()

    def made(command=COMMAND, environment=None):
        return autostart(command, platform=request.param, environment=environment or {}, home=tmp_path, registry=registry)

    made.registry, made.platform, made.home = registry, request.param, tmp_path
    return made


def test_off_until_somebody_says_so_and_back(machine):
    way = machine()
    assert way.state() is AutostartState.OFF
    assert not list(machine.home.iterdir()), "looking makes nothing"
    assert way.switch(True) is AutostartState.ON
    assert machine().state() is AutostartState.ON
    assert way.switch(False) is AutostartState.OFF
    assert way.switch(False) is AutostartState.OFF


def test_an_entry_that_starts_another_program_is_left_alone(machine):
    other = machine(("/usr/bin/other",))
    other.switch(True)
    assert machine().state() is AutostartState.FOREIGN
    assert machine().switch(True) is AutostartState.FOREIGN
    assert machine().switch(False) is AutostartState.FOREIGN
    assert other.state() is AutostartState.ON


def _disable(machine):
    if machine.platform == "win32":
        machine.registry.values[APPROVED, VALUE] = bytes([3, *[0] * 11])
        return
    path = next(path for path in machine.home.rglob("*") if path.is_file())
    if machine.platform == "darwin":
        path.write_bytes(plistlib.dumps({**plistlib.loads(path.read_bytes()), "Disabled": True}))
    else:
        path.write_text(path.read_text().replace("X-GNOME-Autostart-enabled=true", "X-GNOME-Autostart-enabled=false"))


def test_what_the_person_disabled_in_the_system_stays_so(machine):
    machine().switch(True)
    _disable(machine)
    assert machine().state() is AutostartState.DISABLED
    assert machine().switch(True) is AutostartState.DISABLED
    assert machine().switch(False) is AutostartState.OFF


def test_hidden_counts_as_disabled(tmp_path):
    way = autostart(COMMAND, platform="linux", environment={"XDG_CONFIG_HOME": str(tmp_path / "x")}, home=tmp_path)
    way.switch(True)
    path = tmp_path / "x" / "autostart" / "flowork.desktop"
    path.write_text(path.read_text() + "Hidden=true\n")
    assert way.state() is AutostartState.DISABLED


def test_a_relative_config_home_is_ignored(tmp_path):
    assert str(tmp_path / ".config") in autostart(COMMAND, platform="linux", environment={"XDG_CONFIG_HOME": "x"}, home=tmp_path).where


def test_the_desktop_file_starts_exactly_the_command(tmp_path):
    command = (*COMMAND, 'b "c" $D `x` \\ %f 50%')
    autostart(command, platform="linux", environment={}, home=tmp_path).switch(True)
    line = next(line for line in (tmp_path / ".config/autostart/flowork.desktop").read_text().splitlines() if line.startswith("Exec="))
    assert _by_the_specification(line.removeprefix("Exec=")) == list(command)


def _by_the_specification(value):
    """First the escapes of a string, then the quotes of an argument, then the field codes."""
    plain = re.sub(r"\\(.)", lambda found: {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}[found[1]], value)
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', plain)
    return [re.sub(r"\\(.)", r"\1", part).replace("%%", "%") for part in parts]


def test_launchd_does_not_bring_back_who_was_quit(tmp_path):
    way = autostart(COMMAND, platform="darwin", home=tmp_path)
    way.switch(True)
    entry = plistlib.loads((tmp_path / "Library/LaunchAgents/org.flowork.desktop.plist").read_bytes())
    assert "KeepAlive" not in entry
    assert entry["ProgramArguments"] == list(COMMAND)


def test_windows_gets_one_command_line():
    registry = Registry()
    autostart(COMMAND, platform="win32", registry=registry).switch(True)
    assert registry.values == {(RUN, VALUE): subprocess.list2cmdline(COMMAND)}
    registry.values[APPROVED, VALUE] = bytes([2, *[0] * 11])
    assert autostart(COMMAND, platform="win32", registry=registry).state() is AutostartState.ON


def test_an_appimage_starts_itself_not_what_it_unpacked():
    assert own_command({"APPIMAGE": "/home/a/Flowork.AppImage"}) == ("/home/a/Flowork.AppImage",)
    assert own_command({}) == (sys.executable, "-m", "app")


def test_a_folder_of_its_own_is_started_with_it(tmp_path):
    assert own_command({}, data_folder("flowork")) == own_command({})
    assert own_command({}, tmp_path) == (*own_command({}), "--data", str(tmp_path))


def test_the_command_says_how_it_is(tmp_path, capsys):
    way = autostart(COMMAND, platform="linux", environment={}, home=tmp_path)
    assert act("status", way, as_json=False) == 0
    assert "does not start" in capsys.readouterr().out
    assert act("on", way, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"autostart": "on", "where": way.where}
    other = autostart(("x",), platform="linux", environment={}, home=tmp_path)
    assert act("on", other, as_json=False) == 1
    assert way.where in capsys.readouterr().out
