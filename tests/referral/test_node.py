from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

import pytest

from contracts.directory import UnknownAgency
from contracts.encoding import b64
from contracts.signing import MESSAGE, verify
from nodes import town
from referral import node as rooms
from referrals import RISK, agreed, ask

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_reading_is_kept_until_the_case_changes_and_then_goes_on(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        node = it.nodes["be-fp"].node
        first = node.history(case)

        assert first is not None
        assert node.history(case) is first

        sent = it.send("be-fp", case, "risk-assessment", RISK)
        second = node.history(case)

        assert second is not None
        assert sent.message in second.case.entries
        assert sent.message not in first.case.entries, "who holds a reading keeps what it says"


async def test_a_case_to_change_leaves_the_kept_reading_as_it_is(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        node = it.nodes["be-fp"].node
        mine = node.case(case)
        assert mine is not None
        mine.refuse(b64(bytes(32)), "hu-iom", "not-member", node.now())
        kept = node.history(case)

        assert kept is not None
        assert kept.case.refused == {}


async def test_readers_in_many_threads_see_whole_cases_while_a_writer_writes(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        node = it.nodes["be-fp"].node
        wrong: list[tuple[int, int]] = []

        def look() -> None:
            seen = 0
            for _ in range(60):
                held = node.history(case)
                assert held is not None
                core = len(held.standing.verdicts)
                if core != len(held.core_ids) or len(held.case.entries) != core + 1 or core < seen:
                    wrong.append((seen, core))
                seen = core

        threads = [Thread(target=look) for _ in range(4)]
        for one in threads:
            one.start()
        for _ in range(8):
            it.send("be-fp", case, "risk-assessment", RISK)
        for one in threads:
            one.join()

        assert wrong == []


async def test_only_so_many_readings_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "HISTORIES", 2)
    async with town(tmp_path) as it:
        cases = [ask(it)[0] for _ in range(4)]
        node = it.nodes["be-fp"].node
        for case in cases:
            node.history(case)

        assert list(node._histories) == cases[-2:]
        assert node.history(cases[0]) is not None


async def test_a_node_signs_under_the_key_that_the_directory_holds_for_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        node = it.nodes["be-fp"].node
        signed = node.sign(MESSAGE, b"words")
        key = node.directory.signing_key(signed.skid)

        verify(key.key, MESSAGE, node.network.name, signed.skid, b"words", signature=signed.signature)
        assert key.agency == "be-fp"
        assert node.recipient("hu-fp", "requested").identity == it.nodes["hu-fp"].node.fingerprint
        with pytest.raises(UnknownAgency):
            node.recipient("nobody", "requested")
