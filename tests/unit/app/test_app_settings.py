"""Settings of `flowork serve`: file, environment, arguments, and every mistake at once."""

from pathlib import Path

import pytest

from app.settings import PLACEHOLDER_ENGINE, load
from kit.config import ConfigRefused
from kit.logs.settings import LogSettings


def write(folder: Path, text: str) -> Path:
    (folder / "config.toml").write_text(text)
    return folder


def test_without_anything_the_defaults_hold_and_the_folder_is_the_one_given(tmp_path: Path):
    settings = load(tmp_path, {}, {}, environment={})
    assert (settings.gateway.data, settings.engine.data) == (tmp_path, tmp_path)
    assert (settings.gateway.port, settings.engine.slots, settings.engine.echo, settings.local.name) == (7717, None, False, "home")
    assert settings.engine.engine_id == PLACEHOLDER_ENGINE


def test_each_table_of_the_file_counts(tmp_path: Path):
    write(tmp_path, '[gateway]\nport = 1\n[engine]\nslots = 2\nhttp_hosts = ["a", "b:1"]\n[local]\nname = "lab"\n')
    settings = load(tmp_path, {}, {}, environment={})
    assert (settings.gateway.port, settings.engine.slots, settings.engine.http_hosts, settings.local.name) == (1, 2, ("a", "b:1"), "lab")


@pytest.mark.parametrize(
    ("environment", "argument", "port"),
    [({}, None, 1), ({"FLOWORK_GATEWAY_PORT": "2"}, None, 2), ({"FLOWORK_GATEWAY_PORT": "2"}, 3, 3), ({}, 0, 0)],
)
def test_arguments_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, environment: dict[str, str], argument: int | None, port: int
):
    write(tmp_path, "[gateway]\nport = 1\n")
    assert load(tmp_path, {"port": argument}, {}, environment).gateway.port == port


def test_the_environment_reaches_every_table(tmp_path: Path):
    environment = {
        "FLOWORK_GATEWAY_LEASE_MS": "1500",
        "FLOWORK_ENGINE_HTTP_HOSTS": "a,b:1",
        "FLOWORK_ENGINE_ECHO": "true",
        "FLOWORK_LOCAL_NAME": "lab",
        "PATH": "/bin",
        "FLOWORKER": "somebody else's",
    }
    settings = load(tmp_path, {}, {}, environment)
    assert (settings.gateway.lease_ms, settings.engine.http_hosts) == (1500, ("a", "b:1"))
    assert (settings.engine.echo, settings.local.name) == (True, "lab")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (16, 0.15, 1.3)),
        ({"CORE_MAX_WORKERS": "8", "SLO_TARGET_LATENCY": "0.2", "HEADROOM_FACTOR": "1.5"}, (8, 0.2, 1.5)),
        ({"SCALING_HEADROOM": "2"}, (16, 0.15, 2)),
        ({"HEADROOM_FACTOR": "1.5", "SCALING_HEADROOM": "2"}, (16, 0.15, 1.5)),
        ({"FLOWORK_ENGINE_SLOTS_MAX": "9", "CORE_MAX_WORKERS": "8", "FLOWORK_ENGINE_HEADROOM_FACTOR": "3"}, (9, 0.15, 3)),
    ],
)
def test_the_knobs_of_the_roadmap_are_heard(tmp_path: Path, environment: dict[str, str], expected: tuple[int, float, float]):
    engine = load(tmp_path, {}, {}, environment).engine
    assert (engine.slots_max, engine.slo_target_latency_s, engine.headroom_factor) == expected


def test_less_headroom_than_the_roadmap_allows_is_refused_by_the_name_that_was_used(tmp_path: Path):
    with pytest.raises(ConfigRefused) as refused:
        load(tmp_path, {}, {}, {"SCALING_HEADROOM": "1.29", "CORE_MAX_WORKERS": "0"})
    assert sorted(mistake.split(":")[0] for mistake in refused.value.mistakes) == ["CORE_MAX_WORKERS", "SCALING_HEADROOM"]


