"""What people read, in their language: one catalogue for tray, windows, notifications and command line.

A text is written in English where it is shown, `say("Stop the gateway")`, and looked up under those words. Placeholders have
names. A test holds every such call against every catalogue.
"""

import locale
import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module


class Language(StrEnum):
    """What Flowork speaks."""

    ENGLISH = "en"
    INDONESIAN = "id"


OWN_NAMES = {Language.ENGLISH: "English", Language.INDONESIAN: "Bahasa Indonesia"}


class Words:
    """Speaks one language."""

    def __init__(self, language: Language, catalogue: Mapping[str, str]) -> None:
        self.language = language
        self._catalogue = catalogue

    def __call__(self, text: str, /, **values: object) -> str:
        """A text in this language, with its placeholders filled."""
        said = self._catalogue.get(text, text)
        return said.format(**values) if values else said

    def count(self, one: str, many: str, number: int, /, **values: object) -> str:
        """A text about so many things; both forms may hold `{number}`. Indonesian has one form, that of `many`."""
        form = one if number == 1 and self.language is Language.ENGLISH else many
        return self(form, number=self.number(number), **values)

    def number(self, value: float, digits: int = 0) -> str:
        """With the separators of the language: 12,345.6 and 12.345,6."""
        text = f"{value:,.{digits}f}"
        return text.translate(_SWAPPED) if self.language is Language.INDONESIAN else text

    def milliseconds(self, value: float | None) -> str:
        """A duration as people read it: 3.1 ms, 412 ms, 1.52 s; a dash for what was not measured."""
        if value is None:
            return "\N{EN DASH}"
        if value >= 1000:
            return f"{self.number(value / 1000, 2)} s"
        return f"{self.number(value, 1 if value < 100 else 0)} ms"

    def percent(self, share: float | None, digits: int = 0) -> str:
        """A share of 1 as a percentage; a dash for what was not measured."""
        return "\N{EN DASH}" if share is None else f"{self.number(100 * share, digits)} %"


_SWAPPED = str.maketrans(",.", ".,")
Say = Callable[..., str]


def speak(language: Language) -> Words:
    """The words of a language; its catalogue is loaded now."""
    if language is Language.ENGLISH:
        return Words(language, {})
    catalogue: Mapping[str, str] = import_module("app.words.indonesian").CATALOGUE
    return Words(language, catalogue)


def preferred(environment: Mapping[str, str] = os.environ) -> Language:
    """What this person's system speaks, if Flowork does; else English."""
    told = [environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)]
    first = told[0] if told else (locale.getlocale()[0] or "")
    return Language.INDONESIAN if first.lower().startswith(("id", "in_")) else Language.ENGLISH
