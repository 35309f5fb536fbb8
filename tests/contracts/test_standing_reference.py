"""The second fold, with which the product is compared, has to be right by itself."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import contracts
from reference.fold import fold
from reference.histories import draw
from reference.table import read_table

if TYPE_CHECKING:
    from reference.table import Message

TABLE = read_table(Path(contracts.__file__).parent / "procedures" / "icp.v1.toml")
GOLDEN = sorted((Path(__file__).parents[1] / "vectors" / "standing").glob("*.json"))


def golden(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def test_all_forty_golden_histories_are_here() -> None:
    assert len(GOLDEN) == 40


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_history_folds_to_what_it_expects(path: Path) -> None:
    history = golden(path)
    assert fold(history["messages"], TABLE) == history["expect"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_history_without_its_withheld_message_folds_to_what_it_expects(path: Path) -> None:
    history, withheld = golden(path), golden(path)["withheld"]
    rest = [message for message in history["messages"] if message["id"] != withheld["id"]]
    assert fold(rest, TABLE) == withheld["expect"]


def histories(count: int, seed: int) -> list[list[Message]]:
    return [draw(Random(seed + n), TABLE) for n in range(count)]


def core_of(history: list[Message]) -> list[Message]:
    return [message for message in history if "side" not in TABLE["kind"].get(message["kind"], {"side": True})]


def test_the_same_seed_draws_the_same_history() -> None:
    assert histories(5, seed=900_000) == histories(5, seed=900_000)


def test_any_arrival_order_gives_one_digest() -> None:
    for n, history in enumerate(histories(25, seed=910_000)):
        shuffled = Random(n).sample(history, len(history))
        assert fold(shuffled, TABLE) == fold(history, TABLE)


def test_one_message_withheld_is_missing_wherever_another_names_it() -> None:
    for n, history in enumerate(histories(40, seed=920_000)):
        core = core_of(history)
        withheld = Random(n).choice(core)
        rest = [message for message in core if message is not withheld]
        found = fold(rest, TABLE)
        settled = {m for message in rest if message["kind"] == "history-settled" for m in message["act"]["ids"]}
        if withheld["id"] not in settled:
            named = any(withheld["id"] in message["after"] for message in rest)
            assert (withheld["id"] in found["missing"]) == named


def test_a_verdict_on_a_whole_past_never_changes() -> None:
    for history in histories(25, seed=930_000):
        core = [message for message in core_of(history) if message["kind"] != "history-settled"]
        final = fold(core, TABLE)["verdicts"]
        for message in core:
            past = before(message, {m["id"]: m for m in core})
            if past is not None:
                assert fold([*past, message], TABLE)["verdicts"][message["id"]] == final[message["id"]]


def before(message: Message, held: dict[str, Message]) -> list[Message] | None:
    """Return the past of a message, or None where it has a gap."""
    found: dict[str, Message] = {}
    asked = list(message["after"])
    while asked:
        m = asked.pop()
        if m not in held:
            return None
        if m not in found:
            found[m] = held[m]
            asked += held[m]["after"]
    return list(found.values())


def test_drawn_histories_reach_every_kind_and_most_verdicts() -> None:
    kinds, rules = set(), set()
    for history in histories(200, seed=940_000):
        verdicts = fold(history, TABLE)["verdicts"]
        kinds |= {message["kind"] for message in history}
        rules |= {tuple(verdict) for verdict in verdicts.values()}
    assert kinds == {*TABLE["kind"], "kind-to-come"}
    assert {name for name, _ in rules} == {"effective", "flagged", "void", "pending", "parked", "refused"}
    assert {rule for name, rule in rules if name == "void"} >= {
        "member", "role", "audience", "two_functions", "case", "hold", "referral", "travel", "travelling", "silent",
        "own", "own_voice", "contest", "value", "offer", "fresh_offer", "fresh_risk", "majority", "responsible",
        "target", "requested", "in_reply_to", "procedure",
    }  # fmt: skip
