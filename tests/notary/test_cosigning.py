from __future__ import annotations

import asyncio
import shutil
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from contracts import tlog
from notaries import entries, entry, fill, head_of
from notary import cosigning
from notary.errors import LogDamaged
from notary.http_client import WitnessAway, WitnessClient
from notary.log import Step
from witnesses import PATIENT, Town, make_notary, office, offices, witness_key

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine
    from pathlib import Path

NAMES = ["n1", "n2", "n3", "n4", "n5"]


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def five(tmp_path: Path) -> list[Path]:
    return [make_notary(tmp_path, name) for name in NAMES]


async def test_five_notaries_witness_each_other(town: Town, five: list[Path]) -> None:
    async with offices(town, five, 4) as all_of_them:
        for number, one in enumerate(all_of_them):
            assert (await one.submit(entries(number + 1, one.name))).status_code == 202
        for number, one in enumerate(all_of_them):
            await one.cosigned(number + 1, *NAMES)
            await one.cosigned(number + 1, *NAMES, where="/v1/witnessed")
            for other in all_of_them:
                path = f"/{tlog.origin_hash(one.notary.log.origin)}/checkpoint"
                raw = (await other.client.get(path)).content
                seen = tlog.open_checkpoint(raw, [one.notary.log.signer.key], [witness_key(other.folder)])
                assert (seen.checkpoint.size, len(seen.cosigned)) == (number + 1, 1)


async def test_a_proof_under_a_quorum_is_witnessed_and_under_less_logged(town: Town, five: list[Path]) -> None:
    async with offices(town, five, 4) as all_of_them:
        one = all_of_them[0]
        await one.submit(entries(3))
        await one.cosigned(3, *NAMES)
        assert await said(one.client, one.notary.policy, 3) == "witnessed"
        town.down |= {"n4"}
        await one.submit([entry("with one away")])
        await one.cosigned(4, "n1", "n2", "n3", "n5")
        assert await said(one.client, one.notary.policy, 4) == "witnessed"
        town.down |= {"n5"}
        await one.submit([entry("with two away")])
        await one.cosigned(5, "n1", "n2", "n3")
        assert await said(one.client, one.notary.policy, 5) == "logged"
        # The last witnessed checkpoint stays to be had.
        await one.cosigned(4, "n1", "n2", "n3", "n5", where="/v1/witnessed")
        status = (await one.client.get("/readyz")).json()
        assert (status["status"], status["witnesses"]["n5"]) == ("pass", "it cannot be reached")
        # Back again, they cosign what there is, though nothing new came.
        town.down.clear()
        await one.cosigned(5, *NAMES, where="/v1/witnessed")
        assert await said(one.client, one.notary.policy, 5) == "witnessed"


async def said(client: httpx.AsyncClient, policy: tlog.Policy, size: int) -> str:
    """Return the word that the first entry's proof gets offline."""
    note = (await client.get("/checkpoint")).content
    fetched = {path: (await client.get(f"/{path}")).content for path in tlog.tiles_needed([0], size)}
    bundle = tlog.tile_at(None, 0, size)
    assert bundle is not None
    first = tlog.read_bundle((await client.get(f"/{bundle.path}")).content, size)[0]
    proof = tlog.LogProof(0, tlog.prove(0, size, fetched.__getitem__), note).encode()
    logged = tlog.verify_logged(proof, first, policy)
    if logged.witnessed or not policy.asks_for_witnesses:
        assert tlog.verify_proof(proof, first, policy) == logged
    else:
        with pytest.raises(tlog.QuorumMissing):
            tlog.verify_proof(proof, first, policy)
    return logged.word


