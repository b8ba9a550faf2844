"""Engines, machines and slots in words, the same on every tab."""

from app.ui.window.parts import span
from app.words import Words
from contract.admin import EngineStatus, InstanceStatus
from contract.engine_link import Scaling
from contract.words import Aim, DrainState


def engine_state(engine: EngineStatus, say: Words) -> tuple[str, str]:
    """A sign with words, and the role they have."""
    if engine.state == "unavailable":
        return say("✕ Its queue cannot be opened"), "bad"
    if engine.drain is not DrainState.RUN:
        return say("⤓ Takes no new jobs"), "warning"
    if engine.state == "up":
        return say("✓ Up"), "good"
    return (say("! Down, and jobs wait"), "bad") if engine.queued else (say("○ Down"), "quiet")


def instance_state(instance: InstanceStatus, say: Words) -> tuple[str, str]:
    """A sign with words, and the role they have."""
    if instance.state == "deaf":
        return say("! Deaf: it asks for no work. Restart it."), "bad"
    if instance.state == "silent":
        return say("○ Silent for {time}", time=span(instance.seconds_since_seen, say)), "warning"
    if instance.drain is not DrainState.RUN:
        return say("⤓ Draining"), "warning"
    return say("✓ Up"), "good"


def workers(busy: int, slots: int, say: Words) -> str:
    """How many are at work."""
    return say.count("{busy} of {number} worker busy", "{busy} of {number} workers busy", slots, busy=say.number(busy))


def scaling(slots: int, told: Scaling, say: Words) -> str:
    """What the autoscaler chose, and on which grounds."""
    if not told.automatic:
        return say("Workers: {slots}, fixed by you.", slots=slots)
    words = [say("Workers: {slots}, chosen between {least} and {most}.", slots=slots, least=told.least, most=told.most)]
    if told.utilisation is not None:
        words.append(
            say("{share} of them were busy; 65 to 80 % is aimed at.", share=say.percent(told.utilisation))
            if told.aim is not Aim.WITHIN
            else say("{share} of them were busy, as aimed at.", share=say.percent(told.utilisation))
        )
    return " ".join(words)


def decision(told: Scaling, say: Words, at: str) -> str:
    """What the autoscaler did last, and why; the reason is in the engine's own words."""
    if told.change is None:
        return told.reason or ""
    change = told.change
    said = say("{at}: from {before} to {after}: {reason}.", at=at, before=change.before, after=change.after, reason=change.reason)
    if told.reason and told.reason != change.reason:
        said += " " + say("Since then: {reason}.", reason=told.reason)
    return said
