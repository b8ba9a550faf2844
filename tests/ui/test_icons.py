"""Icons: what is committed is what is drawn, every state has its own, and each size is the one that was drawn for it."""

from importlib.resources import files
from itertools import combinations

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

from app.rules.condition import State
from app.ui.icons import APP_SIZES, NEVER_OFFLINE, TRAY_SIZES, IconSet, app_icon, icon_set, tray_icon
from assets import draw

TOLERANCE = 12
"""Of 255, in any channel: Qt's releases round differently."""
ASSETS = files("assets")
ICONS = [(state, offline) for state in State for offline in (False, True) if not (offline and state in NEVER_OFFLINE)]


def _apart(one: QImage, other: QImage) -> int:
    """The greatest difference of any channel of any pixel."""
    assert one.size() == other.size()
    images = [image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied) for image in (one, other)]
    return max(abs(a - b) for a, b in zip(*(bytes(image.constBits()) for image in images), strict=True))


def test_the_sources_are_as_drawn():
    for name, text in draw.sources():
        assert ASSETS.joinpath(name).read_text(encoding="utf-8") == text, f"{name} is old: make assets"


def test_the_pixmaps_are_as_drawn(qapp):
    for name, data in draw.pixmaps():
        committed = QImage.fromData(ASSETS.joinpath(name).read_bytes(), "PNG")
        assert _apart(committed, QImage.fromData(data, "PNG")) <= TOLERANCE, f"{name} is old: make assets"


def test_nothing_lies_there_that_is_not_drawn(qapp):
    drawn = {name for name, _ in draw.everything()}
    there = {path.relative_to(draw.FOLDER).as_posix() for folder in ("svg", "png") for path in (draw.FOLDER / folder).rglob("*.*")}
    assert there | {"flowork.ico", "flowork.icns"} == drawn


def test_the_icons_of_windows_and_macos_hold_the_sizes_they_say(qapp):
    icon = ASSETS.joinpath("flowork.ico").read_bytes()
    count = int.from_bytes(icon[4:6], "little")
    entries = [icon[6 + 16 * at : 22 + 16 * at] for at in range(count)]
    for entry, size in zip(entries, draw.ICO_SIZES, strict=True):
        length, offset = (int.from_bytes(entry[at : at + 4], "little") for at in (8, 12))
        assert QImage.fromData(icon[offset : offset + length], "PNG").width() == size
    mac = ASSETS.joinpath("flowork.icns").read_bytes()
    assert mac[:4] == b"icns"
    assert int.from_bytes(mac[4:8], "big") == len(mac)


def test_the_description_knows_every_state():
    assert set(draw.BADGES) == set(State)
    assert set(draw.OFFLINE) == set(State) - NEVER_OFFLINE
    assert draw.SIZES == TRAY_SIZES
    assert draw.APP_SIZES == APP_SIZES
    assert set(draw.SETS) == set(IconSet)


@pytest.mark.parametrize("kind", IconSet)
def test_no_two_states_look_alike_at_16_pixels_even_without_colour(qapp, kind):
    shapes = {}
    for state, offline in ICONS:
        image = tray_icon(state, offline=offline, kind=kind).pixmap(QSize(16, 16), 1.0).toImage()
        shapes[state, offline] = [image.pixelColor(x, y).alpha() > 127 for y in range(16) for x in range(16)]
    least = min(
        (sum(a != b for a, b in zip(shapes[one], shapes[other], strict=True)), one, other) for one, other in combinations(shapes, 2)
    )
    if kind is not IconSet.COLOUR:  # there, outlines fill what is between the shapes, and colours tell them apart too
        assert least[0] >= 8, least


@pytest.mark.parametrize(("points", "scale", "pixels"), [(16, 1.0, 16), (22, 1.0, 22), (22, 2.0, 44), (24, 2.0, 48), (64, 2.0, 128)])
def test_a_panel_gets_the_pixmap_of_its_size(qapp, points, scale, pixels):
    shown = tray_icon(State.BUSY, offline=False, kind=IconSet.COLOUR).pixmap(QSize(points, points), scale).toImage()
    assert _apart(shown, QImage.fromData(ASSETS.joinpath(f"png/colour/busy@{pixels}.png").read_bytes(), "PNG")) == 0


def test_what_does_not_run_misses_no_endpoint(qapp):
    icons = [tray_icon(State.STOPPED, offline=offline, kind=IconSet.DARK).pixmap(QSize(32, 32), 1.0).toImage() for offline in (False, True)]
    assert _apart(*icons) == 0


def test_the_program_has_its_icon_up_to_512(qapp):
    assert {size.width() for size in app_icon().availableSizes()} == set(APP_SIZES)


@pytest.mark.parametrize(
    ("wanted", "scheme", "platform", "expected"),
    [
        ("auto", Qt.ColorScheme.Dark, "linux", IconSet.COLOUR),
        ("auto", Qt.ColorScheme.Dark, "win32", IconSet.LIGHT),
        ("auto", Qt.ColorScheme.Light, "win32", IconSet.DARK),
        ("auto", Qt.ColorScheme.Unknown, "win32", IconSet.COLOUR),
        ("auto", Qt.ColorScheme.Dark, "darwin", IconSet.DARK),
        ("light", Qt.ColorScheme.Light, "linux", IconSet.LIGHT),
    ],
)
def test_auto_follows_what_the_system_tells(wanted, scheme, platform, expected):
    assert icon_set(wanted, scheme, platform) is expected
