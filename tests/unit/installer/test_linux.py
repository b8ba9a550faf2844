"""What the Linux packages are made of: launcher, manual page, completions, menu entry, service, libraries, notices."""

import argparse
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.commands.common import CONFIG, USAGE
from app.roles import ROLES
from installer import notices
from installer.linux import command_line, manual, needed

ROOT = Path(__file__).parents[3]
LINUX = ROOT / "installer" / "linux"

EPOCH = "1700000000"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux' packages are made on Linux")


def tool(name: str) -> str:
    """A program that installer/test_tools.sh fetches."""
    found = shutil.which(name)
    assert found is not None, f"{name} is not here: sh installer/test_tools.sh"
    return found


@pytest.fixture(scope="module")
def every() -> list[command_line.Command]:
    return command_line.commands()


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands below /usr/share, as share.sh puts it there."""
    made = tmp_path_factory.mktemp("usr") / "share"
    told = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    subprocess.run(["sh", LINUX / "share.sh", sys.executable, made, "flowork"], env=told, check=True, timeout=120)
    return made


# ---- the launcher ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Two programs that say who they are, and the launcher before them, as in the Debian package."""
    for name in ("flowork", "flowork-gateway"):
        program = tmp_path / "opt" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        program.chmod(0o755)
    launcher = tmp_path / "launcher"
    launcher.write_text((LINUX / "launcher.sh").read_text().replace("@FOLDER@", str(tmp_path / "opt")))
    return launcher


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ([], "flowork"),
        (["--open"], "flowork"),
        (["--self-test"], "flowork"),
        (["--port", "0"], "flowork"),
        (["desktop", "--pair"], "flowork"),
        (["self-test", "--json"], "flowork"),
        (["--help"], "flowork-gateway"),
        (["-h"], "flowork-gateway"),
        (["--version"], "flowork-gateway"),
        (["--quit"], "flowork-gateway"),
        (["no-such-command"], "flowork-gateway"),
        *(([role, "two words"], "flowork-gateway") for role in ROLES if role not in {"desktop", "self-test"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_windows_get_the_program_with_windows_and_commands_the_one_that_starts_sooner(installed: Path, words: list[str], program: str):
    said = subprocess.run(["sh", installed, *words], capture_output=True, text=True, check=True, timeout=10).stdout
    assert said == " ".join([program, *words]) + "\n"


# ---- the command line --------------------------------------------------------------------------------------------------------


def test_every_command_and_verb_has_its_line_and_its_options(every: list[command_line.Command]):
    assert [command.name for command in every] == list(command_line.said_in_usage())
    assert {command.name for command in every} == set(ROLES)
    for path, leaf in command_line.leaves(every):
        assert leaf.says, path
        for option in leaf.options:
            assert option.says, f"{path} {option.names}"


def test_a_command_without_its_line_in_the_usage_is_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(command_line.ROLES, "unheard-of", "app.commands.status:main")
    with pytest.raises(ValueError, match="unheard-of"):
        command_line.said_in_usage()


def test_no_command_runs_while_its_parser_is_looked_at():
    assert isinstance(command_line.parser_of("purge"), argparse.ArgumentParser)


def read(page: str) -> str:
    """A page as a person sees it."""
    options = ["-Tutf8", "-man", "-rLL=200n", "-P-cbou"]
    shown = subprocess.run([tool("groff"), *options], input=page, capture_output=True, text=True, check=True, timeout=20)
    assert shown.stderr == ""
    return shown.stdout


def test_the_manual_page_tells_of_every_command_option_and_exit_code(every: list[command_line.Command]):
    seen = " ".join(read(manual.manual(every, "2026-01-01")).split())
    for path, leaf in command_line.leaves(every):
        assert f"flowork {path}" in seen
        for option in leaf.options:
            assert option.names[-1] in seen, f"{path} {option.names[-1]}"
            assert " ".join(option.says.split()) in seen, option.says
    assert {code for code in ("0", "1", "2", "3", "4", "5", "78") if re.search(rf"EXIT STATUS.* {code} .*FILES", seen)} == {
        *("0", "1", "2", "3", "4", "5", "78")
    }
    assert str(Path.home()) not in seen
    assert "~/.local/share/flowork" in seen


def offered(share: Path, *words: str) -> set[str]:
    """What bash offers for the last word."""
    script = f"""
        source '{share}/bash-completion/completions/flowork'
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}) COMP_CWORD={len(words) - 1}
        compopt() {{ :; }}
        _flowork
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    said = subprocess.run([tool("bash"), "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert said.stderr == ""
    return set(said.stdout.split())


def test_bash_offers_every_command_its_verbs_its_options_and_their_values(share: Path, every: list[command_line.Command]):
    assert offered(share, "flowork", "") >= {*ROLES, "--help", "--version", "--self-test"}
    assert offered(share, "flowork", "end") == {"endpoint"}
    for command in every:
        if command.verbs:
            assert offered(share, "flowork", command.name, "") >= {verb.name for verb in command.verbs}
    for path, leaf in command_line.leaves(every):
        names = {name for option in leaf.options for name in option.names}
        assert offered(share, "flowork", *path.split(), "--") >= {name for name in names if name.startswith("--")}, path
    assert offered(share, "flowork", "engines", "allow", "--role", "") >= {"runner", "admin"}
    assert offered(share, "flowork", "engines", "allow", "home", "--") >= {"--role"}


def test_zsh_and_fish_are_told_of_every_command_verb_and_option(share: Path, every: list[command_line.Command]):
    zsh = (share / "zsh/vendor-completions/_flowork").read_text()
    fish = (share / "fish/vendor_completions.d/flowork.fish").read_text()
    for command in every:
        assert f"'{command.name}:" in zsh
        assert f"complete -c flowork -n __fish_use_subcommand -a {command.name} " in fish
    for path, leaf in command_line.leaves(every):
        (line,) = [line for line in zsh.splitlines() if line.startswith(f"    '{path}')")]
        for option in leaf.options:
            assert f"{option.names[-1]}[" in line
            inside = f"seen_subcommand_from {leaf.name}' -l {option.names[-1].removeprefix('--')} "
            assert inside in fish or not option.names[-1].startswith("--"), (path, option.names)
    for shell, file in (("zsh", "zsh/vendor-completions/_flowork"), ("fish", "fish/vendor_completions.d/flowork.fish")):
        if (program := shutil.which(shell)) is not None:
            subprocess.run([program, "-n", share / file], check=True, timeout=20)


@pytest.mark.slow
def test_the_same_program_gives_the_same_files(tmp_path: Path):
    """Whoever builds, and wherever."""

    def written(name: str, **around: str) -> dict[str, bytes]:
        told = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": EPOCH, **around}
        for module in ("manual", "completions"):
            command = [sys.executable, "-m", f"installer.linux.{module}", tmp_path / name]
            subprocess.run(command, env=told, cwd=ROOT, check=True, timeout=60)
        return {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}

    one = written("one", PYTHONHASHSEED="1", HOME="/root", COLUMNS="40")
    other = written("other", PYTHONHASHSEED="2", HOME="/home/somebody", XDG_DATA_HOME="/elsewhere", TZ="Asia/Jakarta")
    assert one == other
    assert len(one) == 7


# ---- what a desktop and a service manager read -------------------------------------------------------------------------------


def test_the_menu_entry_and_the_description_are_valid(share: Path):
    entry = share / "applications/org.flowork.Flowork.desktop"
    said = subprocess.run([tool("desktop-file-validate"), entry], capture_output=True, text=True, check=False, timeout=20)
    assert (said.returncode, said.stdout) == (0, "")
    description = share / "metainfo/org.flowork.Flowork.metainfo.xml"
    subprocess.run([tool("appstreamcli"), "validate", "--no-net", description], check=True, timeout=30)
    assert "@" not in entry.read_text() + description.read_text()


def test_the_menu_entry_is_the_one_that_windows_name(share: Path):
    wiring = (ROOT / "app" / "wiring.py").read_text()
    name = re.search(r'setDesktopFileName\("([^"]+)"\)', wiring)
    assert name is not None
    assert (share / "applications" / f"{name[1]}.desktop").is_file()
    assert (share / f"icons/hicolor/scalable/apps/{name[1]}.svg").is_file()
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(share / "applications" / f"{name[1]}.desktop")
    assert entry["Desktop Entry"]["Icon"] == name[1]
    window_class = re.search(r'setApplicationName\("([^"]+)"\)', wiring)
    assert window_class is not None
    assert entry["Desktop Entry"]["StartupWMClass"] == window_class[1]


@pytest.fixture
def service() -> configparser.RawConfigParser:
    made = configparser.RawConfigParser(strict=True)
    made.optionxform = str  # type: ignore[assignment,method-assign]
    made.read(LINUX / "flowork.service")
    return made


def test_the_service_is_not_tried_again_where_somebody_must_set_up_first(service: configparser.RawConfigParser):
    assert set(service["Service"]["RestartPreventExitStatus"].split()) == {str(CONFIG), str(USAGE)}
    assert service["Service"]["ExecStart"] == "/opt/flowork/flowork-gateway serve"


def test_systemd_takes_the_service(tmp_path: Path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    program = tmp_path / "flowork-gateway"
    program.touch(mode=0o755)
    text = (LINUX / "flowork.service").read_text().replace("/opt/flowork/flowork-gateway", str(program))
    (tmp_path / "flowork.service").write_text(text)
    shutil.copy(LINUX / "flowork-folder.service", tmp_path)
    told = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "verify", "--user", "--man=no", tmp_path / "flowork.service"]
    said = subprocess.run(command, env=told, capture_output=True, text=True, check=False, timeout=30)
    assert (said.returncode, said.stderr) == (0, "")


# ---- libraries ---------------------------------------------------------------------------------------------------------------


LIBRARIES = {"linked": {"libc.so.6": "libc6", "libstdc++.so.6": "libstdc++6", "libX.so.6": "libx"}, "opened": {"libo.so": "libopened"}}


def binary(name: str, *needs: str, glibc: tuple[int, int] = (2, 17), glibcxx: int = 0) -> needed.Binary:
    return needed.Binary(Path(name), frozenset(needs), name, glibc, glibcxx)


def test_a_library_that_is_neither_shipped_nor_declared_stops_the_build():
    with pytest.raises(needed.Undeclared, match=r"libY\.so\.1, for program"):
        needed.depends([binary("program", "libc.so.6", "libY.so.1")], LIBRARIES)


def test_what_is_shipped_is_not_asked_for_and_the_newest_symbol_counts():
    found = [
        binary("program", "libc.so.6", "libours.so.1", glibc=(2, 9)),
        binary("libours.so.1", "libc.so.6", "libstdc++.so.6", glibc=(2, 34), glibcxx=29),
    ]
    assert needed.depends(found, LIBRARIES) == ["libc6 (>= 2.34)", "libopened", "libstdc++6 (>= 11)"]


def test_what_a_file_needs_is_read_from_the_file_itself(tmp_path: Path):
    shutil.copy("/bin/ls", tmp_path / "ls")
    (tmp_path / "text").write_text("no program")
    (found,) = needed.binaries(tmp_path)
    assert "libc.so.6" in found.needs
    assert found.glibc >= (2, 4)


# ---- notices -----------------------------------------------------------------------------------------------------------------


def test_every_distribution_that_is_shipped_has_a_licence_and_its_text():
    parts = {part.name.lower().replace("_", "-").replace(".", "-"): part for part in notices.python_parts(besides=())}
    assert set(parts) == set(notices.locked(ROOT / notices.LOCK)) - notices.BUILDS_ONLY
    assert any("GNU LESSER GENERAL PUBLIC LICENSE" in text for _, text in parts["pyside6-essentials"].texts)
    assert "Python Software Foundation" in notices.python_itself().texts[0][1]


@pytest.mark.parametrize(
    ("metadata", "text", "lacks"),
    [("License-Expression: MIT\n", None, "has no licence text"), ("", "Permission is hereby granted", "does not say its licence")],
)
def test_a_distribution_without_a_licence_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: str, text: str | None, lacks: str
):
    info = tmp_path / "bare-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: bare\nVersion: 1.0\n{metadata}")
    (info / "RECORD").write_text("bare-1.0.dist-info/METADATA,,\n" + ("bare-1.0.dist-info/LICENSE,,\n" if text else ""))
    if text:
        (info / "LICENSE").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lock").write_text("bare==1.0 \\\n    --hash=sha256:0\n")
    with pytest.raises(notices.NoLicence, match=f"bare 1.0 {lacks}"):
        notices.python_parts(tmp_path / "lock", besides=())


def test_what_is_locked_for_another_system_is_not_in_the_notices(tmp_path: Path):
    (tmp_path / "lock").write_text("here==1 \\\n    --hash=sha256:0\nthere==1 ; sys_platform == 'win32' \\\n    --hash=sha256:0\n")
    assert notices.locked(tmp_path / "lock") == ["here"]


def test_what_is_locked_and_not_installed_stops_the_build(tmp_path: Path):
    (tmp_path / "lock").write_text("no-such-distribution==1 \\\n    --hash=sha256:0\n")
    with pytest.raises(notices.NoLicence, match="no-such-distribution is locked and not installed"):
        notices.python_parts(tmp_path / "lock", besides=())


def test_packages_of_the_gui_are_told_and_one_without_a_licence_stops_the_build(tmp_path: Path):
    packages = (
        '"node_modules/a": {"version": "1.0.0", "license": "MIT"}, "node_modules/b": {"version": "2.0.0", "license": "MIT", "dev": true}'
    )
    (tmp_path / "package-lock.json").write_text(f'{{"packages": {{"": {{}}, {packages}}}}}')
    with pytest.raises(notices.NoLicence, match="node_modules/a is locked and not installed"):
        notices.npm_parts(tmp_path)
    (tmp_path / "node_modules" / "a").mkdir(parents=True)
    with pytest.raises(notices.NoLicence, match=r"a 1\.0\.0 has no licence text"):
        notices.npm_parts(tmp_path)
    (tmp_path / "node_modules" / "a" / "LICENSE").write_text("Copyright a")
    assert notices.npm_parts(tmp_path) == [notices.Part("a", "1.0.0", "MIT", (("LICENSE", "Copyright a"),))]
