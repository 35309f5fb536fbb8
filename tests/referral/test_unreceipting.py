"""A vault older than its events: the start refuses and names the cases; what is given up is sent again by partners."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from contracts.examples import example
from contracts.receipts import LOST
from nodes import START, town
from referral.audit.replay import replay
from referral.cli import main
from referral.exchange.deliveries import SQL
from referral.opening import KEY_FILE
from referral.store.errors import KeysMissing
from referral.unreceipting import give_up
from referral.vault import KeyFile
from referrals import REQUEST, RISK, agreed, answer
from restored import copied, started

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.unreceipting import Lost


async def with_older_vault(it: Town, agency: str, copy: Path) -> None:
    """Stop a node and put the vault of a copy beside its newer events."""
    await it.nodes.pop(agency).close()
    shutil.copyfile(copy / "vault" / "vault.sqlite", it.folder / agency / "vault" / "vault.sqlite")


def given_up(it: Town, agency: str, *, dry: bool = False) -> Lost:
    """Give up what the vault of a node that is off does not open."""
    home = it.folder / agency
    return give_up(home, KeyFile(home / KEY_FILE), it.clock, dry=dry)


async def test_a_vault_older_than_its_events_is_refused_with_the_names_of_its_cases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as it:
        old, _ = await agreed(it)
        copy = await copied(it, "hu-fp")
        new, _ = await agreed(it)
        await with_older_vault(it, "hu-fp", copy)
        with pytest.raises(KeysMissing) as refused:
            started(it, "hu-fp")
        assert new in refused.value.names
        assert old not in refused.value.names
        assert new in str(refused.value)
        assert main(["recovery", "give-up", "--dry-run", "--node", str(tmp_path / "hu-fp")]) == 0
        assert f"would be given up: case {new}" in capsys.readouterr().out
        with pytest.raises(KeysMissing):
            started(it, "hu-fp")


async def test_what_was_given_up_is_sent_again_by_partners_and_everybody_stands_where_they_stood(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        old, _ = await agreed(it)
        copy = await copied(it, "hu-fp")
        it.clock.move(START + timedelta(hours=1))
        new, asked = await agreed(it)
        before = it.digests(new)
        it.clock.move(START + timedelta(hours=2))
        await with_older_vault(it, "hu-fp", copy)
        assert new in given_up(it, "hu-fp", dry=True).cases
        lost = given_up(it, "hu-fp")
        assert new in lost.cases
        assert lost.receipts == 2, "the consent and step 1 of be-fp"
        hu = it.nodes["hu-fp"] = started(it, "hu-fp")
        await it.pass_time(timedelta(hours=25))
        assert it.digests(new) == before
        assert len(it.digests(old)) == 1
        entry = it.nodes["be-fp"].queries.history(new).case
        failure = entry.receipt(asked.message, "hu-fp", "F")
        stored = entry.receipt(asked.message, "hu-fp", "R1")
        assert failure is not None
        assert stored is not None
        assert failure.reason == LOST
        read = hu.queries.read_section(
            new, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
        )
        assert read == example("profile")
        assert replay(hu.node).ok
        with it.nodes["be-fp"].node.store.reading() as cursor:
            assert cursor.execute(SQL["waiting_deliveries"]).fetchall() == []
        it.send("hu-fp", new, "risk-assessment", RISK)
        await it.settle()
        assert len(it.digests(new)) == 1


async def test_sections_alone_that_the_vault_lacks_are_sent_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case = it.open_case("be-fp")
        it.consent("be-fp", case, "hu-fp", "requested")
        await it.settle()
        copy = await copied(it, "hu-fp")
        step = {"to": {"hu-fp": "requested"}, "sections": {"profile": ()}}
        asked = it.send("be-fp", case, "assistance-request-notification", REQUEST, **step)
        await it.settle()
        it.clock.move(START + timedelta(hours=1))
        await with_older_vault(it, "hu-fp", copy)
        with pytest.raises(KeysMissing):
            started(it, "hu-fp")
        lost = given_up(it, "hu-fp")
        assert (lost.cases, lost.messages, lost.receipts) == ((), ((case, asked.message),), 1)
        hu = it.nodes["hu-fp"] = started(it, "hu-fp")
        await it.pass_time(timedelta(hours=25))
        read = hu.queries.read_section(
            case, asked.message, "profile", function="focal-point", purpose="triage", principal="test"
        )
        assert read == example("profile")
        assert replay(hu.node).ok
        answer(it, case)
        await it.settle()
        assert len(it.digests(case)) == 1


async def test_a_vault_that_opens_everything_gives_nothing_up(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        await agreed(it)
        await it.nodes.pop("hu-fp").close()
        assert given_up(it, "hu-fp").names == []
        it.nodes["hu-fp"] = started(it, "hu-fp")
