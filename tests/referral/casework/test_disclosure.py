from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from casework_situations import MEMBERS, NOW, TABLE, consent, consents, section
from contracts.examples import ARRIVE
from referral.casework.consent import Consents
from referral.casework.disclosure import DisclosureFacts, check_disclosure, owed_to, sections_showing
from referral.casework.refusals import (
    AsylumStandsBetween,
    ClassTooHigh,
    ConsentDoesNotCover,
    DisclosureRefused,
    LifeRiskIncomplete,
    NotInTable,
    ReaderNotAccepted,
    ReaderNotAllowed,
    SectionOwed,
    SectionRequired,
    SpecialConsentMissing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPIENTS = {agency: role for agency, role in MEMBERS.items() if agency != "be-fp"}
FACTS = DisclosureFacts(
    sender="be-fp",
    function="focal-point",
    roles=RECIPIENTS,
    accepted=frozenset(MEMBERS),
    consents=consents(*RECIPIENTS),
    day=NOW.date(),
    register={"majority": "adult"}.get,  # type: ignore[arg-type]  # a plain lookup is enough here
)
STEP_1 = "assistance-request-notification"
STEP_3 = "reintegration-assistance-request"
STAY = {"plan_version": 1, "majority": "adult", "solution": "stay"}
RETURN = STAY | {"solution": "return"}
WHOLE = {
    "identity": ("hu-fp", "hu-ngo"),
    "family": ("hu-ngo",),
    "wishes": ("hu-fp", "hu-ngo"),
    "plan": ("hu-ngo",),
}


def refused(
    kind: str, act: dict[str, Any], chosen: Mapping[str, tuple[str, ...]], facts: DisclosureFacts = FACTS
) -> DisclosureRefused:
    with pytest.raises(DisclosureRefused) as raised:
        check_disclosure(TABLE, kind, act, chosen, facts)
    return raised.value


def outcome(
    kind: str, act: dict[str, Any], chosen: Mapping[str, tuple[str, ...]], facts: DisclosureFacts = FACTS
) -> tuple[type[DisclosureRefused], str, str, str]:
    found = refused(kind, act, chosen, facts)
    return type(found), found.rule, found.section, found.agency


def test_a_whole_step_3_may_go() -> None:
    check_disclosure(TABLE, STEP_3, STAY, WHOLE, FACTS)


def test_what_is_not_in_the_table_does_not_travel() -> None:
    assert (NotInTable, "M2", "identity", "") == outcome(STEP_1, {}, {"identity": ("hu-fp",)})
    assert (NotInTable, "M2", "no_such", "") == outcome(STEP_1, {}, {"no_such": ("hu-fp",)})
    assert (NotInTable, "not-in-table", "capacity", "") == outcome(STEP_3, STAY, WHOLE | {"capacity": ("hu-fp",)})


def test_a_role_that_the_line_does_not_name_does_not_read() -> None:
    chosen = WHOLE | {"narrative": ("hu-fp",)}

    assert (ReaderNotAllowed, "reader", "narrative", "hu-fp") == outcome(STEP_3, STAY, chosen)
    assert (ReaderNotAllowed, "reader", "narrative", "ro-fp") == outcome(
        STEP_3, STAY, WHOLE | {"narrative": ("ro-fp",)}
    )


def test_a_reader_has_accepted_by_itself() -> None:
    facts = replace(FACTS, accepted=frozenset({"hu-fp"}))

    assert (ReaderNotAccepted, "accepted", "family", "hu-ngo") == outcome(STEP_3, STAY, WHOLE, facts)


@pytest.mark.parametrize(
    "held",
    [
        Consents.of([]),
        consents("hu-iom"),
        Consents.of([consent("hu-fp"), consent("hu-ngo", classes=("P1", "P2"))]),
        Consents.of([consent("hu-fp"), consent("hu-ngo", purposes=("travel",))]),
        Consents.of([consent("hu-fp"), consent("hu-ngo", state="withdrawn")]),
        Consents.of([consent("hu-fp"), consent("hu-ngo", expires_at=NOW.date().replace(day=4))]),
    ],
)
def test_a_consent_names_reader_class_and_purpose(held: Consents) -> None:
    found = refused(STEP_3, STAY, WHOLE, replace(FACTS, consents=held))

    assert (type(found), found.code, found.rule) == (ConsentDoesNotCover, "consent", "M1")


def test_care_that_goes_on_needs_a_consent_of_its_own() -> None:
    held = Consents.of([consent(agency, purposes=("share_agency",)) for agency in RECIPIENTS])
    chosen = WHOLE | {"continuing_care": ("hu-ngo",)}
    facts = replace(FACTS, consents=held)

    assert (SpecialConsentMissing, "care", "continuing_care", "hu-ngo") == outcome(STEP_3, STAY, chosen, facts)
    check_disclosure(TABLE, STEP_3, STAY, chosen, FACTS)


def test_a_state_body_is_not_told_while_protection_stands() -> None:
    chosen = {"profile": ("hu-fp",), "measures": ("hu-fp",)}
    protected = replace(FACTS, protected_from_state=True, state_bodies=frozenset({"hu-fp"}))

    check_disclosure(TABLE, STEP_1, {}, chosen, FACTS)
    check_disclosure(TABLE, STEP_1, {}, chosen, replace(protected, state_bodies=frozenset({"be-fp"})))
    assert (AsylumStandsBetween, "K6", "measures", "hu-fp") == outcome(STEP_1, {}, chosen, protected)


def test_step_1_cannot_go_without_its_profile() -> None:
    assert (SectionRequired, "required", "profile", "") == outcome(STEP_1, {}, {})
    assert (SectionRequired, "required", "profile", "") == outcome(STEP_1, {}, {"profile": ()})
    assert (SectionRequired, "required", "profile", "") == outcome(STEP_1, {}, {"profile": ("be-fp",)})


def test_some_sections_are_required_with_some_codes_only() -> None:
    assert (SectionRequired, "required", "travel_health", "") == outcome(STEP_3, RETURN, WHOLE)
    complete = WHOLE | {"travel_health": ("hu-ngo",), "declaration": ("hu-fp",)}
    check_disclosure(TABLE, STEP_3, RETURN, complete, FACTS)
    child = RETURN | {"majority": "child"}
    assert (SectionRequired, "required", "child", "") == outcome(STEP_3, child, complete)


def test_a_section_is_required_by_a_register_where_the_act_has_no_such_field() -> None:
    kind, act = "reintegration-assistance-confirmation", {"decision": "confirm"}
    facts = replace(FACTS, sender="hu-fp", roles={"be-fp": "requesting"}, register=lambda _: "child")

    assert (SectionRequired, "required", "care_arrangement", "") == outcome(kind, act, {"services": ("be-fp",)}, facts)


def test_who_is_owed_a_section_is_among_its_readers() -> None:
    missing = WHOLE | {"wishes": ("hu-fp",)}

    assert (SectionOwed, "owed", "wishes", "hu-ngo") == outcome(STEP_3, STAY, missing)
    facts = replace(FACTS, accepted=frozenset({"hu-fp"}))
    only = dict.fromkeys(("identity", "wishes", "plan"), ("hu-fp",)) | {"family": ("hu-iom",)}
    assert (ReaderNotAccepted, "accepted", "family", "hu-iom") == outcome(STEP_3, STAY, only, facts)
    check_disclosure(
        TABLE, STEP_3, STAY, only, replace(FACTS, accepted=frozenset({"hu-fp", "hu-iom"}))
    )  # the shelter has not accepted: it is owed nothing


def test_a_provisional_itinerary_owes_no_arrival() -> None:
    kind, provisional = "travel-itinerary", {"state": "provisional"}
    chosen = {"itinerary": ("hu-iom",)}

    check_disclosure(TABLE, kind, provisional, chosen, FACTS)
    assert (SectionRequired, "required", "arrival_time", "") == outcome(kind, {"state": "final"}, chosen)


def test_place_and_time_of_arrival_reach_everybody_once_the_person_is_under_way() -> None:
    facts = replace(FACTS, accepted=frozenset(), consents=Consents.of([]))
    kind = "post-departure-notification"

    check_disclosure(TABLE, kind, {}, {"arrival_time": ("hu-fp", "hu-iom", "hu-ngo")}, facts)
    assert (SectionOwed, "owed", "arrival_time", "hu-iom") == outcome(
        kind, {}, {"arrival_time": ("hu-fp", "hu-ngo")}, facts
    )
    assert (ReaderNotAccepted, "accepted", "departure", "hu-iom") == outcome(
        kind, {}, {"arrival_time": ("hu-fp", "hu-iom", "hu-ngo"), "departure": ("hu-iom",)}, facts
    )


def test_an_answer_goes_to_who_asked_and_weighs_what_was_asked_for() -> None:
    kind, act = "clarification-reply", {"answer": "answered", "step": "2"}
    chosen = {"answer": ("hu-fp",)}
    asked = replace(FACTS, asker="hu-fp", accepted=frozenset())

    def answering(name: str) -> DisclosureFacts:
        line = {"question_id": "q1", "section": name, "answer": "Yes."}
        return replace(asked, bodies={"answer": section("answer", answers=[line])})

    check_disclosure(TABLE, kind, act, chosen, answering("profile"))
    assert (ReaderNotAccepted, "accepted", "answer", "hu-fp") == outcome(kind, act, chosen, answering("documents"))
    check_disclosure(TABLE, kind, act, chosen, replace(answering("documents"), accepted=frozenset({"hu-fp"})))
    assert (ClassTooHigh, "class", "answer", "") == outcome(kind, act, chosen, answering("safe_contact"))
    assert (ClassTooHigh, "class", "answer", "") == outcome(kind, act, chosen, answering("newer_section"))
    assert (ReaderNotAllowed, "reader", "answer", "hu-iom") == outcome(
        kind, act, {"answer": ("hu-iom",)}, answering("profile")
    )


def test_a_life_at_risk_opens_its_section_to_two_functions_for_a_time() -> None:
    kind, chosen = "life-risk-disclosure", {"life_risk": ("ro-fp",)}
    act = {"expires": ARRIVE.isoformat(), "second": "return-officer"}
    facts = replace(FACTS, basis="life_risk", roles={"ro-fp": "authority"}, consents=Consents.of([]))

    check_disclosure(TABLE, kind, act, chosen, facts)
    for changed, at in (
        (act, replace(facts, basis="consent")),
        (act | {"second": "focal-point"}, facts),
        (act | {"expires": "2026-10-04"}, facts),
        ({"expires": ARRIVE.isoformat()}, facts),
    ):
        assert (LifeRiskIncomplete, "life_risk", "life_risk", "ro-fp") == outcome(kind, changed, chosen, at)


def test_a_correction_reaches_who_had_the_section_and_nobody_else() -> None:
    had = {"arrival": ("hu-iom", "hu-ngo")}
    facts = replace(FACTS, corrected=("arrival-confirmation", had))

    check_disclosure(TABLE, "correction", {}, {"arrival": ("hu-iom",), "note": ("hu-fp",)}, facts)
    assert (ReaderNotAllowed, "reader", "arrival", "hu-fp") == outcome("correction", {}, {"arrival": ("hu-fp",)}, facts)
    assert (NotInTable, "not-in-table", "identity", "") == outcome("correction", {}, {"identity": ("hu-iom",)}, facts)
    assert (NotInTable, "not-in-table", "arrival", "") == outcome("correction", {}, {"arrival": ("hu-iom",)}, FACTS)
    gone = replace(facts, accepted=frozenset())
    assert (ReaderNotAccepted, "accepted", "arrival", "hu-iom") == outcome(
        "correction", {}, {"arrival": ("hu-iom",)}, gone
    )


def test_a_dependant_is_shared_with_a_consent_for_that_dependant() -> None:
    chosen = WHOLE | {"dependants": ("hu-ngo",)}
    facts = replace(FACTS, bodies={"dependants": section("dependants")})
    both = Consents.of([*(consent(agency) for agency in RECIPIENTS), consent("hu-ngo", person=1)])

    assert (ConsentDoesNotCover, "M1", "dependants", "hu-ngo") == outcome(STEP_3, STAY, chosen, facts)
    check_disclosure(TABLE, STEP_3, STAY, chosen, replace(facts, consents=both))


def test_a_recipient_can_tell_what_it_is_owed() -> None:
    assert frozenset({"wishes", "travel_health"}) == owed_to(TABLE, STEP_3, RETURN, "hu-ngo", FACTS)
    assert frozenset({"wishes", "declaration"}) == owed_to(TABLE, STEP_3, RETURN, "hu-fp", FACTS)
    assert frozenset() == owed_to(TABLE, STEP_3, RETURN, "hu-iom", FACTS)
    assert frozenset() == owed_to(TABLE, STEP_3, RETURN, "hu-ngo", replace(FACTS, accepted=frozenset()))


def test_every_line_of_the_table_lets_a_reader_through_who_has_everything() -> None:
    named = {role: f"a-{role.replace('_', '-')}" for role in TABLE.member_roles}
    roles = {agency: role for role, agency in named.items()}
    everything = replace(
        FACTS,
        sender="nobody",
        roles=roles,
        accepted=frozenset(roles),
        consents=Consents.of([consent(agency) for agency in roles]),
        basis="life_risk",
        asker=named["requested"],
    )
    act = {"second": "return-officer", "expires": ARRIVE.isoformat()}

    for line in TABLE.carry_lines:
        kinds = list(TABLE.kinds) if line.kind == "*" else [line.kind]
        for kind in kinds if line.section != "*" else []:
            for role, agency in named.items():
                may = (
                    role in line.readers or "named" in line.readers or ("asker" in line.readers and role == "requested")
                )
                try:
                    check_disclosure(TABLE, kind, act, {line.section: (agency,)}, everything)
                except (SectionRequired, SectionOwed):
                    passed = True
                except ReaderNotAllowed:
                    passed = False
                else:
                    passed = True
                assert may is passed, (kind, line.section, role)


def test_a_refusal_names_section_and_agency_and_nothing_else() -> None:
    found = refused(STEP_3, STAY, WHOLE, replace(FACTS, accepted=frozenset()))

    assert str(found) == (
        "This reader has not accepted the case, and before that nothing above P1 reaches it; wait for its answer. "
        "Section family, reader hu-ngo."
    )


SHOWING = {
    STEP_3: {
        *("background", "child", "continuing_care", "declaration", "dependants", "destination_place", "documents"),
        *("family", "identity", "narrative", "plan", "safe_contact", "trafficking_profile", "travel_health", "wishes"),
    },
    "reintegration-assistance-confirmation": {"care_arrangement"},
    "clarification-reply": {"answer"},
    "risk-assessment": {"person_view", "risk_factors"},
    "travel-itinerary": {"arrival_time", "itinerary", "meeting"},
    "arrival-confirmation": {"feedback"},
    "monitoring-report": {"monitoring"},
}


def test_what_shows_the_person_is_above_p1_for_readers_who_accepted_and_whom_a_consent_names() -> None:
    found = {}
    for kind in TABLE.kinds:
        chosen = {line.section: ("hu-fp",) for line in TABLE.carries(kind) if line.section in TABLE.sections}
        found[kind] = set(sections_showing(TABLE, kind, {}, chosen, FACTS))
    assert {kind: sections for kind, sections in found.items() if sections} == SHOWING


def test_a_section_that_its_sender_alone_keeps_shows_nobody_anything() -> None:
    assert sections_showing(TABLE, STEP_3, STAY, {"identity": ("be-fp",), "plan": ("hu-fp",)}, FACTS) == ("plan",)


def test_a_correction_shows_what_the_message_corrected_shows() -> None:
    facts = replace(FACTS, corrected=("arrival-confirmation", {"feedback": ("hu-fp",), "arrival": ("hu-fp",)}))
    chosen = {"feedback": ("hu-fp",), "arrival": ("hu-fp",)}
    assert sections_showing(TABLE, "correction", {}, chosen, facts) == ("feedback",)
