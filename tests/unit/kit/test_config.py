"""`kit.config`: later sources win, and every mistake is told at once with where it stands."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from kit.config import Config, ConfigRefused, Origin, Said, parse, read

PREFIX = "FLOWORK_"


class Gateway(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Path("/data")
    port: Annotated[int, Field(ge=0, le=65535)] = 7717
    hard_cap: Annotated[int, Field(ge=1)] = 10_000
    origins: tuple[str, ...] = ()
    secure: bool = True


class Engine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: Annotated[int, Field(ge=1)] = 4
    token: str


class Together(BaseModel):
    low: int = 1
    high: int = 0

    @model_validator(mode="after")
    def _order(self) -> "Together":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def said(file: Path, text: str | None = None, **environment: str) -> Config:
    if text is not None:
        file.write_text(text, encoding="utf-8")
    return read(file, environment, PREFIX)


class TestRead:
    def test_a_file_that_is_not_there_leaves_every_default(self, file: Path):
        config = said(file)
        assert config.table("gateway", Gateway, {}) == Gateway()
        config.check(["gateway"])

    @pytest.mark.parametrize("text", ["[gateway", "port 1", "a = 1\na = 2", "[gateway]\nport = 01", "[gateway]\n[gateway]"])
    def test_what_is_no_toml_is_refused_and_says_in_which_file(self, file: Path, text: str):
        with pytest.raises(ConfigRefused) as refused:
            said(file, text)
        (mistake,) = refused.value.mistakes
        assert mistake.startswith(f"{file}: ")
        assert len(mistake) > len(f"{file}: ")

    def test_what_is_no_utf_8_is_refused(self, file: Path):
        file.write_bytes(b"[gateway]\nname = '\xff'\n")
        with pytest.raises(ConfigRefused, match=r"config\.toml: "):
            read(file, {}, PREFIX)

    def test_what_cannot_be_read_is_refused_and_not_taken_for_absent(self, file: Path):
        file.mkdir()
        with pytest.raises(ConfigRefused, match=r"config\.toml: "):
            read(file, {}, PREFIX)


class TestOtherNames:
    NAMES = (("OLD_PORT", "port"), ("PORT", "port"), ("ORIGINS", "origins"))

    @pytest.mark.parametrize(
        ("environment", "port"),
        [
            ({"OLD_PORT": "1"}, 1),
            ({"PORT": "2", "OLD_PORT": "1"}, 2),
            ({"OLD_PORT": "1", "PORT": "2"}, 2),
            ({"FLOWORK_GATEWAY_PORT": "3", "PORT": "2", "OLD_PORT": "1"}, 3),
            ({"OTHER": "4"}, 5),
        ],
    )
    def test_the_newest_name_that_is_given_counts(self, file: Path, environment: dict[str, str], port: int):
        made = said(file, "[gateway]\nport = 5\n", **environment).table("gateway", Gateway, {}, self.NAMES)
        assert made is not None
        assert made.port == port

    def test_an_argument_counts_before_every_name(self, file: Path):
        assert said(file, PORT="2").table("gateway", Gateway, {"port": 6}, self.NAMES) == Gateway(port=6)

    def test_lists_are_read_under_them_too(self, file: Path):
        assert said(file, ORIGINS="a,b").table("gateway", Gateway, {}, self.NAMES) == Gateway(origins=("a", "b"))

    @pytest.mark.parametrize(
        ("environment", "named"),
        [
            ({"OLD_PORT": "x"}, "OLD_PORT"),
            ({"OLD_PORT": "1", "PORT": "x"}, "PORT"),
            ({"PORT": "x", "FLOWORK_GATEWAY_PORT": "y"}, "FLOWORK_GATEWAY_PORT"),
        ],
    )
    def test_a_mistake_names_the_variable_that_was_wrong(self, file: Path, environment: dict[str, str], named: str):
        config = said(file, **environment)
        assert config.table("gateway", Gateway, {}, self.NAMES) is None
        (mistake,) = config.mistakes
        assert mistake.startswith(f"{named}: ")


class TestSources:
    def test_the_file_is_heard(self, file: Path):
        assert said(file, "[gateway]\nport = 1\n").table("gateway", Gateway, {}) == Gateway(port=1)

    def test_the_environment_wins_over_the_file(self, file: Path):
        config = said(file, "[gateway]\nport = 1\nhard_cap = 2\n", FLOWORK_GATEWAY_PORT="3")
        assert config.table("gateway", Gateway, {}) == Gateway(port=3, hard_cap=2)

    def test_an_argument_wins_over_both(self, file: Path):
        config = said(file, "[gateway]\nport = 1\n", FLOWORK_GATEWAY_PORT="2")
        assert config.table("gateway", Gateway, {"port": 3}) == Gateway(port=3)

    def test_an_argument_that_was_not_given_leaves_the_others(self, file: Path):
        config = said(file, "[gateway]\nport = 1\n", FLOWORK_GATEWAY_HARD_CAP="2")
        assert config.table("gateway", Gateway, {"port": None, "hard_cap": None}) == Gateway(port=1, hard_cap=2)

    @pytest.mark.parametrize("value", [0, False, ()])
    def test_an_argument_that_is_empty_is_still_given(self, file: Path, value: Any):
        name = {int: "port", bool: "secure", tuple: "origins"}[type(value)]
        config = said(file, '[gateway]\nport = 1\nsecure = true\norigins = ["http://a"]\n')
        assert getattr(config.table("gateway", Gateway, {name: value}), name) == value

    def test_variables_of_other_tables_and_other_programs_are_left_alone(self, file: Path):
        config = said(file, FLOWORK_ENGINE_SLOTS="9", GATEWAY_PORT="1", XFLOWORK_GATEWAY_PORT="1", flowork_gateway_port="1", PATH="/bin")
        assert config.table("gateway", Gateway, {}) == Gateway()
        assert config.mistakes == []

    def test_a_list_in_the_environment_is_split_at_commas(self, file: Path):
        config = said(file, FLOWORK_GATEWAY_ORIGINS="http://a,http://b:1")
        assert config.table("gateway", Gateway, {}) == Gateway(origins=("http://a", "http://b:1"))

    def test_a_comma_in_a_plain_setting_is_part_of_it(self, file: Path):
        config = said(file, FLOWORK_GATEWAY_DATA="/a,b")
        assert config.table("gateway", Gateway, {}) == Gateway(data=Path("/a,b"))


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "environment", "arguments", "origin"),
        [
            ("[gateway]\nport = 70000\n", {}, {}, "{file}: [gateway] port: "),
            ('[gateway]\nport = "many"\n', {}, {}, "{file}: [gateway] port: "),
            ("", {"FLOWORK_GATEWAY_PORT": "-1"}, {}, "FLOWORK_GATEWAY_PORT: "),
            ("", {"FLOWORK_GATEWAY_PORT": ""}, {}, "FLOWORK_GATEWAY_PORT: "),
            ("", {}, {"hard_cap": 0}, "--hard-cap: "),
            ("[gateway]\nport = -1\n", {"FLOWORK_GATEWAY_PORT": "-2"}, {}, "FLOWORK_GATEWAY_PORT: "),
            ("[gateway]\nport = -1\n", {"FLOWORK_GATEWAY_PORT": "-2"}, {"port": -3}, "--port: "),
            ("[gateway]\norigins = [1]\n", {}, {}, "{file}: [gateway] origins: "),
        ],
    )
    def test_each_is_told_with_the_source_that_won(self, file: Path, text: str, environment: dict, arguments: dict, origin: str):
        config = said(file, text, **environment)
        assert config.table("gateway", Gateway, arguments) is None
        (mistake,) = config.mistakes
        assert mistake.startswith(origin.format(file=file))
        assert len(mistake) > len(origin.format(file=file))

    def test_a_wrong_value_says_what_is_allowed(self, file: Path):
        config = said(file, "[gateway]\nport = 70000\n")
        config.table("gateway", Gateway, {})
        assert "65535" in config.mistakes[0]

    @pytest.mark.parametrize("environment", [{}, {"FLOWORK_GATEWAY_PROT": "1"}])
    def test_an_unknown_setting_names_those_there_are(self, file: Path, environment: dict):
        config = said(file, "" if environment else "[gateway]\nprot = 1\n", **environment)
        config.table("gateway", Gateway, {})
        origin = "FLOWORK_GATEWAY_PROT" if environment else f"{file}: [gateway] prot"
        assert config.mistakes == [f"{origin}: there is no such setting; there are data, hard_cap, origins, port, secure"]

    def test_a_missing_setting_says_its_table_and_name(self, file: Path):
        config = said(file)
        assert config.table("engine", Engine, {}) is None
        assert config.mistakes == ["[engine] token: Field required"]

    def test_an_unknown_table_is_told(self, file: Path):
        config = said(file, "[gatewy]\nport = 1\n")
        with pytest.raises(ConfigRefused) as refused:
            config.check(["gateway", "engine"])
        assert refused.value.mistakes == (f"{file}: [gatewy]: there is no such table",)

    def test_all_of_all_sources_and_tables_are_told_at_once(self, file: Path):
        config = said(
            file,
            "top = 1\n[gateway]\nport = -1\nprot = 1\n[engine]\nslots = 0\n[other]\n",
            FLOWORK_GATEWAY_SECURE="perhaps",
            FLOWORK_ENGINE_SLOT="1",
        )
        assert config.table("gateway", Gateway, {"hard_cap": 0}) is None
        assert config.table("engine", Engine, {}) is None
        with pytest.raises(ConfigRefused) as refused:
            config.check(["gateway", "engine"])
        origins = [mistake.rpartition(": ")[0] for mistake in refused.value.mistakes]
        assert sorted(origins) == sorted(
            [
                f"{file}: [gateway] port",
                f"{file}: [gateway] prot",
                "FLOWORK_GATEWAY_SECURE",
                "--hard-cap",
                f"{file}: [engine] slots",
                "FLOWORK_ENGINE_SLOT",
                "[engine] token",
                f"{file}: [top]",
                f"{file}: [other]",
            ]
        )
        assert all(mistake in str(refused.value) for mistake in refused.value.mistakes)

    def test_a_table_without_a_mistake_is_built_beside_one_that_has_some(self, file: Path):
        config = said(file, "[gateway]\nport = -1\n[engine]\ntoken = 't'\n")
        assert config.table("gateway", Gateway, {}) is None
        assert config.table("engine", Engine, {}) == Engine(token="t")

    def test_nothing_is_complained_about_when_nothing_is_wrong(self, file: Path):
        config = said(file, "[gateway]\nport = 1\n[engine]\ntoken = 't'\n")
        config.table("gateway", Gateway, {})
        config.check(["gateway", "engine"])

    @pytest.mark.parametrize("text", ["gateway = 3\n", "gateway = []\n", "gateway = 'x'\n", "[[gateway]]\nport = 1\n"])
    def test_a_setting_where_a_table_belongs_is_told(self, file: Path, text: str):
        config = said(file, text)
        config.table("gateway", Gateway, {})
        with pytest.raises(ConfigRefused):
            config.check(["gateway"])

    def test_a_mistake_of_two_settings_together_is_told_for_their_table(self, file: Path):
        config = said(file, "[together]\nlow = 1\nhigh = 0\n")
        assert config.table("together", Together, {}) is None
        assert "low is above high" in config.mistakes[0]


def test_it_tells_who_said_each_value(tmp_path: Path):
    file = tmp_path / "config.toml"
    found = parse("[gateway]\nport = 1\nhard_cap = 5\n", file, {"FLOWORK_GATEWAY_HARD_CAP": "6"}, PREFIX)
    found.table("gateway", Gateway, {"secure": False, "data": None})
    assert found.said == {
        ("gateway", "port"): Said(Origin.FILE, f"{file}: [gateway] port"),
        ("gateway", "hard_cap"): Said(Origin.ENVIRONMENT, "FLOWORK_GATEWAY_HARD_CAP"),
        ("gateway", "secure"): Said(Origin.ARGUMENT, "--secure"),
    }
