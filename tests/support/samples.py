"""Values as a gateway tells them, for widgets to show."""

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.bridge.acts import Act
from app.bridge.acts.audit import Found, SearchAudit, VerifyAudit
from app.bridge.acts.engines import AddEngine, Enrolment, ListEngines, NewCode
from app.bridge.acts.jobs import ListJobs, LookAtJob
from app.bridge.acts.logs import FollowLogs, LogLine, LogLines, ReadLogs
from app.bridge.acts.people import ListPeople, People
from app.bridge.acts.settings import ListSettings, SettingsFound
from app.bridge.news import Snapshot
from app.rules.condition import Facts, Secrets, Service
from app.rules.update import View
from contract.admin import (
    AuditRecord,
    AuditStatus,
    AuditVerdict,
    AuditWitness,
    EngineStatus,
    GatewayStatus,
    InstanceStatus,
    Percentiles,
    SecretsStatus,
)
from contract.admin_engines import EngineList, EngineView, InstallationView, MemberView
from contract.admin_jobs import JobLogLine, OwnedJob, OwnedJobDetail, OwnedJobPage
from contract.drain import RolloutView, SideView
from contract.engine_link import Scaling, ScalingChange
from contract.jobs import AttemptView, JobError, JobOutput, JobUsage
from contract.levels import Counts, Levels, LevelView, PointView
from contract.people import Budget, Device, Spent, User
from contract.words import Aim, AttemptOutcome, JobState, LogLevel, Role, UserRole

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
HOME, LAB = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


