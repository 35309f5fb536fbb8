"""The leak check of free text (M3): telephone numbers, e-mail addresses, dates of birth, names known to the case.

It answers which of the four it saw, never where or what. It reads every script: digits of any alphabet count, names are
compared without case and accents. Without word boundaries (as in Thai or Chinese) a name counts wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from contracts.sections.care import Child
from contracts.sections.journey import Meeting
from contracts.sections.person import Dependants, Identity, TraffickingProfile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from contracts.sections import SectionModel

TELEPHONE: Final = "a telephone number"
EMAIL: Final = "an e-mail address"
BIRTHDATE: Final = "a date of birth"
NAME: Final = "a name known to the case"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(r"(?<!\d)(\d{4}|\d{1,2})[./ -]{1,2}(\d{1,2})[./ -]{1,2}(\d{4}|\d{1,2})(?!\d)")
_TELEPHONE = re.compile(r"(?<!\w)(?:\+|00)?\d(?:[\s()./-]{0,2}\d){7,14}(?!\w)")
_FIRST_YEAR: Final = 1900
_SHORTEST: Final = 3  # two letters of an alphabet are a word of some language
_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "mstr", "dr"})


def folded(text: str) -> str:
    """Return `text` without case, accents and compatibility forms."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def leaks(text: str, names: Iterable[str], birthdates: Iterable[date], today: date) -> tuple[str, ...]:
    """Return which of the four kinds of leak `text` holds."""
    plain = unicodedata.normalize("NFKC", text)
    without_dates = _DATE.sub(" ", plain)
    found = {
        TELEPHONE: _TELEPHONE.search(without_dates) is not None,
        EMAIL: _EMAIL.search(plain) is not None,
        BIRTHDATE: any(_is_birthdate(match, birthdates, today) for match in _DATE.finditer(plain)),
        NAME: any(mentions(text, name) for name in names),
    }
    return tuple(kind for kind, seen in found.items() if seen)


def mentions(text: str, name: str) -> bool:
    """Whether `text` holds `name`, as words of its own where the script has word boundaries."""
    wanted, within = folded(name).strip(), folded(text)
    if not wanted:
        return False
    if not _has_case(name):
        return wanted in within
    return len(wanted) >= _SHORTEST and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", within) is not None


def _has_case(text: str) -> bool:
    """Whether a text is written in an alphabet with capitals; those all put spaces between words."""
    return text.upper() != text.lower()


def _is_birthdate(match: re.Match[str], birthdates: Iterable[date], today: date) -> bool:
    """Whether three numbers are a full date of an earlier year, or a birthdate of the case in short form."""
    first, middle, last = (int(part) for part in match.groups())
    if any(_FIRST_YEAR <= year < today.year for year in (first, last)):
        return True
    written = sorted((first, middle, last))
    return any(
        sorted((year, born.month, born.day)) == written for born in birthdates for year in (born.year, born.year % 100)
    )


def names_in(sections: Iterable[SectionModel]) -> frozenset[str]:
    """Return the words of every name that the sections hold."""
    written: list[str | None] = []
    for section in sections:
        if isinstance(section, Identity):
            written += [section.given_name, section.middle_name, section.family_name, section.preferred_name]
            written += [section.given_name_latin, section.family_name_latin]
        elif isinstance(section, Dependants):
            written += [name for one in section.dependants_travelling for name in (one.given_name, one.family_name)]
        elif isinstance(section, TraffickingProfile):
            written += section.names_used
        elif isinstance(section, Child):
            written.append(section.guardian.name)
        elif isinstance(section, Meeting):
            written.append(section.name_on_ticket)
    words = {word for name in written if name for word in re.split(r"[\s/,.-]+", name) if word}
    return frozenset(word for word in words if word.casefold() not in _TITLES)


def birthdates_in(sections: Iterable[SectionModel]) -> frozenset[date]:
    """Return every date of birth that the sections hold."""
    found = set()
    for section in sections:
        if isinstance(section, Identity):
            found.add(section.birthdate)
        elif isinstance(section, Dependants):
            found |= {one.birthdate for one in section.dependants_travelling}
    return frozenset(found)
