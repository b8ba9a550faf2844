"""Writes the manual page, flowork(1), from the program's own command line: python -m installer.linux.manual SHARE.

SHARE is a folder such as /usr/share; the date is SOURCE_DATE_EPOCH.
"""

import gzip
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from app.roles import USAGE
from contract.version import VERSION
from installer.linux.command_line import Command, Option, commands, leaves

ROFF = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "~": r"\(ti", "^": r"\(ha", "`": r"\(ga"}
ABOUT = r"""Flowork keeps a durable queue of jobs on this machine, runs them with engines here or elsewhere,
and lets browsers and other command lines in that were paired with it.
\fBflowork\fR alone starts the tray application; where there is no display it runs as \fBflowork serve\fR.
\fBflowork\-gateway\fR is the same program without windows, for servers; alone it runs \fBserve\fR."""


def _roff(text: str) -> str:
    escaped = "".join(ROFF.get(letter, letter) for letter in text)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def _bold(text: str) -> str:
    return rf"\fB{_roff(text)}\fR"


def _sentence(text: str) -> str:
    return _roff(text[:1].upper() + text[1:]) + "."


def _value(option: Option) -> str:
    return rf"\fI{_roff('|'.join(option.choices) or option.value)}\fR"


def _tagged(option: Option) -> list[str]:
    names = ", ".join(map(_bold, option.names))
    return [".TP", f"{names} {_value(option) if option.value else ''}".strip(), _roff(option.says)]


def _shown(option: Option) -> str:
    word = " ".join([*map(_bold, option.names[-1:]), *([_value(option)] if option.value else [])])
    word += " ..." if option.repeated else ""
    return word if option.needed else f"[{word}]"


def of_most(every: list[Command]) -> tuple[Option, ...]:
    """Options that all commands have, but for a few."""
    all_leaves = [leaf for _, leaf in leaves(every)]
    return tuple(option for option in all_leaves[0].options if sum(option in leaf.options for leaf in all_leaves) > 0.9 * len(all_leaves))


def manual(every: list[Command], date: str) -> str:
    """The page, for man(7)."""
    common = of_most(every)
    out = [
        f'.TH FLOWORK 1 "{date}" "Flowork {VERSION}" "User Commands"',
        *(".SH NAME", r"flowork, flowork\-gateway \- job gateway and engines at home", ".SH SYNOPSIS"),
        *(r"\fBflowork\fR [\fICOMMAND\fR] [\fIoptions\fR]", ".br", r"\fBflowork\-gateway\fR [\fICOMMAND\fR] [\fIoptions\fR]"),
        *(
            ".SH DESCRIPTION",
            ABOUT,
            f"Every command takes {', '.join(_bold(option.names[-1]) for option in common)} and {_bold('--help')}.",
        ),
        ".SH COMMANDS",
    ]
    for command in every:
        out += [f".SS {_roff(command.name)}", _sentence(command.says)]
        for path, leaf in leaves([command]):
            out += _told(path, leaf, common, verb=leaf is not command)
    out += [".SH OPTIONS OF EVERY COMMAND", *(line for option in common for line in _tagged(option))]
    out += [".TP", _bold("--help"), "What the command does, and its options.", ".SH EXIT STATUS"]
    for code, says in re.findall(r"\b(\d+) ([^,.]+)", " ".join(USAGE.partition("Exit codes:")[2].split())):
        out += [".TP", _bold(code), _roff(says.strip())]
    return "\n".join([*out, REST])


def _told(path: str, leaf: Command, common: tuple[Option, ...], *, verb: bool) -> list[str]:
    own = [*(option for option in leaf.options if option not in common), *leaf.arguments]
    out = [".PP", " ".join([_bold(f"flowork {path}"), *map(_shown, own)])]
    out += [".RS", _sentence(leaf.says)] if verb else []
    for option in own:
        if option.says:
            out += _tagged(option) if option.names else [".TP", _value(option), _roff(option.says)]
    if lacking := [option.names[-1] for option in common if option not in leaf.options]:
        out += [".PP", _roff(f"Has no {' and no '.join(lacking)}.")]
    return [*out, ".RE"] if verb else out


REST = r""".SH FILES
.TP
\fI\(ti/.local/share/flowork\fR
The data folder: queues, settings in \fIconfig.toml\fR, logs. Only its owner reads it. Removing the package leaves it;
\fBflowork purge\fR removes it.
.TP
\fI/usr/share/doc/flowork/THIRD\-PARTY\-NOTICES.txt.gz\fR
Licences of everything that comes with it.
.SH ENVIRONMENT
.TP
\fBXDG_DATA_HOME\fR
Where the data folder lies, instead of in \fI\(ti/.local/share\fR.
.TP
\fBFLOWORK_UNLOCK_FILE\fR
A file of the owner with the passphrase of the secrets, for machines without a keyring.
"""


def write(share: Path, date: str) -> None:
    """Put the page below a folder such as /usr/share, for both programs."""
    folder = share / "man" / "man1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flowork.1.gz").write_bytes(gzip.compress(manual(commands(), date).encode(), 9, mtime=0))
    (folder / "flowork-gateway.1.gz").write_bytes(gzip.compress(b".so man1/flowork.1\n", 9, mtime=0))


if __name__ == "__main__":
    write(Path(sys.argv[1]), datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).strftime("%Y-%m-%d"))
