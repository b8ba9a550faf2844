"""How Flowork is doing, in one word and one sentence: for tooltip, menu, window and command line alike."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.words import Words
from contract.endpoint import EndpointState


class State(StrEnum):
    """What the tray icon shows."""

    STOPPED = "stopped"
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    PAUSED = "paused"
    WARNING = "warning"
    ERROR = "error"


class Service(StrEnum):
    """How far gateway and engine of this machine are."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    """Finishing what runs, or giving it back."""
    FAILED = "failed"


class Secrets(StrEnum):
    """How the place of the keys is."""

    OPEN = "open"
    LOCKED = "locked"
    UNAVAILABLE = "unavailable"
    INSECURE = "insecure"
    """Open, and anyone who reads the disk reads the keys."""


class Pause(StrEnum):
    """Why the engine takes no jobs for a while; they wait in the queue."""

    ASKED = "asked"
    BATTERY = "battery"
    METERED = "metered"


class Fix(StrEnum):
    """What a person may do about what is explained; the UI has a row, a button, for each."""

    START = "start"
    RESUME = "resume"
    UNPAUSE = "unpause"
    UNLOCK = "unlock"
    RESTART_ENDPOINT = "restart_endpoint"
    SHOW_ENDPOINT = "show_endpoint"
    SHOW_ENGINES = "show_engines"
    SHOW_OVERVIEW = "show_overview"
    SHOW_AUDIT = "show_audit"
    SHOW_LOGS = "show_logs"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known; everything measured or told, nothing guessed."""

    service: Service = Service.STOPPED
    failure: str = ""
    """Why it could not start, or failed; in sentences for a person."""
    running: int = 0
    queued: int = 0
    p95_ms: float | None = None
    """Of the start delays, over 15 minutes."""
    draining: bool = False
    paused: Pause | None = None
    secrets: Secrets = Secrets.OPEN
    endpoint: EndpointState = EndpointState.OFF
    endpoint_reason: str = ""
    engines_down: tuple[str, ...] = ()
    """Engines for which jobs wait and no instance is up."""
    engines_unavailable: tuple[str, ...] = ()
    """Engines whose queue cannot be opened."""
    alarms: tuple[str, ...] = ()
    """Of the audit log."""
    burning: tuple[str, ...] = ()
    """Promises that are not kept just now, by their names in contract/levels.py."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words for one state of things."""

    state: State
    line: str
    """One short line: `Running · 3 jobs · p95 12 ms`."""
    why: str = ""
    """What it means for the work; empty when all is well."""
    fix: Fix | None = None
    fix_text: str = ""
    """The words on the row or button that does it."""
    offline: bool = False
    """There should be a public endpoint, and there is none just now."""
    insecure: bool = False
    """Keys are stored unencrypted: a permanent badge."""


def explain(facts: Facts, say: Words) -> Explanation:
    """The state, and every word about it: the worst thing first."""
    bad = _not_running(facts, say) or _trouble(facts, say)
    offline = facts.service is Service.RUNNING and facts.endpoint not in {EndpointState.OFF, EndpointState.READY}
    insecure = facts.secrets is Secrets.INSECURE
    if bad is None:
        state, line, why, fix, text = _well(facts, say)
    else:
        state, line, why, fix, text = bad
    return Explanation(state, line, why, fix, text, offline, insecure)


LEVEL_NAMES: Final = {
    "start_delay": "start delay p95",
    "end_to_end": "end to end p95",
    "error_rate": "error rate",
    "availability": "availability (month)",
    "queue_wait": "expected wait p95",
}
"""What people call the promises of contract/levels.py."""


_Found = tuple[State, str, str, Fix | None, str]


