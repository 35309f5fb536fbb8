from __future__ import annotations

from dataclasses import replace
from typing import Any

from contracts.standing import Message, consents, fold
from standing_stories import BEGIN, TABLE, Story


def consent(content: str, state: str, *after: str, **more: Any) -> Message:
    act = {"person": 0, "agency": "hu-fp", "state": state, "purposes": ["assistance", "travel"], **more}
    return Message(content, "consent", "be-fp", "requesting", act, after, (("hu-fp", "requested"),), BEGIN)


def values(*messages: Message) -> dict[str, str]:
    return {name: register.value for name, register in consents(TABLE, messages).items()}


def test_each_purpose_has_a_register_of_its_own() -> None:
    assert values(consent("c1", "given")) == {
        "consent:hu-fp:0:assistance": "given",
        "consent:hu-fp:0:travel": "given",
    }


def test_a_later_word_stands_for_an_earlier_one_and_of_two_at_once_the_strongest() -> None:
    given = consent("c1", "given")
    withdrawn = consent("c2", "withdrawn", "c1", purposes=["travel"])
    again = consent("c3", "given", "c2", purposes=["travel"])
    beside = consent("c4", "narrowed", "c2", purposes=["travel"])

    assert values(given, withdrawn)["consent:hu-fp:0:travel"] == "withdrawn"
    assert values(given, withdrawn)["consent:hu-fp:0:assistance"] == "given"
    assert values(again, withdrawn, given)["consent:hu-fp:0:travel"] == "given"
    assert values(again, beside, withdrawn, given)["consent:hu-fp:0:travel"] == "narrowed"


def test_core_contents_carry_the_order_but_set_nothing_and_gaps_hold_nothing_back() -> None:
    story = Story()
    root = story.open()
    given = consent("c1", "given")
    opening = replace(story.messages[0], after=("c1",))
    withdrawn = consent("c2", "withdrawn", root)
    lost = consent("c3", "narrowed", "never-seen", person=1)
    found = consents(TABLE, [withdrawn, opening, given, lost])

    assert found["consent:hu-fp:0:travel"].value == "withdrawn"
    assert found["consent:hu-fp:0:travel"].tips == ("c2",)
    assert found["consent:hu-fp:1:travel"].value == "narrowed"
    assert not any(name.startswith("case") for name in found)


def test_side_contents_are_no_part_of_the_standing() -> None:
    story = Story()
    story.open()
    alone = fold(TABLE, story.messages, case="story", procedure_name="icp.v1")
    beside = fold(TABLE, [*story.messages, consent("c1", "withdrawn")], case="story", procedure_name="icp.v1")

    assert alone.document() == beside.document() == story.whole.document()
    assert story.whole.add(consent("c1", "withdrawn")) is story.whole