def test_a_minimum_above_the_maximum_is_refused_with_both(tmp_path: Path):
    with pytest.raises(ConfigRefused, match=r"slots_min \(5\) is above slots_max \(4\)"):
        load(tmp_path, {}, {}, {"FLOWORK_ENGINE_SLOTS_MIN": "5", "CORE_MAX_WORKERS": "4"})


def test_what_only_the_program_decides_cannot_be_set_from_outside(tmp_path: Path):
    environment = {"FLOWORK_ENGINE_DATA": "/elsewhere", "FLOWORK_GATEWAY_DATA": "/elsewhere", "FLOWORK_ENGINE_ENGINE_ID": "other"}
    settings = load(tmp_path, {}, {}, environment)
    assert (settings.gateway.data, settings.engine.data, settings.engine.engine_id) == (tmp_path, tmp_path, PLACEHOLDER_ENGINE)


def test_every_mistake_is_told_at_once_with_where_it_came_from(tmp_path: Path):
    write(tmp_path, '[gateway]\nhost = "0.0.0.0"\nprot = 1\n[local]\nname = "No Name"\n[gatway]\nport = 1\n')
    with pytest.raises(ConfigRefused) as refused:
        load(tmp_path, {"port": 99999}, {"slots": 0}, {"FLOWORK_ENGINE_HEARTBEAT_S": "soon"})
    mistakes = "\n".join(refused.value.mistakes)
    file = tmp_path / "config.toml"
    for part in (
        f"{file}: [gateway] host: ",
        f"{file}: [gateway] prot: there is no such setting",
        "--port: ",
        "--slots: ",
        "FLOWORK_ENGINE_HEARTBEAT_S: ",
        f"{file}: [local] name: ",
        f"{file}: [gatway]: there is no such table",
    ):
        assert part in mistakes
    assert len(refused.value.mistakes) == 7


def test_a_file_that_is_no_toml_is_refused_with_its_name(tmp_path: Path):
    write(tmp_path, "port: 1")
    with pytest.raises(ConfigRefused, match=r"config\.toml"):
        load(tmp_path, {}, {}, environment={})


def test_the_gateway_listens_on_this_machine_only(tmp_path: Path):
    for host in ("0.0.0.0", "192.168.1.1", "example.org"):
        with pytest.raises(ConfigRefused, match="loopback"):
            load(tmp_path, {"host": host}, {}, environment={})
    assert load(tmp_path, {"host": "::1"}, {}, environment={}).gateway.host == "::1"


def test_settings_do_not_change_while_it_runs(tmp_path: Path):
    settings = load(tmp_path, {}, {}, environment={})
    with pytest.raises(ValueError, match="frozen"):
        settings.gateway.port = 1


def test_logs_are_set_by_their_table_and_by_two_short_names(tmp_path: Path):
    write(tmp_path, '[logs]\nlevel = "error"\nfile = false\n')
    assert load(tmp_path, {}, {}, {}).logs == LogSettings(level="error", file=False)
    environment = {"FLOWORK_LOG": "json", "FLOWORK_LOG_LEVEL": "debug", "FLOWORK_LOGS_FILES": "2"}
    assert load(tmp_path, {}, {}, environment).logs == LogSettings(form="json", level="debug", files=2, file=False)


def test_mistakes_about_logs_are_told_with_where_they_come_from(tmp_path: Path):
    write(tmp_path, "[logs]\nfiles = 0\nsize = 1\n")
    with pytest.raises(ConfigRefused) as refused:
        load(tmp_path, {}, {}, {"FLOWORK_LOG_LEVEL": "loud"})
    told = "\n".join(refused.value.mistakes)
    assert "FLOWORK_LOG_LEVEL" in told
    assert "[logs] files" in told
    assert "[logs] size: there is no such setting; there are file, file_max_bytes, files, form, level" in told
