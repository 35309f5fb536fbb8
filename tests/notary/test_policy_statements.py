"""A policy that the governors state in the log reaches the notary that runs: its witnesses are asked from then on."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from contracts import tlog
from contracts.encoding import b64
from contracts.statements import Entry, Link, Policy, logged_bytes, make
from notaries import PROGRAM, body_of, entries, entry, program, root_file
from notary import cosigning
from small_network import NAME, NOW, governors_seeds, seed
from witnesses import Town, log_key, make_notary, office, policy, witness_key

if TYPE_CHECKING:
    from pathlib import Path

    from witnesses import Office

NAMES = ["n1", "n2", "n3", "n4"]


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def four(tmp_path: Path) -> list[Path]:
    return [make_notary(tmp_path, name) for name in NAMES]


def stated(text: str, previous: Entry | None = None, governors: int = 2) -> Entry:
    """Return the governors' statement of a policy."""
    link = Link(NAME, NAME, None if previous is None else previous.id, NOW)
    return make(link, Policy(text), governors_seeds(governors))


async def state(one: Office, said: Entry) -> int:
    """Submit a statement as governors do, and return its index."""
    answer = await one.client.post("/v1/entries", content=body_of([logged_bytes(said)]))
    assert answer.status_code == 202
    (index,) = answer.json()["indices"]
    return int(index)


async def test_witnesses_that_a_statement_names_cosign_the_checkpoint_that_covers_it(
    town: Town, four: list[Path]
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(office(town, four[0]))
        for folder in four[1:3]:
            await stack.enter_async_context(office(town, folder, known=four))
        await one.submit(entries(3))
        await one.cosigned(3)
        assert (await one.client.get("/v1/witnessed")).status_code == 404

        assert await state(one, stated(policy(four[0], four[1:3], 2))) == 3
        shown = await one.cosigned(4, "n2", "n3", where="/v1/witnessed")
        assert one.notary.policy_at(4).witnessed_by(["n2", "n3"])
        assert not one.notary.policy_at(3).asks_for_witnesses
        assert shown.checkpoint.size == 4
        await one.submit([entry("after it")])
        await one.cosigned(5, "n2", "n3", where="/v1/witnessed")


async def test_who_is_named_no_more_is_asked_no_more_and_a_lost_quorum_is_replaced(
    town: Town, four: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosigning, "ROUND", 0.2)
    async with AsyncExitStack() as stack:
        for folder in four[1:]:
            await stack.enter_async_context(office(town, folder, known=four))
        one = await stack.enter_async_context(office(town, four[0], four[1:3], 2))
        await one.submit(entries(2))
        await one.cosigned(2, "n2", "n3", where="/v1/witnessed")

        town.down |= {"n2"}
        await one.submit([entry("without its quorum")])
        await one.cosigned(3, "n3")
        await one.cosigned(2, "n2", "n3", where="/v1/witnessed")
        await state(one, stated(policy(four[0], four[2:], 2)))
        await one.cosigned(4, "n3", "n4", where="/v1/witnessed")
        assert set((await one.client.get("/readyz")).json()["witnesses"]) == {"n3", "n4"}

        town.down.clear()
        town.asked.clear()
        await one.submit([entry("after it")])
        await one.cosigned(5, "n3", "n4", where="/v1/witnessed")
        assert "n2" not in town.asked


async def test_a_policy_of_no_quorum_asks_nobody_any_more(town: Town, four: list[Path]) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(office(town, four[1], known=four))
        one = await stack.enter_async_context(office(town, four[0], four[1:2], 1))
        await one.submit(entries(1))
        await one.cosigned(1, "n2", where="/v1/witnessed")
        await state(one, stated(f"log {one.notary.log.signer.key}\nquorum none\n"))
        await one.cosigned(2)
        async with asyncio.timeout(30):
            while one.notary.cosigning.witnesses:
                await one.client.get("/readyz")
        assert "witnesses" not in (await one.client.get("/readyz")).json()
        await one.cosigned(1, "n2", where="/v1/witnessed")


async def test_a_policy_with_too_few_governors_is_not_logged_and_changes_nobody(town: Town, four: list[Path]) -> None:
    async with office(town, four[0]) as one:
        said = logged_bytes(stated(policy(four[0], four[1:], 2), governors=1))
        answer = await one.client.post("/v1/entries", content=body_of([said]))
        assert (answer.status_code, answer.json()["code"]) == (422, "statement")
        assert one.notary.agencies.stated_at(100) is None


async def test_a_notary_that_starts_again_goes_by_what_its_log_states(town: Town, four: list[Path]) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(office(town, four[1], known=four))
        async with office(town, four[0]) as one:
            await state(one, stated(policy(four[0], four[1:2], 1)))
            await one.cosigned(1, "n2", where="/v1/witnessed")
        async with office(town, four[0]) as one:
            await one.submit([entry("after the start")])
            await one.cosigned(2, "n2", where="/v1/witnessed")


def test_a_policy_that_governors_state_reaches_the_notary_that_runs(tmp_path: Path) -> None:
    ours, theirs = make_notary(tmp_path, "ours"), make_notary(tmp_path, "theirs")
    (tmp_path / "others").write_text(f"{log_key(ours)}\n", encoding="ascii")
    for number in ("0", "1"):
        (tmp_path / f"{number}.key").write_text(b64(seed("governor", number)) + "\n", encoding="ascii")
        (tmp_path / f"{number}.key").chmod(0o600)
    clock = tmp_path / "clock"
    with (
        program(theirs, root_file(theirs, theirs), clock, "--witness-of", str(tmp_path / "others")) as witness,
        program(ours, root_file(ours, ours), clock) as one,
    ):
        assert one.submit([entry("before")]) == [0]
        url = witness.ready["url"]
        policy_file = tmp_path / "policy"
        policy_file.write_text(f"log {log_key(ours)}\nwitness w {witness_key(theirs)} {url}\nquorum w\n")
        root_file(tmp_path, ours, one.ready["url"])
        assert governor(tmp_path, "policy", "policy", "--governor-key", "0.key")["missing"] == 1
        assert governor(tmp_path, "admit", "policy.json", "--governor-key", "1.key")["indices"] == [1]

        policy = tlog.read_policy(policy_file.read_bytes())
        while (answer := one.client.get("/v1/witnessed")).status_code != 200:
            pass
        opened = tlog.open_checkpoint(answer.content, policy.log_keys, policy.witness_keys)
        assert opened.checkpoint.size == 2
        assert policy.witnessed_by(policy.cosigners(each.key for each in opened.cosigned))


def governor(folder: Path, *command: str) -> dict[str, Any]:
    """Run a governor's command of the real program in a folder, and return what it says."""
    done = subprocess.run(
        [*PROGRAM, *command, "--network", "network.json", "--json"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