def _not_running(facts: Facts, say: Words) -> _Found | None:
    match facts.service:
        case Service.FAILED:
            return State.ERROR, say("Not running: something failed"), facts.failure, Fix.START, say("Start again")
        case Service.STOPPED:
            return State.STOPPED, say("Stopped"), say("No jobs are taken until you start it."), Fix.START, say("Start")
        case Service.STARTING:
            return State.STARTING, say("Starting…"), "", None, ""
        case Service.STOPPING:
            return State.DRAINING, say("Stopping · {jobs} still running", jobs=_jobs(facts.running, say)), "", None, ""
        case Service.RUNNING:
            return None


def _trouble(facts: Facts, say: Words) -> _Found | None:
    """What somebody should look at, the most urgent first; None when there is nothing."""
    if facts.engines_unavailable:
        names = ", ".join(facts.engines_unavailable)
        why = say("The queue of {names} cannot be opened; its jobs wait untouched. The log says which file and why.", names=names)
        return State.ERROR, say("A queue is unavailable"), why, Fix.SHOW_LOGS, say("Show the log")
    if facts.secrets is Secrets.LOCKED:
        why = say("Running jobs go on, but nobody can sign in and nothing can be rotated until the keyring is unlocked.")
        return State.WARNING, say("The keyring is locked"), why, Fix.UNLOCK, say("Unlock…")
    if facts.secrets is Secrets.UNAVAILABLE:
        why = say("The place of the keys does not answer. Nothing is lost; nobody can sign in until it is back.")
        return State.WARNING, say("The keys cannot be read"), why, Fix.UNLOCK, say("Try again…")
    if facts.alarms:
        return State.WARNING, say("The audit log needs you"), facts.alarms[0], Fix.SHOW_AUDIT, say("Show the audit log")
    if facts.endpoint in {EndpointState.FAILED, EndpointState.UNREACHABLE}:
        reason = say(facts.endpoint_reason) if facts.endpoint_reason else ""
        why = reason or say("Browsers elsewhere cannot reach this gateway; this machine can.")
        return State.WARNING, say("The public endpoint is down"), why, Fix.RESTART_ENDPOINT, say("Restart the endpoint")
    if facts.engines_down:
        names = ", ".join(facts.engines_down)
        why = say("Jobs wait for {names}, and no machine that serves it is up.", names=names)
        return State.WARNING, say("An engine is down"), why, Fix.SHOW_ENGINES, say("Show engines")
    if facts.burning:
        why = say(
            "Slower or less reliable than promised in the last 15 minutes: {names}.",
            names=", ".join(say(LEVEL_NAMES.get(slo, slo)) for slo in facts.burning),
        )
        return State.WARNING, say("A service level is missed"), why, Fix.SHOW_OVERVIEW, say("Show the overview")
    return None


def _well(facts: Facts, say: Words) -> _Found:
    jobs = _jobs(facts.running, say)
    if facts.draining:
        why = say("New jobs are refused with the time to come back; running ones finish.")
        return State.DRAINING, say("Draining · {jobs} running", jobs=jobs), why, Fix.RESUME, say("Take jobs again")
    if facts.paused is not None:
        return (
            State.PAUSED,
            say("Paused · {jobs} waiting", jobs=_jobs(facts.queued, say)),
            _paused(facts.paused, say),
            Fix.UNPAUSE,
            say("Go on"),
        )
    p95 = "" if facts.p95_ms is None else " · p95 " + say.milliseconds(facts.p95_ms)
    if facts.running:
        return State.BUSY, say("Running · {jobs}", jobs=jobs) + p95, "", None, ""
    return State.IDLE, say("Ready · no jobs") + p95, "", None, ""


def _paused(reason: Pause, say: Words) -> str:
    match reason:
        case Pause.ASKED:
            return say("You paused it. Jobs are taken and wait in the queue.")
        case Pause.BATTERY:
            return say("The battery is low. Jobs are taken and wait in the queue until there is power.")
        case Pause.METERED:
            return say("This network is metered. Jobs are taken and wait in the queue until it is not.")


def _jobs(number: int, say: Words) -> str:
    return say.count("{number} job", "{number} jobs", number)
