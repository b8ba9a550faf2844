"""`flowork status`: what the gateway on this machine measures of itself."""

from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands import rollout
from app.commands.common import DONE, parser, run
from app.rules.condition import LEVEL_NAMES
from contract import limits
from contract.admin import EngineStatus, GatewayStatus, InstanceStatus, Percentiles
from contract.endpoint import EndpointKind, EndpointView
from contract.engine_link import Scaling
from contract.levels import Levels, LevelView
from contract.words import DrainState


def main(argv: Sequence[str]) -> int:
    """Exit code."""
    arguments = parser("status", "Queues, engines and delays of the gateway on this machine.").parse_args(argv)

    async def show() -> int:
        async with open_admin(arguments.data) as admin:
            status = await admin.status()
        print(status.model_dump_json() if arguments.json else render(status))
        return DONE

    return run(show(), arguments.json)


def render(status: GatewayStatus) -> str:
    """The page for a terminal."""
    lines = [
        f"Flowork {status.version}   {status.state}   {status.address}",
        *_elsewhere(status.endpoint),
        *(["The gateway takes no new jobs: flowork resume"] if status.drain is not DrainState.RUN else []),
        _count(status.users, "user") if status.users else "Nobody is paired yet: flowork pair, or flowork login for this command line",
        "",
        f"{'ENGINE':<20} {'STATE':<12} {'BUSY':>7} {'QUEUED':>7} {'SCHEDULED':>10}  START DELAY p50/p95 (15 min)",
    ]
    lines += [_row(engine) for engine in status.engines]
    rows = [row for engine in status.engines for instance in engine.instances for row in _instance(engine, instance)]
    lines += ["", f"{'INSTANCE':<10} {'ENGINE':<20} {'STATE':<8} {'BUSY':>7} {'HEARD':>10} {'LAG':>8}  VERSION", *rows] if rows else []
    lines += [f"\n{engine.name}: {engine.reason}. The file was left untouched." for engine in status.engines if engine.reason]
    lines += [line for engine in status.engines for line in _drained(engine)]
    if status.rollouts:
        lines += ["", rollout.render(status.rollouts)]
    if status.levels is not None:
        lines += ["", *_levels(status.levels)]
    lines += [f"\n! {alarm}" for alarm in _alarms(status)]
    return "\n".join(lines)


def _elsewhere(endpoint: EndpointView) -> list[str]:
    return [] if endpoint.kind is EndpointKind.NONE else [f"Elsewhere: {endpoint.origin or endpoint.kind}, {endpoint.state}"]


def _drained(engine: EngineStatus) -> list[str]:
    """What takes no new jobs, below the table."""
    if engine.drain is not DrainState.RUN:
        return [f"\n{engine.name} takes no new jobs: flowork resume --engine {engine.name}"]
    drained = [instance for instance in engine.instances if instance.drain is not DrainState.RUN]
    return [f"\n{engine.name}: instance {instance.instance[:12]} takes no new jobs ({instance.drain})" for instance in drained]


def _levels(levels: Levels) -> list[str]:
    """The promises beside what was measured of the last 15 minutes."""
    head = f"{'SERVICE LEVEL':<22} {'MEASURED':>10} {'TARGET':>10}  {'STATE':<8} BUDGET LEFT"
    rows = [
        f"{LEVEL_NAMES.get(level.slo, level.slo):<22} {_of_level(level, level.value):>10} {_of_level(level, level.target):>10}"
        f"  {level.state:<8} " + ("-" if level.budget_left is None else f"{100 * level.budget_left:.0f} %")
        for level in levels.levels
    ]
    return [head, *rows]


def _of_level(level: LevelView, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.5g} %" if level.slo in {"error_rate", "availability"} else f"{value:.5g} ms"


def _alarms(status: GatewayStatus) -> list[str]:
    badge = (
        ["Secrets are stored UNENCRYPTED (--insecure-storage). Encrypt them with: flowork secrets move"] if status.secrets.insecure else []
    )
    closed = [f"The {status.secrets.kind} is {status.secrets.state}: flowork secrets unlock"] if status.secrets.state != "open" else []
    burning = [
        f"{LEVEL_NAMES.get(level.slo, level.slo)} is {_of_level(level, level.value)}; the target is {_of_level(level, level.target)}."
        for level in (status.levels.levels if status.levels is not None else [])
        if level.state == "burning"
    ]
    return [*badge, *closed, *burning, *status.audit.alarms, *(alarm for engine in status.engines for alarm in _of_instances(engine))]


def _of_instances(engine: EngineStatus) -> list[str]:
    deaf = [
        f"Instance {each.instance[:8]} of {engine.name} is deaf: its heart beats, but it asks for no work. Restart it."
        for each in engine.instances
        if each.state == "deaf"
    ]
    off = [
        f"The clock of instance {each.instance[:8]} of {engine.name} is {abs(each.clock_off_s):.0f} s {_side(each.clock_off_s)}. Set it."
        for each in engine.instances
        if each.clock_off_s is not None and abs(each.clock_off_s) > limits.CLOCK_OFF_S
    ]
    return [*deaf, *off]


def _side(ahead_s: float) -> str:
    return "ahead" if ahead_s > 0 else "behind"


def _row(engine: EngineStatus) -> str:
    slots = sum(instance.slots for instance in engine.instances if instance.state != "silent")
    return (
        f"{engine.name:<20} {engine.state:<12} {f'{engine.running}/{slots}':>7} {engine.queued:>7} {engine.scheduled:>10}"
        f"  {_delays(engine.start_delay_ms)}"
    )


def _instance(engine: EngineStatus, each: InstanceStatus) -> list[str]:
    lag = "-" if each.lag_ms is None else f"{each.lag_ms:.0f} ms"
    row = (
        f"{each.instance[:8]:<10} {engine.name:<20} {each.state:<8} {f'{each.busy}/{each.slots}':>7}"
        f" {f'{each.seconds_since_seen:.0f} s ago':>10} {lag:>8}  {each.version}"
    )
    return [row] if each.scaling is None else [row, _scaling(each.slots, each.scaling)]


def _scaling(slots: int, scaling: Scaling) -> str:
    """How an instance chooses its slots: `slots 5 of 1..16 (auto): +1 because ...; 71 % busy, within 65-80 %`."""
    bounds = f"{slots} of {scaling.least}..{scaling.most} (auto)" if scaling.automatic else f"{slots} (fixed)"
    changed = f": {scaling.change.reason}" if scaling.change is not None else ""
    if scaling.reason is not None and (scaling.change is None or scaling.reason != scaling.change.reason):
        changed += f"; now {scaling.reason}"
    busy = f"; {100 * scaling.utilisation:.0f} % busy" if scaling.utilisation is not None else ""
    aim = f", {scaling.aim} 65-80 %" if scaling.aim is not None else ""
    return f"  slots {bounds}{changed}{busy}{aim}"


def _delays(delays: Percentiles) -> str:
    if delays.p50 is None or delays.p95 is None:
        return "no job yet"
    return f"{delays.p50:.1f} / {delays.p95:.1f} ms ({_count(delays.count, 'job')})"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
