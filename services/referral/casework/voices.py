"""When each agency last gave its own risk, and whether something has happened since that it had not heard of (K4).

A voice has heard of a message that lies in its causal past: no clock decides it. A correction stands for what it
corrects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from referral.casework.history import CORRECTION, counts
from referral.casework.rules.kinds import ASSESSMENT
from referral.casework.rules.news import act_is_news, news_factors, section_is_news
from referral.casework.rules.situation import Voice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from referral.casework.case import Entry
    from referral.casework.history import History
    from referral.casework.known import Known


def voices(history: History, known: Known) -> Mapping[str, Voice]:
    """Return the latest voice of each agency; one that an agency gave for another is nobody's own."""
    latest: dict[str, Entry] = {}
    for entry in _counting(history):
        content = entry.content
        if content.kind == ASSESSMENT and content.act.get("agency", content.sender) == content.sender:
            latest[content.sender] = entry
    news = frozenset(_news(history, known))
    return {agency: _voice(history, entry, news) for agency, entry in latest.items()}


def _voice(history: History, entry: Entry, news: frozenset[str]) -> Voice:
    heard = history.standing.past(entry.content.id) | {entry.content.id}
    return Voice(entry.content.sent_at.date(), stale=bool(news - heard))


def _counting(history: History) -> Iterator[Entry]:
    return (entry for entry in history.ordered() if counts(history, entry))


def _news(history: History, known: Known) -> Iterator[str]:
    """Yield the id of each message that tells of new contact or of the police, as far as this agency can read it."""
    corrections = [one.content for one in _counting(history) if one.content.kind == CORRECTION]
    acts = {str(one.act["target"]) for one in corrections if "new" in one.act}
    bodies = {(str(one.act["target"]), name) for one in corrections for name in known.sections_of(one.id)}
    factors: frozenset[str] | None = None
    for entry in _counting(history):
        name = entry.content.id
        sections = [one for what, one in known.sections_of(name).items() if (name, what) not in bodies]
        before, listed = factors, news_factors(sections)
        if listed is not None:
            factors = listed | (before or frozenset())
        told = (name not in acts and _act_tells(history, entry)) or any(section_is_news(one) for one in sections)
        if told or (before is not None and factors != before):
            yield name


def _act_tells(history: History, entry: Entry) -> bool:
    said = history.corrected(entry.content)
    act = entry.content.act.get("new", {}) if entry.content.kind == CORRECTION else entry.content.act
    return said is not None and act_is_news(said.kind, act)
