"""The promises as cards: what was measured, what was promised, and whether it is kept."""

from PySide6.QtWidgets import QFrame

from app.ui.style import SPACE, role
from app.ui.window.parts import column, label, put, recast
from app.words import Words
from contract.levels import Levels, LevelView

SHOWN = ("start_delay", "end_to_end", "error_rate", "availability")
DASH = "\N{EN DASH}"


def level_name(slo: str, say: Words) -> str:
    """A promise's name on screens."""
    match slo:
        case "start_delay":
            return say("Start delay, p95")
        case "end_to_end":
            return say("End to end, p95")
        case "error_rate":
            return say("Error rate, 15 min")
        case "availability":
            return say("Availability, this month")
        case _:
            return say("Expected wait, p95")


class LevelCard(QFrame):
    """One promise."""

    def __init__(self, slo: str, say: Words) -> None:
        super().__init__()
        self._slo = slo
        self._say = say
        self._name = label(level_name(slo, say), "quiet")
        self._value = label(DASH, "figure")
        self._more = label("", "quiet")
        self._budget = label("", "quiet")
        self._state = label("", "quiet")
        role(self, "card")
        self.setLayout(column(self._name, self._value, self._state, self._more, self._budget, 1, gap=3, margin=SPACE))
        self.setAccessibleName(level_name(slo, say))
        self.tell(None)

    def tell(self, told: LevelView | None) -> None:
        """Show it; None: nothing is known."""
        say = self._say
        put(self._value, DASH if told is None else self._text(told.value))
        if told is None or told.state == "unknown":
            words, kind = say("– Too little measured yet"), "quiet"
        elif told.state == "met":
            words, kind = say("✓ As promised"), "good"
        else:
            words, kind = say("! Missed"), "bad"
        put(self._state, words)
        recast(self._state, kind)
        put(self._more, "" if told is None else self._beside(told))
        left = None if told is None else told.budget_left
        put(self._budget, "" if left is None else say("Error budget left: {share}", share=say.percent(left)))
        self._budget.setVisible(left is not None)
        self.setAccessibleDescription(f"{self._value.text()} {words} {self._more.text()} {self._budget.text()}")

    def _beside(self, told: LevelView) -> str:
        target = self._text(told.target)
        if told.p50 is None:
            return self._say("Target {target}", target=target)
        return self._say("Target {target} · p50 {p50}", target=target, p50=self._say.milliseconds(told.p50))

    def _text(self, value: float | None) -> str:
        if self._slo == "error_rate":
            return self._say.percent(value, 2)
        if self._slo == "availability":
            return self._say.percent(value, 2 if value is None or value < 0.9995 else 3)
        return self._say.milliseconds(value)


class LevelCards:
    """All of them."""

    def __init__(self, say: Words) -> None:
        self.cards = {slo: LevelCard(slo, say) for slo in SHOWN}

    def tell(self, levels: Levels | None) -> None:
        """Show them."""
        told = {} if levels is None else {level.slo: level for level in levels.levels}
        for slo, card in self.cards.items():
            card.tell(told.get(slo))
