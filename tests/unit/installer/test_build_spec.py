"""build.spec, run for each system with recorders in place of PyInstaller's classes."""

import ast
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
BINARIES = [
    "PySide6/Qt/plugins/platforms/libqxcb.so",
    "PySide6/Qt/plugins/platforms/libqvnc.so",
    "PySide6/plugins/platforms/qwindows.dll",
    "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
    "PySide6/opengl32sw.dll",
    "PySide6/Qt6Quick.dll",
    "libstdc++.so.6",
    "libglib-2.0.so.0",
    "libpython3.11.so.1.0",
]
PURE = [
    "app.roles",
    "app.ui",
    "app.ui.tray",
    "app.wiring",
    "app.bridge.qt",
    "app.bridge.news",
    "PySide6",
    "desktop_notifier.main",
    "fastapi",
]
SCRIPTS = ["pyi_rth_inspect", "pyi_rth_pyside6", "flowork", "flowork_gateway"]
DATA = ["PySide6/Qt/translations/qtbase_id.qm", "PySide6/Qt/translations/qtbase_fr.qm", "gui/dist/index.html"]


class Ran:
    """What the spec asked of PyInstaller."""

    def __init__(self, target: str, root: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        monkeypatch.setenv("FLOWORK_TARGET", target)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        hooks = types.ModuleType("PyInstaller.utils.hooks")
        for name in ("collect_data_files", "copy_metadata"):
            setattr(hooks, name, lambda package, **_: [(f"hook of {package}", package)])
        versions = types.ModuleType("PyInstaller.utils.win32.versioninfo")
        for name in ("FixedFileInfo", "StringFileInfo", "StringStruct", "StringTable", "VarFileInfo", "VarStruct", "VSVersionInfo"):
            setattr(versions, name, lambda *positional, **named: (positional, named))
        config = types.ModuleType("PyInstaller.config")
        config.CONF = {"code_cache": {}}  # type: ignore[attr-defined]
        for module in (hooks, versions, config):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        spaces = {name: self._recorder(name) for name in ("Analysis", "PYZ", "EXE", "COLLECT", "BUNDLE")}
        monkeypatch.setattr(sys, "path", list(sys.path))
        exec(compile((ROOT / "build.spec").read_text(), "build.spec", "exec"), {**spaces, "SPECPATH": str(root)})

    def _recorder(self, kind: str) -> Any:
        def call(*positional: Any, **named: Any) -> Any:
            self.calls.append((kind, positional, named))
            made = types.SimpleNamespace(
                pure=[(name, name, "PYMODULE") for name in PURE],
                scripts=[(name, name, "PYSOURCE") for name in SCRIPTS],
                binaries=[(name, name, "BINARY") for name in BINARIES],
                datas=[(name, name, "DATA") for name in DATA],
            )
            return made

        return call

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What the calls of one class were given by name."""
        return [named for each, _, named in self.calls if each == kind]

    def inside(self, program: str) -> tuple[set[str], list[str]]:
        """Modules and scripts of a program."""
        number = [each["name"] for each in self.of("EXE")].index(program)
        (modules,), (_, scripts, _) = self._given("PYZ")[number], self._given("EXE")[number]
        return {entry[0] for entry in modules}, [entry[0] for entry in scripts]

    def collected(self) -> set[str]:
        """Files of the folder."""
        ((_, _, *tables),) = self._given("COLLECT")
        return {entry[0] for table in tables for entry in table}

    def _given(self, kind: str) -> list[tuple[Any, ...]]:
        return [positional for each, positional, _ in self.calls if each == kind]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree whose GUI is built."""
    for name in ("app", "gateway", "engine", "kit", "contract", "assets", "installer"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "gui" / "dist").mkdir(parents=True)
    (tmp_path / "gui" / "dist" / "index.html").write_text("<!doctype html>")
    for name in ("LICENSE", "SECURITY.md"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture(params=["linux", "win32", "darwin"])
def ran(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Ran]:
    return request.param, Ran(request.param, root, monkeypatch)


def test_each_system_gets_its_own_keyring_and_no_other(ran: tuple[str, Ran]):
    target, spec = ran
    backends = {"linux": "keyring.backends.SecretService", "win32": "keyring.backends.Windows", "darwin": "keyring.backends.macOS"}
    for analysis in spec.of("Analysis"):
        assert {name for name in backends.values() if name in analysis["hiddenimports"]} == {backends[target]}


def test_one_program_has_windows_and_the_other_has_no_qt(ran: tuple[str, Ran]):
    _, spec = ran
    assert spec.inside("flowork") == (set(PURE), ["pyi_rth_inspect", "pyi_rth_pyside6", "flowork"])
    assert spec.inside("flowork-gateway") == ({"app.roles", "app.bridge.news", "fastapi"}, ["pyi_rth_inspect", "flowork_gateway"])


def test_every_command_is_inside(ran: tuple[str, Ran]):
    from app.roles import ROLES

    for analysis in ran[1].of("Analysis"):
        assert {where.partition(":")[0] for where in ROLES.values()} <= set(analysis["hiddenimports"])


def test_nothing_that_is_imported_is_left_out(ran: tuple[str, Ran]):
    """By name: what a module of ours imports, at its top or later, must not be among the excludes."""
    (analysis,) = ran[1].of("Analysis")
    for room in ("app", "gateway", "engine", "contract", "kit"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                assert not set(names) & set(analysis["excludes"]), path


def test_modules_that_are_named_exist(ran: tuple[str, Ran]):
    """A name that is misspelt is not found by PyInstaller either, which only warns."""
    target, spec = ran
    if target != sys.platform:
        pytest.skip("another system's packages are not here")
    for name in spec.of("Analysis")[0]["hiddenimports"]:
        assert importlib.util.find_spec(name) is not None, name


def test_what_is_not_named_of_qt_stays_out(ran: tuple[str, Ran]):
    target, spec = ran
    kept = spec.collected()
    assert {"PySide6/Qt/plugins/platforms/libqxcb.so", "libpython3.11.so.1.0"} <= kept
    assert not kept & {
        "PySide6/Qt/plugins/platforms/libqvnc.so",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/opengl32sw.dll",
        "PySide6/Qt6Quick.dll",
        "PySide6/Qt/translations/qtbase_fr.qm",
    }
    assert ({"libstdc++.so.6", "libglib-2.0.so.0"} <= kept) == (target != "linux")
    assert {"PySide6/Qt/translations/qtbase_id.qm", "gui/dist/index.html"} <= kept


def test_no_packer_no_lost_asserts_and_a_console_where_one_belongs(ran: tuple[str, Ran]):
    target, spec = ran
    assert all(each["optimize"] == 0 and each["noarchive"] is False for each in spec.of("Analysis"))
    programs = {each["name"]: each for each in spec.of("EXE")}
    assert set(programs) == {"flowork", "flowork-gateway"}
    assert not any(each["upx"] for each in [*programs.values(), *spec.of("COLLECT")])
    assert programs["flowork"]["console"] == (target == "linux")
    assert programs["flowork-gateway"]["console"] is True
    assert all((each["version"] is not None) == (target == "win32") for each in programs.values())


def test_a_mac_bundle_lives_in_the_menu_bar(ran: tuple[str, Ran]):
    target, spec = ran
    bundles = spec.of("BUNDLE")
    assert len(bundles) == (target == "darwin")
    for each in bundles:
        assert each["info_plist"]["LSUIElement"] is True
        assert each["bundle_identifier"] == "org.flowork.desktop"


def test_the_gui_and_the_keys_of_releases_are_inside(root: Path, monkeypatch: pytest.MonkeyPatch):
    with_keys = Ran("linux", root, monkeypatch, FLOWORK_RELEASE_KEYS="release-keys.json")
    for analysis in with_keys.of("Analysis"):
        assert (str(root / "gui" / "dist"), "gui/dist") in analysis["datas"]
        assert ("release-keys.json", "assets") in analysis["datas"]


def test_without_the_gui_nothing_is_frozen(root: Path, monkeypatch: pytest.MonkeyPatch):
    (root / "gui" / "dist" / "index.html").unlink()
    with pytest.raises(SystemExit, match="make gui"):
        Ran("linux", root, monkeypatch)
