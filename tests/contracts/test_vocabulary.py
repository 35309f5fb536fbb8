from __future__ import annotations

import tomllib
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import contracts
from contracts import vocabulary
from contracts.vocabulary import (
    COUNTRIES,
    DataClass,
    Function,
    GuardResult,
    MemberRole,
    OfferCondition,
    Purpose,
    RiskLevel,
    Service,
    TraffickingStatus,
)

PROCEDURE = tomllib.loads((Path(contracts.__file__).parent / "procedures" / "icp.v1.toml").read_text(encoding="utf-8"))
LISTS = {
    name: cast("type[StrEnum]", getattr(vocabulary, name))
    for name in vocabulary.__all__
    if isinstance(getattr(vocabulary, name), type) and issubclass(getattr(vocabulary, name), StrEnum)
}


def values(code_list: type[StrEnum]) -> frozenset[str]:
    return frozenset(member.value for member in code_list)


def code_lists(act: dict[str, Any], where: str) -> list[tuple[str, list[str]]]:
    """Return (where, codes) for each code list of an act, those of rows included."""
    found = []
    for name, field in act.items():
        if "codes" in field:
            found.append((f"{where}.{name}", field["codes"]))
        if "row" in field:
            found += code_lists(field["row"], f"{where}.{name}")
    return found


def test_no_two_lists_hold_the_same_words() -> None:
    twins = [pair for pair in combinations(sorted(LISTS), 2) if values(LISTS[pair[0]]) == values(LISTS[pair[1]])]

    assert twins == []


def test_every_code_list_of_the_procedure_is_one_of_ours() -> None:
    known = {values(code_list) for code_list in LISTS.values()}
    acts = [found for kind, table in PROCEDURE["kind"].items() for found in code_lists(table["act"], kind)]

    assert len(acts) == 62
    assert [where for where, codes in acts if frozenset(codes) not in known] == []
    assert [where for where, codes in acts if len(codes) != len(set(codes))] == []


def test_the_roles_and_functions_of_the_procedure_are_ours() -> None:
    assert PROCEDURE["member_roles"] == [role.value for role in MemberRole]
    assert PROCEDURE["functions"] == [function.value for function in Function]


def test_one_word_for_one_service() -> None:
    assert {"transport", "escort"} < values(Service)
    assert not {"transportation", "escorts"} & {code for code_list in LISTS.values() for code in values(code_list)}


def test_where_1_6_and_1_7_differ_the_later_list_stands() -> None:
    assert {"fear", "wants_to_tell_self", "other"} == values(vocabulary.WithheldReason)
    assert {"in_contact", "intermittent", "refused", "lost"} == values(vocabulary.FollowUpContact)
    assert "updated_fact" in values(vocabulary.CorrectionReason)
    assert "left_before_contact" in values(vocabulary.Hypothesis)


def test_there_is_no_risk_called_none() -> None:
    assert {"medium", "high", "critical"} == values(RiskLevel)
    assert "none" not in values(vocabulary.PreliminaryRisk)


def test_the_classes_are_ordered_by_their_names() -> None:
    assert sorted(values(DataClass)) == ["P0", "P1", "P2", "P3", "P4"]
    assert DataClass.P4 > DataClass.P3


def test_there_are_250_countries_with_kosovo() -> None:
    assert len(COUNTRIES) == 250
    assert {"BE", "HU", "XK", "SS", "CW"} < COUNTRIES
    assert not {"UK", "EU", "YU", "AN"} & COUNTRIES


def test_words_of_other_standards_keep_their_spelling() -> None:
    assert TraffickingStatus.POSSIBLE_VICTIM_OF_TRAFFICKING.value == "PossibleVictimOfTrafficking"
    assert "Unaquainted" in values(vocabulary.RelationshipToTrafficker)
    assert len(vocabulary.LabourIndustry) == 21
    assert len(Purpose) == 9
    assert len(OfferCondition) == 5
    assert len(GuardResult) == 3
