"""Settings with their origins, and changes of the file that keep what people wrote there."""

import os
import sys
from pathlib import Path

import pytest

from app.bridge.acts.settings import Form, Setting
from app.services.settings_file import SettingsFile, of
from kit.config import ConfigRefused, Origin

TEXT = """# mine
[gateway]
port = 8000  # because of nginx

[providers.local]
base_url = "http://127.0.0.1:11434"
"""


def file_with(folder: Path, text: str = TEXT, **environment: str) -> SettingsFile:
    (folder / "config.toml").write_text(text)
    return of(folder, {}, {"slots": 3}, environment)


def setting(file: SettingsFile, key: str) -> Setting:
    return next(each for each in file.found().settings if each.key == key)


def test_each_origin_is_told_with_its_place(tmp_path: Path):
    file = file_with(tmp_path, FLOWORK_LOGS_LEVEL="debug", CORE_MAX_WORKERS="9")
    told = {each.key: (each.value, each.origin) for each in file.found().settings}
    assert told["[gateway] port"] == ("8000", Origin.FILE)
    assert told["[logs] level"] == ("debug", Origin.ENVIRONMENT)
    assert told["[engine] slots"] == ("3", Origin.ARGUMENT)
    assert told["[gateway] host"] == ("127.0.0.1", Origin.DEFAULT)
    assert setting(file, "[engine] slots_max").place == "CORE_MAX_WORKERS"
    assert setting(file, "[engine] slots").place == "--slots"


def test_forms_and_defaults_are_told(tmp_path: Path):
    file = file_with(tmp_path)
    assert setting(file, "[gateway] tunnel").form is Form.SWITCH
    assert setting(file, "[desktop] on_close").choices == ("ask", "keep", "quit")
    assert setting(file, "[logs] level").optional
    assert setting(file, "[engine] http_hosts").form is Form.LIST
    assert setting(file, "[gateway] port").default == "7717"
    assert setting(file, "[gateway] port").help.startswith("Port of the loopback listener")
    keys = {each.key for each in file.found().settings}
    assert not keys & {"[gateway] data", "[engine] engine_id", "[engine] providers", "[gateway] otlp"}
    assert "[otlp] endpoint" in keys


@pytest.mark.parametrize(
    ("key", "text", "written"),
    [
        (("gateway", "port"), "9000", "port = 9000  # because of nginx"),
        (("gateway", "admin_over_tcp"), "true", "admin_over_tcp = true"),
        (("engine", "http_hosts"), "a.example, b.example:81", 'http_hosts = ["a.example", "b.example:81"]'),
        (("engine", "closed_ports"), "22, 80", "closed_ports = [22, 80]"),
        (("gateway", "user_share"), "0.5", "user_share = 0.5"),
        (("desktop", "on_close"), "keep", 'on_close = "keep"'),
        (("endpoint", "origin"), "https://x.example", 'origin = "https://x.example"'),
    ],
)
def test_a_change_is_written_and_comments_and_order_stay(tmp_path: Path, key: tuple[str, str], text: str, written: str):
    file = file_with(tmp_path)
    file.change(*key, text)
    whole = file.path.read_text()
    assert written in whole
    assert whole.startswith("# mine\n[gateway]\n")
    assert '[providers.local]\nbase_url = "http://127.0.0.1:11434"' in whole
    assert setting(file, f"[{key[0]}] {key[1]}").origin is Origin.FILE


def test_taking_a_value_out_brings_the_default_back(tmp_path: Path):
    file = file_with(tmp_path)
    file.change("gateway", "port", None)
    assert setting(file, "[gateway] port").value == "7717"
    file.change("gateway", "port", None)
    file.change("local", "name", None)


def test_a_file_that_was_not_there_is_made_for_its_owner_only(tmp_path: Path):
    file = of(tmp_path, {}, {}, {})
    file.change("gateway", "port", "8001")
    assert setting(file, "[gateway] port").value == "8001"
    if sys.platform != "win32":
        assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("gateway", "port"), "99999999"),
        (("gateway", "port"), "many"),
        (("desktop", "on_close"), "explode"),
        (("local", "name"), "Not A Name"),
        (("engine", "slots"), "0"),
    ],
)
def test_what_is_wrong_is_not_written(tmp_path: Path, key: tuple[str, str], text: str):
    file = file_with(tmp_path)
    with pytest.raises(ConfigRefused) as refused:
        file.change(*key, text)
    assert key[1] in str(refused.value)
    assert file.path.read_text() == TEXT
    assert [each.name for each in tmp_path.iterdir()] == ["config.toml"]


def test_what_a_variable_covers_up_must_be_right_too(tmp_path: Path):
    file = file_with(tmp_path, FLOWORK_GATEWAY_PORT="7000")
    with pytest.raises(ConfigRefused):
        file.change("gateway", "port", "99999999")
    assert file.path.read_text() == TEXT


def test_a_file_that_is_no_toml_is_left_alone(tmp_path: Path):
    file = file_with(tmp_path, "port = = 1\n")
    for act in (file.found, lambda: file.change("gateway", "port", "1")):
        with pytest.raises(ConfigRefused):
            act()
    assert file.path.read_text() == "port = = 1\n"


@pytest.mark.skipif(sys.platform == "win32" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path):
    file = file_with(tmp_path)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ConfigRefused):
            file.change("gateway", "port", "9000")
    finally:
        tmp_path.chmod(0o700)
