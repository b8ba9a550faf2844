"""Draws every icon from one description: `make assets` writes the SVG sources, the pixmaps, flowork.ico and flowork.icns.

The mark is an F that is a stream: it rises from the stem, bends and runs into a node. The lower right corner of an F is empty,
and there stands the badge that tells the state; a node that is an open ring, cut off from its stream, tells that there is no
public endpoint. Everything stands on a grid of 16, so that edges fall on pixels at 16, 32, 48 and 64.
"""

import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
SIZES: Final = (16, 22, 24, 32, 44, 48, 64, 96, 128)
"""16, 22, 24, 32, 48 and 64, at one and at two pixels a point."""
APP_SIZES: Final = (16, 22, 24, 32, 48, 64, 128, 256, 512)
ICO_SIZES: Final = (16, 24, 32, 48, 64, 128, 256)
ICNS: Final = (
    (b"icp4", 16),
    (b"icp5", 32),
    (b"ic11", 32),
    (b"ic12", 64),
    (b"ic07", 128),
    (b"ic13", 256),
    (b"ic08", 256),
    (b"ic14", 512),
    (b"ic09", 512),
)

STREAM: Final = "M3 14.5V6a3 3 0 0 1 3-3h4.5"
CUT: Final = "M3 14.5V6a3 3 0 0 1 3-3"
ARM: Final = "M3 9h3"
LONG_ARM: Final = "M3 9h5.5"
NODE: Final = "M12.5.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 1 1 0-5z"
RING: Final = "M12.5 1.1a1.9 1.9 0 1 1 0 3.8a1.9 1.9 0 1 1 0-3.8z"
STROKE: Final = 2.0
RING_STROKE: Final = 1.2


@dataclass(frozen=True, slots=True)
class Badge:
    """What stands in the corner: a filled shape, and what is cut out of it or drawn upon it."""

    shape: str
    mark: str = ""
    tint: str = "mark"


BADGES: Final[dict[str, Badge | None]] = {
    "stopped": Badge("M9 9h6v6H9z", tint="quiet"),
    "starting": Badge(
        "M8 12.2a1.2 1.2 0 1 1 2.4 0a1.2 1.2 0 1 1-2.4 0zM10.8 12.2a1.2 1.2 0 1 1 2.4 0a1.2 1.2 0 1 1-2.4 0z"
        "M13.6 12.2a1.2 1.2 0 1 1 2.4 0a1.2 1.2 0 1 1-2.4 0z"
    ),
    "idle": None,
    "busy": Badge("M9 8l6.5 4L9 16z", tint="good"),
    "draining": Badge("M8 8h8l-4 4.5zM8 14h8v2H8z"),
    "paused": Badge("M9 8h2v8H9zM13 8h2v8h-2z"),
    "warning": Badge("M12 7.4l4.2 8.6H7.8z", "M11.3 10.3h1.4v2.7h-1.4zM11.3 13.8h1.4v1.3h-1.4z", "warning"),
    "error": Badge("M8 10l2-2l2 2l2-2l2 2l-2 2l2 2l-2 2l-2-2l-2 2l-2-2l2-2z", tint="bad"),
}
"""By state, as app/rules/condition.py names them."""
OFFLINE: Final = ("idle", "busy", "draining", "paused", "warning", "error")
"""The states in which a public endpoint can be missed."""


@dataclass(frozen=True, slots=True)
class Inks:
    """The colours of one set; with an `outline` the shapes show on any ground, without one the badge's mark is a hole."""

    mark: str
    quiet: str
    good: str
    warning: str
    bad: str
    outline: str | None = None


SETS: Final = {
    "colour": Inks("#1668c0", "#66707d", "#15803d", "#f2a900", "#c8281f", outline="#ffffff"),
    "light": Inks(*["#f4f6f8"] * 5),
    "dark": Inks(*["#1b2028"] * 5),
}
ON_WARNING: Final = "#1b2028"
OUTLINE_WIDTH: Final = 1.6
"""Half of it shows: 0.8 of 16 around every shape."""


def tray_svg(state: str, inks: Inks, *, offline: bool = False) -> str:
    """The tray icon of a state."""
    badge = BADGES[state]
    mark = inks.quiet if badge is not None and badge.tint == "quiet" else inks.mark
    strokes = [CUT if offline else STREAM, LONG_ARM if badge is None else ARM]
    parts: list[str] = []
    if inks.outline is not None:
        parts += [_stroke(path, inks.outline, STROKE + OUTLINE_WIDTH) for path in strokes]
        parts.append(_stroke(RING, inks.outline, RING_STROKE + OUTLINE_WIDTH) if offline else _fill(NODE, inks.outline, OUTLINE_WIDTH))
        if badge is not None:
            parts.append(_fill(badge.shape, inks.outline, OUTLINE_WIDTH))
    parts += [_stroke(path, mark, STROKE) for path in strokes]
    parts.append(_stroke(RING, mark, RING_STROKE) if offline else _fill(NODE, mark))
    if badge is not None:
        parts += _badge(badge, inks)
    return _svg(16, parts)