async def test_witnesses_unreachable_at_the_start_it_waits_and_goes_on_taking_and_serving(
    town: Town, five: list[Path]
) -> None:
    fill(five[0], entries(3))
    before = (five[0] / "checkpoint").read_bytes()
    async with office(town, five[0], five[1:], 3) as one:
        status = await one.says("waiting for witnesses: 0 of 4")
        assert status["status"] == "fail"
        assert (await one.submit([entry("new")])).json() == {"indices": [3]}
        assert (await one.client.get("/checkpoint")).content == before
        async with AsyncExitStack() as stack:
            for folder in five[1:3]:
                await stack.enter_async_context(office(town, folder, (), 0, five))
            await one.says("waiting for witnesses: 2 of 4")
            assert head_of(five[0])[0] == 3
            await stack.enter_async_context(office(town, five[3], (), 0, five))
            await one.cosigned(4, "n2", "n3", "n4")
            assert (await one.client.get("/readyz")).json()["status"] == "pass"


async def test_what_was_journalled_while_it_waited_is_signed_after_a_restart_too(town: Town, five: list[Path]) -> None:
    async with office(town, five[0], five[1:], 3) as one:
        assert (await one.submit(entries(2))).json() == {"indices": [0, 1]}
    async with office(town, five[0], five[1:], 3) as one, everybody_else(town, five):
        await one.cosigned(2, *NAMES[1:])


@asynccontextmanager
async def everybody_else(town: Town, five: list[Path]) -> AsyncGenerator[None]:
    """Run the other four as witnesses."""
    async with AsyncExitStack() as stack:
        for folder in five[1:]:
            await stack.enter_async_context(office(town, folder, (), 0, five))
        yield


async def test_a_log_restored_from_an_hour_ago_refuses_to_sign(town: Town, five: list[Path], tmp_path: Path) -> None:
    async with everybody_else(town, five):
        async with office(town, five[0], five[1:], 3) as one:
            await one.submit(entries(3))
            await one.cosigned(3, *NAMES[1:])
        shutil.copytree(five[0], tmp_path / "copy")
        async with office(town, five[0], five[1:], 3) as one:
            await one.submit(entries(5, "later"))
            await one.cosigned(8, *NAMES[1:])
        shutil.rmtree(five[0])
        shutil.copytree(tmp_path / "copy", five[0])
        before = (five[0] / "checkpoint").read_bytes()
        async with office(town, five[0], five[1:], 3, five[1:]) as one:
            status = await one.says("rolled back: witness n")
            assert "it has cosigned 8 entries, this log had signed 3" in str(status["output"])
            assert status["status"] == "fail"
            answer = await one.submit([entry("another fourth")])
            assert (answer.status_code, answer.json()["code"]) == (503, "log-stopped")
            assert (await one.client.get("/checkpoint")).content == before
            # What it cosigned of others lay in the same folder: it cosigns nothing.
            request = tlog.WitnessRequest(0, (), (five[1] / "checkpoint").read_bytes()).encode()
            assert (await one.client.post("/add-checkpoint", content=request)).status_code == 503
        assert (five[0] / "checkpoint").read_bytes() == before


