"""`flowork status`: what the gateway on this machine measures of itself."""

from collections.abc import Sequence

from app.client.admin import open_admin
from app.commands.common import DONE, parser, run
from contract.admin import EngineStatus, GatewayStatus, InstanceStatus, Percentiles


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
        _count(status.users, "user") if status.users else "Nobody is paired yet: flowork pair, or flowork login for this command line",
        "",
        f"{'ENGINE':<20} {'STATE':<12} {'BUSY':>7} {'QUEUED':>7} {'SCHEDULED':>10}  START DELAY p50/p95 (15 min)",
    ]
    for engine in status.engines:
        lines += [_row(engine), *(_scaling(instance) for instance in engine.instances if instance.scaling is not None)]
    lines += [f"\n{engine.name}: {engine.reason}. The file was left untouched." for engine in status.engines if engine.reason]
    lines += [f"\n! {alarm}" for alarm in _alarms(status)]
    return "\n".join(lines)


def _alarms(status: GatewayStatus) -> list[str]:
    badge = (
        ["Secrets are stored UNENCRYPTED (--insecure-storage). Encrypt them with: flowork secrets move"] if status.secrets.insecure else []
    )
    closed = [f"The {status.secrets.kind} is {status.secrets.state}: flowork secrets unlock"] if status.secrets.state != "open" else []
    return [*badge, *closed, *status.audit.alarms]


def _row(engine: EngineStatus) -> str:
    slots = sum(instance.slots for instance in engine.instances)
    return (
        f"{engine.name:<20} {engine.state:<12} {f'{engine.running}/{slots}':>7} {engine.queued:>7} {engine.scheduled:>10}"
        f"  {_delays(engine.start_delay_ms)}"
    )


def _scaling(instance: InstanceStatus) -> str:
    """How an instance chooses its slots: `slots 5 of 1..16 (auto): +1 because ...; 71 % busy, within 65-80 %`."""
    scaling = instance.scaling
    assert scaling is not None
    bounds = f"{instance.slots} of {scaling.least}..{scaling.most} (auto)" if scaling.automatic else f"{instance.slots} (fixed)"
    changed = f": {scaling.change.reason}" if scaling.change is not None else ""
    if scaling.reason is not None and (scaling.change is None or scaling.reason != scaling.change.reason):
        changed += f"; now {scaling.reason}"
    busy = f"; {100 * scaling.utilisation:.0f} % busy" if scaling.utilisation is not None else ""
    aim = f", {scaling.aim} 65-80 %" if scaling.aim is not None else ""
    return f"  {instance.instance[:8]}  slots {bounds}{changed}{busy}{aim}"


def _delays(delays: Percentiles) -> str:
    if delays.p50 is None or delays.p95 is None:
        return "no job yet"
    return f"{delays.p50:.1f} / {delays.p95:.1f} ms ({_count(delays.count, 'job')})"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
