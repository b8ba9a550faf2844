"""The one door: picks the role from the command line before anything heavy is imported."""

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence

USAGE = """\
usage: flowork [COMMAND] [options]

  desktop              the tray application; what flowork alone starts
  serve                run gateway and engine on this machine
  engine               run an engine for a gateway here or elsewhere
  status               queues, engines and delays of the gateway on this machine
  pair                 pair a browser, a phone or another command line
  login | logout       pair this command line with a gateway, and end that
  submit               submit a job, then watch it
  job                  one job, and what its attempts spent their time on
  users VERB           the people of this gateway: list, remove, budget
  devices list|revoke  what is paired with it
  engines VERB         add, list, code, rotate, revoke, share, unshare,
                       publish, unpublish, grants, allow, disallow
  api-keys VERB        keys for programs that speak OpenAI's wire: make,
                       list, revoke
  drain | resume       take no new jobs, and take them again
  endpoint VERB        how browsers elsewhere reach it: status, set, restart,
                       look
  workers              how many jobs run at once here; pause, go on
  quit                 let the Flowork that runs here finish, then end
  rollout VERB         try a new version: start, status, promote, rollback
  keys list|rotate     the keys that sign access tokens
  providers VERB       where models come from: list, find; key set, list, remove
  audit list|verify    who did what, and whether the record is whole
  secrets              where the keys are kept: status, unlock, move
  logs                 what was written down: --follow, --level, --job
  metrics VERB         who may read /metrics: token, list, revoke
  tools list|call|key  the tools of this machine's engine
  autostart VERB       start with your session: on, off, status
  update VERB          new versions: status, check, download, install
  init                 set up a machine without a display, from one file
  diagnostics          what a supporter needs to know, without secrets
  doctor               what is wrong on this machine, and what to do
  self-test            whether every part of this program works here
  purge                remove the data folder and its keys; asks for --yes
  licences             of Flowork and of everything that came with it
  demo                 three real jobs on a scratch gateway, start to end

Every command takes --help, and --json for one JSON object a line.
Exit codes: 0 done, 1 failed, 2 wrong command line, 3 gateway not reachable,
4 refused, 5 the job ended badly, 78 this machine must be set up first.
"""


NO_WINDOWS = "flowork-gateway: this program has no windows. Start `flowork` for the tray, or `flowork-gateway serve`."


def main(argv: Sequence[str] | None = None, *, windows: bool = True) -> int:
    """Run a role; its exit code. `windows`: whether the program has the tray and its windows in it, or runs `serve` instead."""
    os.umask(0o077)  # whatever a role makes is its owner's alone
    multiprocessing.freeze_support()  # a frozen program's pool children start here, and must not start a second Flowork
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in AS_OPTIONS:
        arguments[0] = arguments[0].removeprefix("--")
    verb = arguments[0] if arguments else USUAL[windows]
    if verb.startswith("--") and verb not in {"--help", "--version"}:
        verb, arguments = USUAL[windows], [USUAL[windows], *arguments]
    if verb in {"-h", "--help", "help"}:
        print(USAGE, end="")
        return 0
    if verb == "--version":
        from contract.version import VERSION

        print(f"flowork {VERSION}")
        return 0
    if verb == "desktop" and not windows:
        print(NO_WINDOWS, file=sys.stderr)
        return 2
    role = _role(verb)
    if role is None:
        print(f"flowork: there is no command {verb!r}. flowork --help lists them.", file=sys.stderr)
        return 2
    return role(arguments[1:])


USUAL = {True: "desktop", False: "serve"}
"""What no command means, with windows and without."""
AS_OPTIONS = frozenset({"--quit", "--self-test"})
"""Commands that installers and services give as options."""
ROLES = {
    "desktop": "app.commands.desktop:main",
    "serve": "app.commands.serve:main",
    "engine": "engine.__main__:main",
    "status": "app.commands.status:main",
    "pair": "app.commands.pair:main",
    "login": "app.commands.login:main",
    "logout": "app.commands.login:logout",
    "submit": "app.commands.submit:main",
    "job": "app.commands.job:main",
    "users": "app.commands.users:main",
    "devices": "app.commands.devices:main",
    "api-keys": "app.commands.api_keys:main",
    "engines": "app.commands.engines:main",
    "drain": "app.commands.drain:main",
    "resume": "app.commands.drain:resume",
    "endpoint": "app.commands.endpoint:main",
    "workers": "app.commands.workers:main",
    "quit": "app.commands.quit:main",
    "rollout": "app.commands.rollout:main",
    "keys": "app.commands.keys:main",
    "providers": "app.commands.providers:main",
    "audit": "app.commands.audit:main",
    "secrets": "app.commands.secrets:main",
    "logs": "app.commands.logs:main",
    "metrics": "app.commands.metrics:main",
    "tools": "app.commands.tools:main",
    "autostart": "app.commands.autostart:main",
    "update": "app.commands.update:main",
    "init": "app.commands.init:main",
    "diagnostics": "app.commands.diagnostics:main",
    "doctor": "app.commands.doctor:main",
    "self-test": "app.commands.self_test:main",
    "purge": "app.commands.purge:main",
    "licences": "app.commands.licences:main",
    "demo": "app.commands.demo:main",
}


def _role(verb: str) -> Callable[[Sequence[str]], int] | None:
    if verb not in ROLES:
        return None
    module, _, name = ROLES[verb].partition(":")
    role: Callable[[Sequence[str]], int] = getattr(importlib.import_module(module), name)
    return role
