"""build.spec, run for each system with recorders in place of PyInstaller's classes."""

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
DATA = ["PySide6/Qt/translations/qtbase_id.qm", "PySide6/Qt/translations/qtbase_fr.qm", "gui/dist/index.html"]


class Ran:
    """What the spec asked of PyInstaller."""

    def __init__(self, target: str, root: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.made: list[Any] = []
        monkeypatch.setenv("FLOWORK_TARGET", target)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        hooks = types.ModuleType("PyInstaller.utils.hooks")
        for name in ("collect_data_files", "copy_metadata"):
            setattr(hooks, name, lambda package, **_: [(f"hook of {package}", package)])
        hooks.collect_submodules = lambda package: list(modules(package))  # type: ignore[attr-defined]
        versions = types.ModuleType("PyInstaller.utils.win32.versioninfo")
        for name in ("FixedFileInfo", "StringFileInfo", "StringStruct", "StringTable", "VarFileInfo", "VarStruct", "VSVersionInfo"):
            setattr(versions, name, lambda *positional, **named: (positional, named))
        for module in (hooks, versions):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        spaces = {name: self._recorder(name) for name in ("Analysis", "PYZ", "EXE", "COLLECT", "BUNDLE")}
        monkeypatch.setattr(sys, "path", list(sys.path))
        exec(compile((ROOT / "build.spec").read_text(), "build.spec", "exec"), {**spaces, "SPECPATH": str(root)})

    def _recorder(self, kind: str) -> Any:
        def call(*positional: Any, **named: Any) -> Any:
            self.calls.append((kind, positional, named))
            made = types.SimpleNamespace(
                pure=[], scripts=[], binaries=[(x, x, "BINARY") for x in BINARIES], datas=[(x, x, "DATA") for x in DATA]
            )
            self.made.append((kind, made))
            return made

        return call

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What the calls of one class were given by name."""
        return [named for each, _, named in self.calls if each == kind]

    def analyses(self) -> list[Any]:
        return [made for kind, made in self.made if kind == "Analysis"]


def modules(package: str) -> list[str]:
    folder = ROOT / package
    return [package] + [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sorted(folder.rglob("*.py"))
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree whose GUI is built."""
    for name in ("contract", "assets", "installer"):
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
    windowed, headless = spec.of("Analysis")
    assert "PySide6" not in windowed["excludes"]
    assert {"PySide6", "shiboken6", "desktop_notifier"} <= set(headless["excludes"])
    assert "app.ui.tray" in windowed["hiddenimports"]
    assert not [name for name in headless["hiddenimports"] if name.startswith(("app.ui", "app.wiring", "app.bridge.qt"))]


def test_every_command_is_in_both(ran: tuple[str, Ran]):
    from app.roles import ROLES

    for analysis in ran[1].of("Analysis"):
        assert {where.partition(":")[0] for where in ROLES.values()} <= set(analysis["hiddenimports"])


def test_modules_that_are_named_exist(ran: tuple[str, Ran]):
    """A name that is misspelt is not found by PyInstaller either, which only warns."""
    target, spec = ran
    if target != sys.platform:
        pytest.skip("another system's packages are not here")
    for name in spec.of("Analysis")[0]["hiddenimports"]:
        assert importlib.util.find_spec(name) is not None, name


def test_what_is_not_named_of_qt_stays_out(ran: tuple[str, Ran]):
    target, spec = ran
    for analysis in spec.analyses():
        kept = {entry[0] for entry in analysis.binaries}
        assert "PySide6/Qt/plugins/platforms/libqxcb.so" in kept
        assert not kept & {
            "PySide6/Qt/plugins/platforms/libqvnc.so",
            "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
            "PySide6/opengl32sw.dll",
            "PySide6/Qt6Quick.dll",
        }
        assert ({"libstdc++.so.6", "libglib-2.0.so.0"} <= kept) == (target != "linux")
        assert "libpython3.11.so.1.0" in kept
        assert {entry[0] for entry in analysis.datas} == {"PySide6/Qt/translations/qtbase_id.qm", "gui/dist/index.html"}


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
