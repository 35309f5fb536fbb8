"""Rules M1 to M8: what a message may say, to whom, on which consent, and what is late. M9: no account is scored.

Source: domain.md 3.1. The leak check (M3) reads free text only, before anything is sealed; it names the section, the
field and the kind of leak, never the words.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import moved
from contracts.sections import free_texts
from contracts.sections.care import TravelHealth
from contracts.sections.journey import Departure
from contracts.sections.person import DestinationPlace, SafeContact, TraffickingProfile
from contracts.vocabulary import FitToTravel
from referral.casework.consent import SPECIAL_PURPOSES, class_of
from referral.casework.rules.kinds import (
    CONFIRMATION,
    EVERY,
    NOTIFICATION,
    REINTEGRATION_CONFIRMATION,
    REINTEGRATION_REQUEST,
    REPLY,
)
from referral.casework.rules.leak import birthdates_in, folded, leaks, mentions, names_in
from referral.casework.rules.rule import Breach, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.casework.rules.situation import Situation

HEALTH_CONTACT_WITHIN: Final = timedelta(hours=24)


def consent_covers(situation: Situation) -> Iterator[Breach]:
    """M1: for each section that the table puts under consent, one in force names reader, class and purpose.

    The section table asks the same before any rule does and refuses by this rule's name; what comes here has passed it.
    """
    for name in situation.sending:
        line = situation.procedure.carry(situation.kind, name)
        needs = [need for need in line.needs if need == "consent" or need in SPECIAL_PURPOSES] if line else []
        for reader in sorted(set(situation.readers.get(name, ())) - {situation.agency}):
            for need in needs:
                if not _is_covered(situation, name, reader, SPECIAL_PURPOSES.get(need)):
                    yield Breach(f"{name}, {reader}: no {need} in force.")


def _is_covered(situation: Situation, name: str, reader: str, purpose: str | None) -> bool:
    body = situation.sending[name]
    label, day = class_of(situation.procedure, name, body), situation.now.date()
    return situation.consents.reaches(reader, name, label, day, body=body, purpose=purpose)


def no_identity_in_step_1(situation: Situation) -> Iterator[Breach]:
    """M2: step 1 travels in codes; a section with a free text has a place for identity, so none goes with it."""
    for name, section in situation.sending.items():
        if any(True for _ in free_texts(section)):
            yield Breach(f"{name} holds free text.")


def texts_do_not_leak(situation: Situation) -> Iterator[Breach]:
    """M3: free text without telephone numbers, e-mail addresses, dates of birth and names of the case.

    The names and dates are those of every section that this agency holds, also of one that was replaced since.
    """
    held = list(situation.sections())
    names, birthdates = names_in(held), birthdates_in(held)
    for name, section in situation.sending.items():
        for path, text in free_texts(section):
            seen = leaks(text, names, birthdates, situation.now.date())
            if seen:
                yield Breach(f"{name}, {path}: {', '.join(seen)}.")


def answered_in_time(situation: Situation) -> Iterator[Breach]:
    """M4: the answer comes after the time until which it was wanted."""
    if situation.answers_by is not None and situation.now > situation.answers_by:
        yield Breach("The time to respond has passed.")


def seen_by_a_doctor(situation: Situation) -> Iterator[Breach]:
    """M5: somebody in health saw the person within 24 hours of her identification.

    No section says either time. She was identified when her case was opened, or on the `status_date` of her
    `trafficking_profile` if that is earlier. Who attests M5 says on which day she was seen; `travel_health` with a word
    on her fitness shows that she was, and no more is asked.
    """
    identified = _identified_at(situation)
    if identified is None or _was_seen_since(situation):
        return
    until = identified + HEALTH_CONTACT_WITHIN
    seen = [word.date for word in situation.attested if word.rule == "M5"]
    if min(seen, default=situation.now.date()) > until.date() or (not seen and situation.now > until):
        yield Breach("More than 24 hours lie between identification and the first contact with health care.")


def _identified_at(situation: Situation) -> datetime | None:
    profile = situation.find(TraffickingProfile)
    decided = profile.status_date if profile is not None else None
    by_status = [moved(datetime.combine(decided, time(), UTC), timedelta(days=1))] if decided is not None else []
    return min([*by_status, *([situation.opened_at] if situation.opened_at is not None else [])], default=None)


def _was_seen_since(situation: Situation) -> bool:
    health = situation.find(TravelHealth)
    return health is not None and health.fit_to_travel is not FitToTravel.UNKNOWN


def shelters_stay_hidden(situation: Situation) -> Iterator[Breach]:
    """M6: no text holds the address of a shelter, unless only the shelter itself reads it.

    Which addresses are shelters' is said by `shelter_of` of a `destination_place` that this agency sends or holds.
    Case, accents and punctuation make no difference; an address that is written in other words is not found.
    """
    places = [section for section in situation.sections() if isinstance(section, DestinationPlace)]
    shelters = {(_in_words(place.address), place.shelter_of) for place in places if place.shelter_of is not None}
    for name, section in situation.sending.items():
        texts = [_in_words(text) for text in _texts(section.model_dump(mode="json"))]
        for address, holder in sorted(shelters):
            others = set(situation.readers.get(name, ())) - {holder, situation.agency}
            if others and any(mentions(text, address) for text in texts):
                yield Breach(f"{name} holds the address of a shelter.")


def _in_words(text: str) -> str:
    return " ".join(re.findall(r"\w+", folded(text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def channels_are_safe(situation: Situation) -> Iterator[Breach]:
    """M7: a channel is used only if it is known to be safe; the section models refuse it first, by this rule's name."""
    for name, section in situation.sending.items():
        channels: tuple[Any, ...] = section.contacts if isinstance(section, SafeContact) else ()
        if isinstance(section, Departure) and section.phone_on_board is not None:
            channels = (section.phone_on_board,)
        if not all(channel.safe_to_contact for channel in channels):
            yield Breach(f"{name} names a channel that is not safe.")


