"""A whole case erased: leaves, receipts and proofs stay; a crash is resumed; what comes late is answered truly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contracts.node_statement import ErasureRequest
from hostile import state
from nodes import ALL_CLASSES, town
from referral.audit.bundle import export
from referral.audit.replay import replay
from referral.casework.intent import IntentRefused
from referral.cli import main
from referral.erasing import Erasure, resume
from referral.errors import CaseUnknown
from referral.opening import KEY_FILE, open_node
from referral.vault import KeyFile
from referral.vault.errors import CaseErased
from referrals import agreed, answer, ask

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.erasing import ErasedCase

GROUND = "no_longer_needed"
UNKNOWN = "A" * 22


def erase(it: Town, agency: str, case: str, **changes: Any) -> ErasedCase:
    """Erase a case whole at one node."""
    wish = {"ground": GROUND, "function": "focal-point", "second": "case-manager"}
    found = Erasure(case, **(wish | changes))
    return it.nodes[agency].desk.erase_case(found, key=it.key(), principal="test")


async def test_an_erased_case_is_told_from_one_with_erased_sections_and_from_an_unknown_one(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        hu = it.nodes["hu-fp"]
        messages = {item.message for item in hu.queries.register(case)}
        erase(it, "hu-fp", case)
        await it.settle()
        for look in (hu.queries.history, hu.queries.timeline, hu.queries.standing, hu.queries.case):
            with pytest.raises(CaseErased):
                look(case)
            with pytest.raises(CaseUnknown):
                look(UNKNOWN)
        with pytest.raises(CaseErased):
            export(hu.node, tmp_path / "hu-fp" / "proofs", case, tmp_path / "bundle")
        assert not (tmp_path / "bundle").exists()
        with pytest.raises(CaseErased):
            answer(it, case)
        assert (hu.queries.cases(), hu.queries.register()) == ([], [])
        assert {(item.message, item.direction, item.kind) for item in hu.queries.register(case)} == {
            (message, "erased", "") for message in messages
        }
        (gone,) = hu.queries.erased_cases()
        assert (gone.case, gone.ground, gone.function, gone.second) == (case, GROUND, "focal-point", "case-manager")
        report = replay(hu.node)
        assert report.ok
        assert report.cases[0].sentence == "It was erased; only its leaves remain in the log."
        assert it.nodes["be-fp"].queries.history(case).entry(asked.message) is not None


async def test_lists_that_are_built_anew_know_nothing_of_an_erased_case(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        other, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        erase(it, "hu-fp", case)
        for follower in hu.worker.followers:
            follower.reset(hu.node.store)
        await it.settle()
        assert [row.case for row in hu.queries.cases()] == [other]
        assert {item.case for item in hu.queries.register()} == {other}
        assert [
            follower.set_aside(hu.node.store) for follower in hu.worker.followers if follower.set_aside(hu.node.store)
        ] == []
        assert replay(hu.node).ok


async def test_no_key_of_an_erased_case_is_left_in_the_vault(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        held = [
            (name, one) for name, entry in hu.node.store.load(case).entries.items() for one in sorted(entry.sections)
        ]
        assert held
        assert all(hu.node.vault.has_section(*one) for one in held)
        erase(it, "hu-fp", case)
        assert not any(hu.node.vault.has_section(*one) for one in held)
        assert all(hu.node.vault.is_section_erased(*one) for one in held)
        assert hu.node.vault.is_case_erased(case)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ground": "because"}, "`ground`"),
        ({"function": "boss"}, "`function`"),
        ({"second": "boss"}, "`second`"),
        ({"second": "focal-point"}, "`second`"),
    ],
)
async def test_one_function_alone_or_no_ground_erases_nothing(
    tmp_path: Path, changes: dict[str, str], field: str
) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        with pytest.raises(IntentRefused, match=field):
            erase(it, "be-fp", case, **changes)
        assert it.nodes["be-fp"].queries.history(case).case.case == case


async def test_a_case_is_erased_once_and_an_unknown_one_never(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = ask(it)
        with pytest.raises(CaseUnknown):
            erase(it, "be-fp", UNKNOWN)
        wish = Erasure(case, GROUND, "focal-point", "case-manager")
        desk = it.nodes["be-fp"].desk
        first = desk.erase_case(wish, key="one", principal="test")
        assert desk.erase_case(wish, key="one", principal="test") == first
        with pytest.raises(CaseErased):
            desk.erase_case(wish, key="two", principal="test")


class Stopped(Exception):  # noqa: N818 - what a crash leaves behind is looked at, not an error
    """The process ended here."""


@pytest.mark.parametrize("step", range(4))
async def test_what_was_decided_is_done_wherever_the_process_ended(tmp_path: Path, step: int) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        hu = it.nodes["hu-fp"]
        calls = 0

        def stopping(real: Any) -> Any:
            def call(*given: Any, **named: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls > step:
                    raise Stopped
                return real(*given, **named)

            return call

        with pytest.MonkeyPatch.context() as crash:
            for name in ("erase_sections", "erase_case"):
                crash.setattr(hu.node.vault, name, stopping(getattr(hu.node.vault, name)))
            crash.setattr("referral.erasing._clear", stopping(lambda *_given: None))
            with pytest.raises(Stopped):
                erase(it, "hu-fp", case)
        hu.node.store.close()
        hu.node.vault.close()
        home = tmp_path / "hu-fp"
        node = open_node(home, KeyFile(home / KEY_FILE), it.clock)
        try:
            assert resume(node) == 1
            assert resume(node) == 0
            assert node.vault.is_case_erased(case)
            assert replay(node).ok
        finally:
            node.store.close()
            node.vault.close()


async def test_what_comes_late_for_an_erased_case_is_answered_as_it_was_and_stored_nowhere(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        be, hu = it.nodes["be-fp"], it.nodes["hu-fp"]
        erase(it, "hu-fp", case)
        with be.node.store.transaction() as cursor:  # be-fp sends its first message once more
            cursor.execute(
                "UPDATE deliveries SET state = 'waiting', next_at = 0 WHERE content_id = ?", (asked.message,)
            )
        await it.settle()
        told = be.queries.history(case).case.receipts[asked.message]
        assert {stage for _, stage in told} == {"R1"}
        assert hu.queries.cases() == []
        assert [one.code for one in hu.queries.alarms()] == []


async def test_what_is_new_for_an_erased_case_cannot_be_opened_and_its_sender_hears_so(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        be, hu = it.nodes["be-fp"], it.nodes["hu-fp"]
        erase(it, "hu-fp", case)
        late = it.consent("be-fp", case, "hu-fp", "requested", classes=ALL_CLASSES[:2])
        await it.settle()
        told = be.queries.history(case).case.receipts[late.message]
        assert {(agency, stage): one.reason for (agency, stage), one in told.items()} == {("hu-fp", "F"): "cannot-open"}
        assert hu.queries.cases() == []
        assert [one.code for one in hu.queries.alarms()] == []
        assert replay(hu.node).ok


async def test_a_partner_that_asks_to_erase_what_is_erased_whole_hears_that_it_is_done(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        erase(it, "hu-fp", case)
        hu = it.nodes["hu-fp"].node
        for partner, owed in (("hu-iom", 0), ("be-fp", 1)):
            await state(it, partner, "hu-fp", ErasureRequest(case, (asked.message,), "consent_withdrawn"))
            await it.nodes["hu-fp"].worker.inbox.turn()
            with hu.store.reading() as cursor:
                rows = cursor.execute(
                    "SELECT COUNT(*) FROM outgoing_statements WHERE type = 'erasure-answer' AND recipient = ?",
                    (partner,),
                ).fetchone()
            assert rows[0] == owed


async def test_the_command_line_says_which_case_is_erased_and_which_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
    node = ["--node", str(tmp_path / "hu-fp")]
    decided = ["--ground", GROUND, "--function", "focal-point", "--second", "case-manager"]
    assert main(["case", "erase", case, *decided, *node]) == 0
    assert "is erased; only its leaves and proofs stay" in capsys.readouterr().out
    assert main(["case", "list", *node, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cases"], [one["case"] for one in found["erased"]]) == ([], [case])
    spoken = found["erased"][0]["spoken"]
    for name, code in ((case, "case-erased"), (spoken, "case-erased"), (UNKNOWN, "case-unknown")):
        for command in ("show", "timeline", "standing"):
            assert main(["case", command, name, *node]) == 1
            assert f"[{code}]" in capsys.readouterr().err
        assert main(["export", name, "--out", str(tmp_path / "out"), *node]) == 1
        assert f"[{code}]" in capsys.readouterr().err
