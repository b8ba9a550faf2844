"""`flowork purge`: remove everything that Flowork keeps of a person on this machine."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.commands.common import CONFIG, DONE, FAILED, USAGE, complain, parser
from app.desktop.single_instance import first_of
from app.services.secrets import Around, SecretsRefused, forget
from kit.files import Locked, exclusive_lock, private_folder

KNOWN_BY = ("control.db", "secrets.json", "config.toml", "run")
"""A folder with none of these is not Flowork's, and a mistyped --data must not cost somebody their pictures."""
ASK = "This removes {data} with its jobs, people, devices and keys, for good. Say so with: flowork purge --yes"


def main(argv: Sequence[str]) -> int:
    """Exit code: 0 also when there is nothing; 1 while Flowork runs; 78 when the keyring is closed."""
    made = parser("purge", "Remove the data folder, and the keys that the keyring keeps for it. Stop Flowork first.")
    made.add_argument("--yes", action="store_true", help="really")
    arguments = made.parse_args(argv)
    data: Path = arguments.data
    if not data.exists():
        return _say(arguments.json, f"There is nothing in {data}.", 0)
    if data.is_symlink() or not any((data / name).exists() for name in KNOWN_BY):
        complain(f"{data} is not a data folder of Flowork. Nothing was removed.")
        return FAILED
    if not arguments.yes:
        complain(ASK.format(data=data))
        return USAGE
    try:
        with first_of(data) as nobody, exclusive_lock(private_folder(data / "run") / "flowork.lock"):
            if not nobody:
                raise Locked
            keys = forget(data / "cli", Around(environment={})) + forget(data, Around(environment={}))
    except Locked:
        complain(f"Flowork runs on {data}. Stop it first: flowork quit")
        return FAILED
    except SecretsRefused as error:
        complain(f"{error} Nothing was removed.")
        return CONFIG
    shutil.rmtree(data)
    return _say(arguments.json, f"{data} and {keys} key(s) of the keyring were removed.", keys)


def _say(as_json: bool, text: str, keys: int) -> int:
    print(json.dumps({"removed_keys": keys}) if as_json else text)
    return DONE
