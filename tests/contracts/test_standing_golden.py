"""The golden histories of the design: whole, with one message withheld, in any order, and one by one.

LANDFALL_STANDING_VECTORS names a folder with further histories of the same form.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from contracts.encoding import instant
from contracts.procedure import procedure
from contracts.standing import Message, Standing, fold

TABLE = procedure("icp.v1")
SHIPPED = Path(__file__).parent.parent / "vectors" / "standing"
FOLDERS = [SHIPPED, *(Path(one) for one in [os.environ.get("LANDFALL_STANDING_VECTORS")] if one)]
FILES = sorted(path for folder in FOLDERS for path in folder.glob("*.json"))


def message(written: dict[str, Any]) -> Message:
    return Message(
        id=written["id"],
        kind=written["kind"],
        sender=written["sender"],
        role=written["role"],
        act=written["act"],
        after=tuple(written["after"]),
        audience=tuple((agency, role) for agency, role in written["audience"]),
        sent_at=instant(written["sent_at"]),
        respond_by=instant(written["respond_by"]) if written["respond_by"] else None,
        function=written.get("function", ""),
    )


def standing(messages: list[Message]) -> Standing:
    return fold(TABLE, messages, case="golden", procedure_name="icp.v1")


def seen(found: Standing) -> dict[str, Any]:
    """Return a standing in the words of a golden file."""
    return {
        "against": list(found.against),
        "contested": list(found.contested),
        "digest": found.digest(),
        "digest_document": found.document().decode(),
        "flags": {one: list(flags) for one, flags in found.flags.items()},
        "fork": list(found.forks),
        "missing": list(found.missing),
        "overtaken": list(found.overtaken),
        "registers": {name: register.value for name, register in found.registers.items()},
        "verdicts": {one: [verdict.name, verdict.rule] for one, verdict in found.verdicts.items()},
        "wide": dict(found.wide()),
    }


def read(path: Path) -> tuple[list[Message], dict[str, Any], str, dict[str, Any]]:
    """Return the messages, what all of them give, the withheld id, and what the rest gives."""
    golden = json.loads(path.read_text(encoding="utf-8"))
    withheld = golden["withheld"]
    return [message(one) for one in golden["messages"]], golden["expect"], withheld["id"], withheld["expect"]


def test_the_forty_histories_ship() -> None:
    assert len(list(SHIPPED.glob("*.json"))) == 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_whole_history_gives_what_is_expected(path: Path) -> None:
    messages, expected, _, _ = read(path)

    assert expected == seen(standing(messages))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_message_withheld_gives_what_is_expected(path: Path) -> None:
    messages, _, withheld, expected = read(path)

    assert expected == seen(standing([one for one in messages if one.id != withheld]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_any_order_gives_the_same(path: Path) -> None:
    messages, expected, _, _ = read(path)
    drawn = random.Random(path.stem)
    for _ in range(5):
        drawn.shuffle(messages)

        assert expected == seen(standing(messages))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_by_one_gives_the_same_as_at_once(path: Path) -> None:
    messages, expected, _, _ = read(path)
    random.Random(path.stem).shuffle(messages)
    grown = standing([])
    for at, one in enumerate(messages, start=1):
        grown = grown.add(one)
        if at % 5 == 0:
            assert seen(standing(messages[:at])) == seen(grown)

    assert expected == seen(grown)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_withheld_message_given_back_gives_the_first_expectation(path: Path) -> None:
    messages, expected, withheld, _ = read(path)
    less = standing([one for one in messages if one.id != withheld])
    given_back = next(one for one in messages if one.id == withheld)

    assert expected == seen(less.add(given_back))


FURTHER = sorted((Path(__file__).parent.parent / "vectors" / "standing_further").glob("*.json"))


@pytest.mark.parametrize("path", FURTHER, ids=lambda path: path.stem)
def test_a_history_that_once_told_two_folds_apart_folds_as_the_page_says(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))

    assert found["expect"] == seen(standing([message(one) for one in found["messages"]]))