def at(seconds_ago: float, now: datetime = NOW) -> str:
    """A time of the wire."""
    return (now - timedelta(seconds=seconds_ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def points(count: int, step_s: float, now: datetime = NOW, seed: int = 7) -> tuple[PointView, ...]:
    """A lively quarter of an hour, or a day."""
    chance, made = random.Random(seed), []
    for number in range(count):
        share = number / count
        wave = 0.5 + 0.5 * math.sin(9 * share) * math.cos(4 * share + 1)
        busy = min(8.0, max(0.0, 8 * wave + chance.uniform(-1, 1)))
        made.append(
            PointView(
                at=at((count - 1 - number) * step_s, now),
                depth=max(0, round(40 * (wave - 0.55) + chance.uniform(-2, 4))),
                busy=round(busy, 1),
                slots=8.0 if share > 0.4 else 5.0,
                start_delay_ms=None if chance.random() < 0.05 else 3 + 30 * max(0, wave - 0.5) + chance.expovariate(0.5),
                end_to_end_ms=None if chance.random() < 0.05 else 120 + 400 * wave + chance.uniform(0, 60),
                wait_ms=60 * max(0, wave - 0.4) + chance.uniform(0, 5),
                ended=max(0, round(14 * wave + chance.uniform(-2, 2))),
                errors=1 if chance.random() < 0.012 else 0,
            )
        )
    return tuple(made)


def levels(**values: float | None) -> Levels:
    """The promises; `start_delay=480` and so on change what was measured."""
    told: dict[str, tuple[float | None, float, float | None, float | None]] = {
        "start_delay": (12.4, 250, 3.1, None),
        "end_to_end": (412.0, 2000, 188.0, None),
        "error_rate": (0.0008, 0.01, None, 0.92),
        "availability": (0.99972, 0.999, None, 0.72),
        "queue_wait": (38.0, 1000, 4.0, None),
    }
    made = []
    for slo, (value, target, p50, left) in told.items():
        found = values.get(slo, value)
        kept = found is not None and (found >= target if slo == "availability" else found <= target)
        state = "unknown" if found is None else "met" if kept else "burning"
        made.append(LevelView(slo=slo, value=found, target=target, state=state, budget_left=left, p50=p50))
    counts = Counts(answers=21_412, answers_5xx=0, succeeded=6021, failed=5, refused=14, cancelled=2, expired=0)
    return Levels(levels=made, counts=counts, utilisation=0.71)


def instance(number: int = 1, **other: Any) -> InstanceStatus:
    """A process that serves an engine."""
    scaling = Scaling(
        automatic=True,
        least=1,
        most=16,
        start_delay_p95_ms=12.4,
        utilisation=0.74,
        aim=Aim.WITHIN,
        rate_per_s=11.0,
        mean_service_s=0.42,
        reason="utilisation within the aim",
        change=ScalingChange(at=at(340), before=5, after=8, reason="86 % busy and jobs wait 310 ms at p95"),
    )
    told = {
        "instance": f"{number:02x}9f3c51e07b42d8" + "a0" * 8,
        "version": "1.4.0",
        "slots": 8,
        "busy": 6,
        "kinds": ["echo", "chat", "tool"],
        "seconds_since_seen": 1.2,
        "lag_ms": 2.1,
        "clock_off_s": 0.01,
        "scaling": scaling,
        **other,
    }
    return InstanceStatus(**told)


def engine(name: str = "home", **other: Any) -> EngineStatus:
    """An engine with its queue."""
    told = {
        "id": HOME if name == "home" else LAB,
        "name": name,
        "state": "up",
        "scheduled": 2,
        "queued": 3,
        "running": 6,
        "start_delay_ms": Percentiles(count=6021, p50=3.1, p95=12.4, p99=31.0),
        "instances": [instance()],
        **other,
    }
    return EngineStatus(**told)


def rollout(**other: Any) -> RolloutView:
    """A version that is being tried."""
    told = {
        "engine_id": LAB,
        "engine_name": "lab",
        "version": "1.5.0",
        "percent": 10,
        "state": "running",
        "started_at": at(1900),
        "ended_at": None,
        "reason": None,
        "counted": 210,
        "counted_canary": 22,
        "canary": SideView(instances=["02aa"], attempts=22, failed=0, p95_ms=401.0),
        "rest": SideView(instances=["01aa", "03aa"], attempts=188, failed=2, p95_ms=418.0),
        **other,
    }
    return RolloutView(**told)


def status(**other: Any) -> GatewayStatus:
    """A gateway in good health, with two engines."""
    lab = engine(
        "lab",
        queued=0,
        scheduled=0,
        running=1,
        start_delay_ms=Percentiles(count=210, p50=5.0, p95=19.0, p99=44.0),
        instances=[
            instance(2, slots=4, busy=1, scaling=None),
            instance(3, slots=4, busy=0, version="1.5.0", canary=True, scaling=None, seconds_since_seen=2.9),
        ],
    )
    told = {
        "version": "1.4.0",
        "gateway_id": "gw_4n7q",
        "gateway_key": "mF3k",
        "address": "http://127.0.0.1:7717",
        "state": "ready",
        "users": 2,
        "secrets": SecretsStatus(kind="keyring (Secret Service)", state="open", insecure=False),
        "audit": AuditStatus(checked_at=at(300), intact=True, alarms=[]),
        "engines": [engine(), lab],
        "levels": levels(),
        "rollouts": [rollout()],
        **other,
    }
    return GatewayStatus(**told)


SECONDS = points(900, 1.0)
MINUTES = points(1440, 60.0, seed=3)


def busy(**facts: Any) -> Snapshot:
    """Flowork at work."""
    told = {"service": Service.RUNNING, "running": 7, "queued": 3, "p95_ms": 12.4, **facts}
    return Snapshot(Facts(**told), status(), seconds=SECONDS, minutes=MINUTES)


def fresh() -> Snapshot:
    """Flowork just after its start: nothing measured, nobody asked for anything."""
    quiet = engine(
        scheduled=0,
        queued=0,
        running=0,
        start_delay_ms=Percentiles(count=0, p50=None, p95=None, p99=None),
        instances=[instance(busy=0, scaling=None)],
    )
    none: dict[str, float | None] = dict.fromkeys(("start_delay", "end_to_end", "error_rate", "availability", "queue_wait"))
    blank = [level.model_copy(update={"p50": None, "budget_left": None}) for level in levels(**none).levels]
    unknown = levels().model_copy(update={"levels": blank})
    return Snapshot(Facts(service=Service.RUNNING), status(engines=[quiet], levels=unknown, rollouts=[], users=0))


STOPPED = Snapshot(Facts(service=Service.STOPPED))
STARTING = Snapshot(Facts(service=Service.STARTING))
FAILED = Snapshot(
    Facts(service=Service.FAILED, failure="Port 7717 is taken by nginx (process 812). Choose another one under Settings, [gateway] port.")
)


def warning() -> Snapshot:
    """A promise is missed, one engine is down, and the keys lie in the clear."""
    told = status(
        levels=levels(start_delay=480.0, error_rate=0.031),
        engines=[engine(), engine("lab", state="down", queued=12, running=0, instances=[])],
    )
    facts = Facts(Service.RUNNING, running=6, queued=15, p95_ms=480.0, secrets=Secrets.INSECURE, engines_down=("lab",))
    return Snapshot(facts, told, seconds=SECONDS, minutes=MINUTES)


def stale() -> Snapshot:
    """The gateway should answer and does not."""
    return replace(busy(), stale=True)


KINDS = ("chat", "echo", "tool", "http", "embed")
PEOPLE = {"u-ann": "Ann", "u-budi": "Budi", "u-cho": "Cho"}
STATES = (JobState.SUCCEEDED,) * 12 + (JobState.DEAD, JobState.CANCELLED, JobState.EXPIRED)


def job(number: int, state: JobState | None = None, now: datetime = NOW, **other: Any) -> OwnedJob:
    """The number-th job of a busy gateway; later numbers were submitted later."""
    state = state or STATES[(number * 7) % len(STATES)]
    ago = max(0.0, (100_000 - number) * 0.8)
    begun, ended = state not in {JobState.QUEUED, JobState.SCHEDULED, JobState.EXPIRED}, state.final
    engine_id = HOME if number % 5 else LAB
    user = list(PEOPLE)[number % 3]
    told = {
        "id": f"{engine_id}_01a21d9f-{number >> 16:04x}-7{number >> 4 & 0xFFF:03x}-8{number & 0xF:x}00-5d2fe5c31b2d",
        "engine": engine_id,
        "kind": KINDS[number % len(KINDS)],
        "state": state,
        "priority": 3,
        "attempt": 0 if not begun else 3 if state is JobState.DEAD else 1,
        "max_attempts": 3,
        "timeout_s": 300.0,
        "submitted_at": at(ago, now),
        "started_at": at(ago - 0.02, now) if begun else None,
        "finished_at": at(ago - 0.02 - (number % 37) / 20, now) if ended else None,
        "progress": 0.4 if state is JobState.RUNNING else None,
        "error": JobError(code="provider.unreachable", message="The model server at 127.0.0.1:11434 did not answer.")
        if state is JobState.DEAD
        else None,
        "trace_id": f"{number * 2654435761 % 2**128:032x}",
        "user": user,
        "user_name": PEOPLE[user],
        **other,
    }
    return OwnedJob(**told)


def jobs(count: int, newest: int = 100_000) -> list[OwnedJob]:
    """So many, newest first; a few wait, a few run."""
    first = [JobState.SCHEDULED] + [JobState.QUEUED] * 3 + [JobState.RUNNING] * 6
    return [job(newest - number, first[number] if number < len(first) else None) for number in range(count)]


def page(all_jobs: list[OwnedJob], limit: int = 200, before: str | None = None) -> OwnedJobPage:
    """A page, as the gateway gives it."""
    begin = 0 if before is None else next((place + 1 for place, each in enumerate(all_jobs) if each.id == before), len(all_jobs))
    shown = all_jobs[begin : begin + limit]
    return OwnedJobPage(jobs=shown, next=shown[-1].id if begin + limit < len(all_jobs) else None)


def detail(of: OwnedJob) -> OwnedJobDetail:
    """A job with its bodies."""
    attempt = {"instance": "019f3c51e07b42d8" * 2, "claimable_at": of.submitted_at, "claimed_at": of.started_at or of.submitted_at}
    ended = [
        AttemptView(
            attempt=number,
            delivery=number,
            waited_ms=3.4,
            took_ms=812.0,
            outcome=AttemptOutcome.FAILED,
            code="provider.unreachable",
            **attempt,
        )
        for number in range(1, of.attempt)
    ]
    last = {JobState.SUCCEEDED: AttemptOutcome.SUCCEEDED, JobState.DEAD: AttemptOutcome.FAILED}.get(of.state)
    if of.attempt:
        took = None if last is None else 1204.0
        ended.append(AttemptView(attempt=of.attempt, delivery=of.attempt, waited_ms=4.1, took_ms=took, outcome=last, code=None, **attempt))
    text = "Selamat pagi! Here is the summary you asked for:\n\n1. The queue was short all night.\n2. Nothing failed.\n"
    return OwnedJobDetail(
        **of.model_dump(),
        payload={"model": "qwen3:8b", "messages": [{"role": "user", "content": "Summarise the night, please."}], "temperature": 0.2},
        result={"finish_reason": "stop", "text": text} if of.state is JobState.SUCCEEDED else None,
        output=JobOutput(delivery=1, offset=len(text), text=text),
        usage=JobUsage(input_tokens=812, output_tokens=96, cost_micros=None),
        attempts=ended,
        log=[
            JobLogLine(at=of.submitted_at, attempt=1, level=LogLevel.INFO, message="asked qwen3:8b at ollama"),
            JobLogLine(at=of.submitted_at, attempt=1, level=LogLevel.WARNING, message="first token after 1.4 s"),
        ],
    )


def engines() -> EngineList:
    """Two engines: one alone, one shared, with a machine that does not rotate."""
    here = [InstallationView(name="local", state="live", token_age_s=4 * 3600, last_used_at=at(20))]
    there = [
        InstallationView(name="workshop", state="rotating", token_age_s=29 * 86400, last_used_at=at(40)),
        InstallationView(name="attic", state="overdue", token_age_s=33 * 86400, last_used_at=at(9000)),
        InstallationView(name="old-laptop", state="revoked", token_age_s=None, last_used_at=at(900_000)),
    ]
    members = [
        MemberView(user="u-budi", name="Budi", role=Role.RUNNER, priority_ceiling=3),
        MemberView(user="u-cho", name="Cho", role=Role.VIEWER),
    ]
    return EngineList(
        engines=[
            EngineView(id=HOME, name="home", installations=here, members=[], codes=0),
            EngineView(id=LAB, name="lab", installations=there, members=members, codes=1, public=True),
        ]
    )


def people() -> People:
    """Three users, four devices."""
    users = (
        User(
            id="u-ann",
            name="Ann",
            role=UserRole.OWNER,
            devices=2,
            spent=Spent(input_tokens=41_200, output_tokens=9100, cost_micros=120_000),
        ),
        User(id="u-budi", name="Budi", role=UserRole.MEMBER, devices=1, budget=Budget(tokens=200_000, cost_micros=500_000), spent=Spent()),
        User(id="u-cho", name="Cho", role=UserRole.MEMBER, devices=1),
    )
    told = (
        ("Firefox on desk", "u-ann", True),
        ("flowork", "u-ann", False),
        ("Phone", "u-budi", True),
        ("Chrome on laptop", "u-cho", False),
    )
    devices = tuple(
        Device(
            id=f"d-{number}",
            user=user,
            name=name,
            address=f"0x{number:x}b7F3c51e07b42d8{'0' * 24}",
            added_at=at(86_400 * number + 700),
            in_use=used,
        )
        for number, (name, user, used) in enumerate(told, 1)
    )
    return People(users, devices)


def records(count: int = 60) -> tuple[AuditRecord, ...]:
    """Newest first."""
    kinds = (
        ("admin.token", "owner", "4d14716ca1d2", {"scopes": "jobs:read"}),
        ("signin.ok", "u-ann", "d-1", {"ingress": "loopback"}),
        ("engine.share", "owner", LAB, {"user": "u-budi", "role": "runner", "priority_ceiling": "3"}),
        ("job.cancel", "owner", f"{HOME}_01a21d9f", {"user": "u-ann"}),
        ("device.add", "owner", "d-4", {"name": "Chrome on laptop"}),
        ("signin.refused", "anyone", "", {"auth.signature_invalid": "12"}),
    )
    made = []
    for number in range(count):
        event, actor, target, more = kinds[number % len(kinds)]
        made.append(AuditRecord(seq=4210 - number, at=at(310 * number + 12), event=event, actor=actor, target=target, detail=more))
    return tuple(made)


WITNESSES = [AuditWitness(name="file", state="read", last=4200), AuditWitness(name="secrets", state="read", last=4200)]
WHOLE = AuditVerdict(intact=True, records=4210, first=1, last=4210, head="ab" * 32, witnesses=WITNESSES)
BROKEN = AuditVerdict(
    intact=False, records=811, first=1, last=811, head="0" * 64, broken_at=812, reason="a record was changed", witnesses=WITNESSES
)


def log_lines(count: int = 300) -> LogLines:
    """A usual evening, with a provider that fails for a while."""
    kinds = (
        ("info", "gateway", "job.submitted", "job_id=aaaa_01a2 kind=chat user=u-ann"),
        ("info", "engine", "attempt.ended", "job_id=aaaa_01a2 outcome=succeeded took_ms=812"),
        ("warning", "engine", "provider.failing", "provider=ollama failures=5 reason='connection refused'"),
        ("info", "gateway", "http.answered", "method=POST path=/api/v1/jobs status=201 took_ms=3.1"),
        ("error", "gateway", "audit.alarm", "about=witness reason='The file of heads cannot be reached.'"),
    )
    lines = tuple(LogLine(at((count - number) * 2), *kinds[(number * 3) % 5 if number % 9 == 0 else number % 2]) for number in range(count))
    return LogLines(lines, "~/.local/share/flowork/logs")


def settings() -> SettingsFound:
    """Those of a real folder: a port from the file, a level from the environment, slots from an argument."""
    import tempfile

    from app.services.settings_file import of

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.toml").write_text("[gateway]\nport = 8000\n")
        found = of(Path(folder), {}, {"slots": 4}, {"FLOWORK_LOGS_LEVEL": "debug"}).found()
    return SettingsFound("~/.local/share/flowork/config.toml", found.settings)


def answers(all_jobs: list[OwnedJob] | None = None) -> dict[type[Act[Any]], Any]:
    """What a busy gateway answers to everything that the window asks."""
    listed = jobs(2000) if all_jobs is None else all_jobs
    by_id = {each.id: each for each in listed}
    code = Enrolment("lab", "7KQ2-M9PD-4TXF-A1ZC", at(-900), "https://flowork.example.org")
    return {
        ListJobs: lambda act: page(listed, act.limit, act.before),
        LookAtJob: lambda act: detail(by_id[act.job]),
        ListEngines: engines(),
        AddEngine: code,
        NewCode: code,
        ListPeople: people(),
        SearchAudit: Found(records(), 4150),
        VerifyAudit: WHOLE,
        ReadLogs: log_lines(),
        FollowLogs: LogLines((), "~/.local/share/flowork/logs"),
        ListSettings: settings(),
    }


def newer() -> View:
    """A version that a Debian package can be replaced by."""
    return View(
        *("1.4.2", "linux-x64", "deb", "notify", "https://updates.example.org/flowork-update.json"),
        checkable=True,
        offered="1.5.0",
        notes_url="https://updates.example.org/notes/1.5.0",
        command="sudo apt install '/srv/ann/flowork/update/flowork_1.5.0.deb'",
    )
