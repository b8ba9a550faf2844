"""Pictures of what people see: `make screens` writes them to build/screens; docs/pictures holds the one of the README.

Terminal pages are drawn as SVG: text in a monospaced face on a plain ground.
"""

import json
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = ROOT / "build" / "screens"
FLOWORK = [sys.executable, "-m", "app"]
SCRIPT = '{"output": ["Hello, ", "home.\\n"], "reply": {"n": 1}}'
CHAR, LINE, PAD, BAR = 7.3, 18, 20, 34
GROUND, TEXT, DIM, GOOD, BAD, MARK = "#14181f", "#d7dce4", "#8a94a3", "#8fd19e", "#f0a8a0", "#8ab4f8"


def terminal(command: str, text: str) -> str:
    """An SVG of a terminal in which a command printed a text."""
    lines = [f"$ {command}", *text.rstrip().splitlines()]
    width = max(len(line) for line in lines) * CHAR + 2 * PAD
    height = len(lines) * LINE + 2 * PAD + BAR
    rows = [
        f'<text x="{PAD}" y="{_base(number)}" fill="{_colour(number, line)}" xml:space="preserve">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
    dots = "".join(f'<circle cx="{PAD + at * 18}" cy="{BAR / 2}" r="5" fill="#3a424e"/>' for at in range(3))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(command)}"',
            ' font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="12">',
            f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>{dots}',
            *rows,
            "</svg>",
            "",
        ]
    )


def _base(number: int) -> int:
    return round(BAR + PAD + (number + 0.7) * LINE)


def _colour(number: int, line: str) -> str:
    if number == 0:
        return MARK
    if ("failed" in line or "fails." in line) and not line.startswith("Exit codes"):
        return BAD
    if "succeeded" in line:
        return GOOD
    return (
        DIM if line.startswith(("Gateway and", "Added", "Signed", "In the table", "JOB", "ENGINE", "INSTANCE", "SERVICE LEVEL")) else TEXT
    )


def run(*arguments: str) -> str:
    """What a command prints."""
    done = subprocess.run([*FLOWORK, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _until_claimed(*arguments: str) -> str:
    """What a command prints before it waits for a device."""
    with subprocess.Popen([*FLOWORK, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as waiting:
        assert waiting.stdout is not None
        page = [waiting.stdout.readline()]
        while not page[-1].startswith("For: "):
            page.append(waiting.stdout.readline())
        waiting.terminate()
    return "".join(page)


def main() -> None:
    """Draw every page."""
    OUT.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT))
    import icon_sheet
    import setup_screens

    icon_sheet.draw(OUT / "icons.png")
    setup_screens.draw(OUT)
    pages = {"demo": ("make demo", run("demo")), "help": ("flowork --help", run("--help")), **_around_a_gateway()}
    for name, (command, text) in pages.items():
        (OUT / f"{name}.svg").write_text(terminal(command, text), encoding="utf-8")
        print(OUT / f"{name}.svg")
    import screens_windows  # it makes a Qt application: only when there is something to draw

    screens_windows.main(OUT)
    import screens_tray

    screens_tray.draw(screens_windows.application(), OUT)
    if (ROOT / "gui" / "dist" / "index.html").exists():
        import screens_gui

        screens_gui.draw(OUT)
    else:
        print("no pictures of the browser GUI: make gui builds it")


def _around_a_gateway() -> dict[str, tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="flowork-screens-") as scratch:
        data = f"{scratch}/flowork"
        command = [*FLOWORK, "serve", "--data", data, "--port", "0", "--allow-echo", "--insecure-storage"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serve:
            try:
                assert serve.stdout is not None
                page = [serve.stdout.readline()]
                while not page[-1].startswith("Ctrl+C"):
                    page.append(serve.stdout.readline())
                stranger = run("submit", "--data", data, "--kind", "echo")
                login = run("login", "--data", data)
                pair = _until_claimed("pair", "--data", data, "--new", "Ann")
                devices = run("devices", "list", "--data", data)
                submit = run(
                    "submit", "--data", data, "--kind", "echo", "--payload", '{"output": ["Hello, ", "home.\\n"], "reply": {"n": 1}}'
                )
                status = run("status", "--data", data)
                taken_job = json.loads(run("submit", "--data", data, "--kind", "echo", "--json").splitlines()[0])
                job = run("job", taken_job["job"]["id"], "--data", data)
                logs = run("logs", "--lines", "12", "--data", data)
                metrics = run("metrics", "token", "--file", f"{scratch}/prometheus.token", "--data", data)
                taken = run("serve", "--data", data)
            finally:
                serve.terminate()
    home = (scratch, "~/.local/share")
    return {
        "serve": ("make run", "".join(page).replace(*home)),
        "stranger": ("flowork submit --kind echo", stranger),
        "login": ("flowork login", login),
        "pair": ("flowork pair --new Ann", pair),
        "devices": ("flowork devices list", devices),
        "submit": ("""flowork submit --kind echo --payload '{"output": ...}'""", submit),
        "status": ("flowork status", status),
        "job": ("flowork job ID", job),
        "logs": ("flowork logs --lines 12", logs),
        "metrics": ("flowork metrics token --file prometheus.token", metrics.replace(*home)),
        "taken": ("flowork serve", taken.replace(*home)),
    }


if __name__ == "__main__":
    main()