def _badge(badge: Badge, inks: Inks) -> list[str]:
    tint = getattr(inks, badge.tint)
    if inks.outline is None:
        return [_fill(badge.shape + badge.mark, tint)]
    shape = [_fill(badge.shape, tint)]
    return [*shape, _fill(badge.mark, ON_WARNING if badge.tint == "warning" else inks.outline)] if badge.mark else shape


def app_svg() -> str:
    """The application's icon: the mark, white on the product's blue, with room around it as macOS and GNOME want it."""
    ground = (
        '<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#2f86e0"/>'
        '<stop offset="1" stop-color="#0b4f98"/></linearGradient></defs><rect x="2" y="2" width="28" height="28" rx="6.5" fill="url(#g)"/>'
    )
    drawn = [_stroke(STREAM, "#ffffff", STROKE), _stroke(LONG_ARM, "#ffffff", STROKE), _fill(NODE, "#ffffff")]
    return _svg(32, [ground, '<g transform="translate(6 5.6) scale(1.3)">', *drawn, "</g>"])


def _stroke(path: str, colour: str, width: float) -> str:
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round" stroke-linejoin="round"/>'


def _fill(path: str, colour: str, outline: float = 0) -> str:
    around = f' stroke="{colour}" stroke-width="{outline:g}" stroke-linejoin="round"' if outline else ""
    return f'<path d="{path}" fill="{colour}" fill-rule="evenodd"{around}/>'


def _svg(side: int, parts: list[str]) -> str:
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}" height="{side}">', *parts, "</svg>", ""]
    )


PARTS: Final = {
    "tick": ("M3.5 8.5l3 3l6-7", 2.2, {"light": "#ffffff", "dark": "#0c1a2b"}),
    "chevron": ("M4 6l4 4l4-4", 1.6, {"light": "#57606d", "dark": "#a3adbb"}),
}
"""What the style sheet (app/ui/style.py) needs a picture for, by theme, in its colours."""


def sources() -> Iterator[tuple[str, str]]:
    """Every SVG: its path below this folder, and its text."""
    yield "svg/flowork.svg", app_svg()
    for part, (path, width, themes) in PARTS.items():
        for theme, colour in themes.items():
            yield f"svg/{part}-{theme}.svg", _svg(16, [_stroke(path, colour, width)])
    for name, inks in SETS.items():
        for state in BADGES:
            yield f"svg/{name}/{state}.svg", tray_svg(state, inks)
        for state in OFFLINE:
            yield f"svg/{name}/{state}-offline.svg", tray_svg(state, inks, offline=True)


def pixmaps() -> Iterator[tuple[str, bytes]]:
    """Every PNG: its path below this folder, and its bytes. Needs Qt, and a platform that draws without a screen."""
    for path, text in sources():
        stem = path.removeprefix("svg/").removesuffix(".svg")
        for size in APP_SIZES if stem == "flowork" else SIZES if "/" in stem else ():
            yield f"png/{stem}@{size}.png", rendered(text, size)


def rendered(svg: str, size: int) -> bytes:
    """An SVG as PNG, so many pixels wide and high, as small as Qt packs it."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    picture = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(0)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    packed = QByteArray()
    buffer = QBuffer(packed)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.convertToFormat(QImage.Format.Format_ARGB32).save(buffer, "PNG", 0)  # type: ignore[call-overload]
    return bytes(packed.data())


def ico(pictures: dict[int, bytes]) -> bytes:
    """A Windows icon of PNGs (since Windows Vista)."""
    header = struct.pack("<HHH", 0, 1, len(pictures))
    offset, entries, body = 6 + 16 * len(pictures), b"", b""
    for size, data in pictures.items():
        entries += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(data), offset + len(body))
        body += data
    return header + entries + body


def icns(pictures: dict[int, bytes]) -> bytes:
    """A macOS icon of PNGs; each size under the types that mean it, at one and at two pixels a point."""
    body = b"".join(struct.pack(">4sI", kind, 8 + len(pictures[size])) + pictures[size] for kind, size in ICNS)
    return struct.pack(">4sI", b"icns", 8 + len(body)) + body


def everything() -> Iterator[tuple[str, bytes]]:
    """Every file of this folder that is drawn."""
    for path, text in sources():
        yield path, text.encode()
    yield from pixmaps()
    app = {size: rendered(app_svg(), size) for size in {*ICO_SIZES, *(size for _, size in ICNS)}}
    yield "flowork.ico", ico({size: app[size] for size in ICO_SIZES})
    yield "flowork.icns", icns(app)


def main() -> None:
    """Write them all, and take away what is drawn no more."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication

    application = QGuiApplication(sys.argv[:1])
    old = {path for pattern in ("svg/**/*.svg", "png/**/*.png") for path in FOLDER.glob(pattern)}
    written = set()
    for name, data in everything():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.add(path)
    for path in old - written:
        path.unlink()
    application.quit()
    print(f"{len(written)} files, {sum(path.stat().st_size for path in written) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
