"""The one door: picks the role from the command line before anything heavy is imported."""

import multiprocessing
import sys
from collections.abc import Callable, Sequence

USAGE = """\
usage: flowork COMMAND [options]

  serve              run gateway and engine on this machine
  engine             run an engine for a gateway here or elsewhere
  status             queues, engines and delays of the gateway on this machine
  submit             sign in and submit a job, then watch it
  users add ADDRESS  let an Ethereum address sign in
  users list         everyone who may sign in
  engines VERB       add, list, code, rotate, revoke, share, unshare
  audit list|verify  who did what, and whether the record is whole
  demo               three real jobs on a scratch gateway, start to end

Every command takes --help, and --json for one JSON object a line.
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 gateway not reachable,
4 refused, 5 the job ended badly.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a role; its exit code."""
    multiprocessing.freeze_support()  # a frozen program's pool children start here, and must not start a second Flowork
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = arguments[0] if arguments else "--help"
    if verb in {"-h", "--help", "help"}:
        print(USAGE, end="")
        return 0
    if verb == "--version":
        from contract.version import VERSION

        print(f"flowork {VERSION}")
        return 0
    role = _role(verb)
    if role is None:
        print(f"flowork: there is no command {verb!r}. flowork --help lists them.", file=sys.stderr)
        return 2
    return role(arguments[1:])


def _role(verb: str) -> Callable[[Sequence[str]], int] | None:
    match verb:
        case "serve":
            from app.commands import serve

            return serve.main
        case "engine":
            from engine.__main__ import main as engine

            return engine
        case "status":
            from app.commands import status

            return status.main
        case "submit":
            from app.commands import submit

            return submit.main
        case "users":
            from app.commands import users

            return users.main
        case "engines":
            from app.commands import engines

            return engines.main
        case "audit":
            from app.commands import audit

            return audit.main
        case "demo":
            from app.commands import demo

            return demo.main
        case _:
            return None