async def test_a_log_that_goes_on_differently_than_it_was_cosigned_refuses_to_sign(
    town: Town, five: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(five[0], tmp_path / "copy")
    async with everybody_else(town, five):
        async with office(town, five[0], five[1:], 3) as one:
            await one.submit(entries(3))
            await one.cosigned(3, *NAMES[1:])
        shutil.rmtree(five[0])
        shutil.copytree(tmp_path / "copy", five[0])
        fill(five[0], entries(6, "another history"))
        async with office(town, five[0], five[1:], 3) as one:
            await one.says("rolled back: witness n")
            await one.submit([entry("more")])
        assert head_of(five[0])[0] == 6


class Crashed(BaseException):
    """The process ended here."""


async def test_an_unsigned_decision_is_not_signed_before_the_witnesses_are_heard(town: Town, five: list[Path]) -> None:
    def crash(step: Step) -> None:
        if step is Step.SWAPPED:
            raise Crashed

    with pytest.raises(Crashed):
        fill(five[0], entries(3), after=crash)
    async with office(town, five[0], five[1:], 3) as one:
        await one.says("waiting for witnesses")
        assert head_of(five[0])[0] == 0
        async with everybody_else(town, five):
            await one.cosigned(3, *NAMES[1:])


def garbage(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"\xffgarbage\n\n\n")


def wrong_key(request: httpx.Request) -> httpx.Response:
    stranger = tlog.make_signer("n5.example/log/witness", b"\x33" * 32, tlog.COSIGNATURE)
    asked = tlog.read_witness_request(request.content)
    return httpx.Response(200, content=tlog.cosign(tlog.read_checkpoint(asked.checkpoint)[0], stranger, 5))


def huge(_request: httpx.Request) -> httpx.Response:
    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield b"x" * 4096

    return httpx.Response(200, content=endless())


def elsewhere(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(302, headers={"location": "http://n1.test/checkpoint"})


def squeezed(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": "gzip"}, content=b"\x1f\x8b")


def a_smaller_size_each_time(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(409, headers={"content-type": "text/x.tlog.size"}, content=b"0\n")


def no_size(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(409, headers={"content-type": "text/x.tlog.size"}, content=b"many\n")


def an_error(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(500)


def not_known(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(404)


@pytest.mark.parametrize(
    ("answer", "stands"),
    [
        (garbage, "no answer of a witness"),
        (wrong_key, "no answer of a witness"),
        (huge, "too long"),
        (elsewhere, "it answered 302"),
        (squeezed, "an encoding that nobody asked for"),
        (a_smaller_size_each_time, "another size each time"),
        (no_size, "409 without a size"),
        (an_error, "it answered 500"),
        (not_known, "it answered 404"),
    ],
)
async def test_a_hostile_witness_delays_nobody_and_is_named(
    town: Town, five: list[Path], answer: Callable[[httpx.Request], httpx.Response], stands: str
) -> None:
    async def answered(request: httpx.Request) -> httpx.Response:
        return answer(request)

    async with everybody_else(town, five), office(town, five[0], five, 4, five) as one:
        town.answer("n5", answered)
        await one.submit(entries(3))
        await one.cosigned(3, *NAMES[:4], where="/v1/witnessed")
        await one.says(stands, "n5")
        await one.submit(entries(3, "more"))
        await one.cosigned(6, *NAMES[:4], where="/v1/witnessed")
        assert (await one.client.get("/readyz")).json()["status"] == "pass"


async def hanging(_request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(PATIENT)
    raise AssertionError


async def test_a_witness_that_hangs_delays_no_quorum(town: Town, five: list[Path]) -> None:
    town.patience = PATIENT
    async with everybody_else(town, five), office(town, five[0], five, 4, five) as one:
        town.answer("n5", hanging)
        for number in range(1, 6):
            await one.submit([entry(number)])
            await one.cosigned(number, *NAMES[:4], where="/v1/witnessed")


async def test_the_logs_own_signature_is_shown_before_any_witness_answers(town: Town, five: list[Path]) -> None:
    town.patience = PATIENT
    async with everybody_else(town, five), office(town, five[0], five[1:], 4) as one:
        await one.submit(entries(3))
        await one.cosigned(3, *NAMES[1:])
        for name in NAMES[1:]:
            town.answer(name, hanging)
        await one.submit(entries(3, "more"))
        await one.cosigned(6)
        await one.submit(entries(3, "still more"))
        await one.cosigned(9)


async def ahead(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(409, headers={"content-type": "text/x.tlog.size"}, content=b"1000\n")


async def test_one_liar_stops_no_running_log_and_a_quorum_of_them_does(town: Town, five: list[Path]) -> None:
    async with everybody_else(town, five), office(town, five[0], five[1:], 3) as one:
        await one.submit(entries(3))
        await one.cosigned(3, *NAMES[1:])
        town.answer("n2", ahead)
        await one.submit(entries(3, "more"))
        await one.cosigned(6, "n3", "n4", "n5")
        assert (await one.client.get("/readyz")).json()["status"] == "pass"
        town.answer("n3", ahead)
        town.answer("n4", ahead)
        await one.submit(entries(3, "still more"))
        await one.says("rolled back")


async def test_one_witness_that_is_ahead_at_the_start_is_enough_to_refuse(town: Town, five: list[Path]) -> None:
    async with everybody_else(town, five):
        town.answer("n2", ahead)
        town.down |= {"n3", "n4", "n5"}
        async with office(town, five[0], five[1:], 3) as one:
            await one.says("rolled back: witness n2")


async def test_a_log_that_does_not_grow_is_cosigned_anew(
    town: Town, five: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosigning, "REFRESH", 0.01)
    async with everybody_else(town, five), office(town, five[0], five, 4, five) as one:
        await one.submit(entries(3))
        first = await one.cosigned(3, *NAMES)
        one.clock.forward(3600)
        async with asyncio.timeout(30):
            while True:
                later = {each.key: each.time for each in (await one.checkpoint()).cosigned}
                own = witness_key(five[0])
                assert set(later) == {each.key for each in first.cosigned}
                if later[own] == int(one.clock().timestamp()):
                    break
                await asyncio.sleep(0)


async def test_a_damaged_tile_of_our_own_is_blamed_on_no_witness(town: Town, five: list[Path]) -> None:
    fill(five[0], entries(300))
    async with office(town, five[0], five[1:], 3) as one:
        head = one.notary.log.published
        proof = one.notary.cosigning._proof(20, head)
        tlog.verify_consistency(20, tlog.TileReader(20, one.notary.log.files.fetch).root(), 300, head.root, proof)
        path = five[0] / "tile/0/000"
        sound = path.read_bytes()
        for at in range(0, len(sound), 997):
            path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
            with pytest.raises(LogDamaged):
                one.notary.cosigning._proof(20, head)


async def test_known_entries_that_come_again_ask_no_witness(town: Town, five: list[Path]) -> None:
    async with everybody_else(town, five), office(town, five[0], five[1:], 3) as one:
        await one.submit(entries(3))
        await one.cosigned(3, *NAMES[1:])
        town.asked.clear()
        for _ in range(5):
            one.notary.sequencer.news.clear()
            await one.submit(entries(3))
            await one.notary.sequencer.news.wait()
        await one.submit([entry("new")])
        await one.cosigned(4, *NAMES[1:])
        assert sorted(town.asked) == NAMES[1:]


async def test_a_policy_of_no_quorum_is_never_witnessed(town: Town, five: list[Path]) -> None:
    async with office(town, five[0], (), 0) as one:
        await one.submit(entries(3))
        await one.cosigned(3)
        assert await said(one.client, one.notary.policy, 3) == "logged"
        assert (await one.client.get("/v1/witnessed")).status_code == 404
        assert "witnesses" not in (await one.client.get("/readyz")).json()


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n.")
    await writer.drain()
    await reader.read()


async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01\x02 nonsense\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("behaviour", "reason"), [(silent, "in time"), (dripping, "in time"), (nonsense, "cannot be reached")]
)
async def test_a_real_server_that_does_not_answer_as_a_witness_is_away(
    behaviour: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]], reason: str
) -> None:
    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await behaviour(reader, writer)
        writer.close()
        left.set()

    left = asyncio.Event()
    server = await asyncio.start_server(met, "127.0.0.1", 0)
    client = WitnessClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", patience=0.2)
    with pytest.raises(WitnessAway, match=reason):
        await client.add_checkpoint(b"old 0\n\n")
    await client.close()
    await left.wait()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("url", ["ftp://nowhere", "http://[", "nonsense", "http://127.0.0.1:1"])
async def test_an_address_that_leads_nowhere_is_away(url: str) -> None:
    client = WitnessClient(url)
    with pytest.raises(WitnessAway, match="cannot be reached"):
        await client.add_checkpoint(b"old 0\n\n")
    await client.close()
