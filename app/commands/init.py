"""`flowork init --config FILE`: set up a machine without a display."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from app.commands.common import CONFIG, DONE, FAILED, complain, parser, terminal
from app.desktop.autostart import AutostartFailed, AutostartState, autostart, own_command
from app.services import setup
from app.services.providers import KeyRefused
from app.services.secrets import Around, SecretsRefused
from kit.files import Locked
from kit.ownership import NotOurs, make_ours
from kit.vault import VaultLocked, VaultUnavailable


def main(argv: Sequence[str]) -> int:
    """Exit code: 2 for mistakes in the file (nothing was written), 78 when secrets cannot be kept as it says."""
    made = parser("init", "Set up a machine from one file: everything or, if there is a mistake in it, nothing.")
    made.add_argument("--config", type=Path, required=True, metavar="FILE", help="see docs/operating.md, Setting up without a display")
    arguments = made.parse_args(argv)
    try:
        make_ours(arguments.data)
        planned = setup.plan(arguments.config, arguments.data)
        done = setup.carry_out(planned, arguments.data, autostart(own_command(data=arguments.data)), Around(ask=terminal()))
    except setup.SetupRefused as error:
        return complain("nothing was written; the file has mistakes.", error.mistakes)
    except Locked:
        complain(f"Flowork runs on {arguments.data}. Stop it first.")
        return FAILED
    except (SecretsRefused, VaultLocked, VaultUnavailable, KeyRefused, NotOurs) as error:
        complain(str(error))
        return CONFIG
    except (AutostartFailed, OSError) as error:
        complain(str(error))
        return FAILED
    print(json.dumps(asdict(done)) if arguments.json else render(done, arguments.data))
    return DONE if planned.autostart is None or done.autostart == _wished(planned.autostart) else FAILED


def render(done: setup.Done, data: Path) -> str:
    """The page for a terminal."""
    lines = [f"Settings   {data / 'config.toml'}: {done.settings}", f"Secrets    {done.secrets}"]
    if done.keys:
        lines.append(f"Keys       {', '.join(done.keys)}")
    if done.autostart is not None:
        lines.append(f"Autostart  {done.autostart}")
    return "\n".join([*lines, "", "Start it with: flowork serve"])


def _wished(on: bool) -> AutostartState:
    return AutostartState.ON if on else AutostartState.OFF
