"""What makes every earlier assessment of the risk stale (K4): new contact, or the police and courts on the scene.

Source: domain.md 3.1 K4, 2.1 (K: ASSESSED to STALE). No kind says "contact" or "police" as such; these acts and
sections are all that can tell of it today. The rule itself lists them in words.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from contracts.sections.journey import Alert, Arrival, Departure
from contracts.sections.risk import RiskFactors
from contracts.vocabulary import (
    AlertResolution,
    AuthorityContact,
    FoundIn,
    ReopeningReason,
    RetraffickingIndicator,
    RiskFactor,
    YesNoUnknown,
)
from referral.casework.rules.kinds import ALERT, MONITORING, REOPENING, UNPREPARED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from contracts.sections import SectionModel

_ACTS: Final[Mapping[str, tuple[str, frozenset[str]]]] = MappingProxyType(
    {
        REOPENING: ("reason", frozenset({ReopeningReason.NEW_CONTACT, ReopeningReason.NEW_RISK})),
        MONITORING: (
            "retrafficking_indicator",
            frozenset({RetraffickingIndicator.SUSPECTED, RetraffickingIndicator.CONFIRMED}),
        ),
        ALERT: ("resolution", frozenset({AlertResolution.LOCATED_AT_RISK, AlertResolution.IN_CUSTODY})),
        UNPREPARED: ("found_in", frozenset({FoundIn.POLICE})),
    }
)
_FACTORS: Final = frozenset(
    {
        RiskFactor.CONTACT_WITHIN_LAST_WEEK,
        RiskFactor.CONTACT_WITHIN_LAST_MONTH,
        RiskFactor.COOPERATED_WITH_LAW_ENFORCEMENT,
    }
)


def act_is_news(kind: str, act: Mapping[str, Any]) -> bool:
    """Whether the act, which every member reads, tells of new contact or of the police."""
    field, codes = _ACTS.get(kind, ("", frozenset()))
    return act.get(field) in codes


def section_is_news(section: SectionModel) -> bool:
    """Whether a section tells of it to those who may read it; factors are compared by `news_factors`."""
    if isinstance(section, Arrival):
        return section.authority_contact not in (None, AuthorityContact.NONE)
    if isinstance(section, Alert):
        return section.police_notified is not None and section.police_notified.notified
    return isinstance(section, Departure) and section.new_risk_since_approval is not None


def news_factors(sections: Iterable[SectionModel]) -> frozenset[str] | None:
    """Return the factors of contact and cooperation that are answered with yes; None without a list of factors."""
    lists = [section for section in sections if isinstance(section, RiskFactors)]
    if not lists:
        return None
    return frozenset(row.code for one in lists for row in one.factors if row.answer is YesNoUnknown.YES) & _FACTORS