def asked_once_only(situation: Situation) -> Iterator[Breach]:
    """M8: what is asked for is there already, here or at another agency: pull it with consent, spare the interview.

    That another agency holds a section is known from step 1's `offers`, and from messages that cannot go without it.
    """
    for name in situation.act.get("needed_sections", ()):
        if name in situation.known:
            yield Breach(f"This agency holds {name} already.")
        elif name in situation.held_elsewhere:
            yield Breach(f"Another agency holds {name} already.")


RULES: Final = (
    Rule(
        "M1",
        Severity.BLOCK,
        "S001 XII",
        (EVERY,),
        "A consent in force covers reader, class and purpose.",
        consent_covers,
    ),
    Rule(
        "M2",
        Severity.BLOCK,
        "this profile",
        (NOTIFICATION,),
        "Step 1 holds nothing that identifies the person.",
        no_identity_in_step_1,
    ),
    Rule("M3", Severity.WARN, "UK practice", (EVERY,), "Free text names and locates nobody.", texts_do_not_leak),
    Rule(
        "M4",
        Severity.FLAG,
        "S001 XI",
        (CONFIRMATION, REPLY, REINTEGRATION_CONFIRMATION),
        "Answers come in time.",
        answered_in_time,
    ),
    Rule(
        "M5",
        Severity.INFORM,
        "S001",
        (NOTIFICATION, REINTEGRATION_REQUEST),
        "The person is seen by health care within 24 hours of her identification.",
        seen_by_a_doctor,
    ),
    Rule(
        "M6",
        Severity.BLOCK,
        "S001; S003",
        (EVERY,),
        "The address of a shelter goes to nobody but the shelter.",
        shelters_stay_hidden,
    ),
    Rule("M7", Severity.BLOCK, "UK practice", (EVERY,), "Only safe channels are used.", channels_are_safe),
    Rule(
        "M8",
        Severity.INFORM,
        "this profile",
        (CONFIRMATION, REINTEGRATION_CONFIRMATION),
        "Nobody is interviewed twice.",
        asked_once_only,
    ),
)
