"""`flowork autostart on|off|status`: start with this person's session."""

import argparse
import json
from collections.abc import Sequence

from app.commands.common import DONE, FAILED, add_common, complain
from app.desktop.autostart import Autostart, AutostartFailed, AutostartState, autostart, own_command

SAYS = {
    AutostartState.ON: "Flowork starts when you sign in.",
    AutostartState.OFF: "Flowork does not start when you sign in.",
    AutostartState.FOREIGN: "An entry for another program, or another copy of Flowork, stands there; it was left alone: {where}",
    AutostartState.DISABLED: "It is switched off in your system's own settings, and stays so until you switch it on there: {where}",
}


def main(argv: Sequence[str]) -> int:
    """Exit code: 1 when it is not as asked."""
    arguments = _parser().parse_args(argv)
    return act(arguments.verb, autostart(own_command(data=arguments.data)), as_json=arguments.json)


def act(verb: str, way: Autostart, *, as_json: bool) -> int:
    """Do it and say how it is; the exit code."""
    try:
        state = way.state() if verb == "status" else way.switch(verb == "on")
    except AutostartFailed as error:
        complain(str(error))
        return FAILED
    print(json.dumps({"autostart": state, "where": way.where}) if as_json else SAYS[state].format(where=way.where))
    wanted = {"on": {AutostartState.ON}, "off": {AutostartState.OFF, AutostartState.FOREIGN}}.get(verb, set(AutostartState))
    return DONE if state in wanted else FAILED


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="flowork autostart", description="Start with your session. Off at first.", allow_abbrev=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    for verb, says in (("on", "start when I sign in"), ("off", "do not"), ("status", "how it is")):
        add_common(verbs.add_parser(verb, help=says))
    return made
