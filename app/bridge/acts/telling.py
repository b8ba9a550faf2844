"""Telling the person something outside any window."""

from dataclasses import dataclass

from app.bridge.acts import Act


@dataclass(frozen=True)
class Tell(Act[None]):
    """Show a notification: the answer to what was asked for in the tray menu."""

    title: str
    text: str = ""
