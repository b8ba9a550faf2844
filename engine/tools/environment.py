"""What a program that is started for a job knows of its surroundings: where programs and its home are, and the language. No secrets."""

import os
from collections.abc import Mapping
from typing import Final

KEPT: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *(
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "COMSPEC",
        "PATHEXT",
        "TEMP",
        "TMP",
        "USERNAME",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
        "PROGRAMDATA",
    ),
)


def clean(around: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is handed on of an environment, our own unless another is given."""
    around = os.environ if around is None else around
    return {name: value for name, value in around.items() if name.upper() in KEPT or name.startswith("LC_")}
