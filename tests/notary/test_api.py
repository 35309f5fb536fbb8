from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

import plain_tlog
from contracts import tlog
from contracts.encoding import b64, compact
from notaries import Desk, body_of, desk, entries, entry, fill, head_of, new_log, read_whole, signed_headers, vkey
from notary.agencies import Agencies
from notary.errors import LogStopped
from notary.index import Head
from notary.rounds import Rounds
from notary.sequencer import Sequencer
from small_network import NOW, directory

if TYPE_CHECKING:
    from pathlib import Path

    import httpx


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return new_log(tmp_path / "log")


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    """Assert that an answer is a problem document of this kind and repeats nothing that was sent."""
    found = answer.json()
    assert (answer.status_code, found["code"], found["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(found) == {"code", "instance", "status", "title", "type"}
    sent = answer.request.content.decode("utf-8", "replace")
    assert len(sent) < 20 or sent[12:40] not in answer.text
    for name, value in answer.request.headers.items():
        assert not name.startswith("landfall-") or not value or value not in answer.text


async def test_submitted_entries_are_answered_with_their_indices_and_come_under_a_checkpoint(log: Path) -> None:
    async with desk(log) as notary:
        assert await notary.indices(entries(3)) == [0, 1, 2]
        assert await notary.indices([entry("x"), entry(1)]) == [3, 1]
        await notary.published(4)
        answer = await notary.client.get("/checkpoint")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert plain_tlog.open_checkpoint(answer.content, vkey(log))[0] == 4
    assert read_whole(log) == [*entries(3), entry("x")]


async def test_the_empty_log_serves_a_signed_checkpoint_and_no_tile(log: Path) -> None:
    async with desk(log) as notary:
        answer = await notary.client.get("/checkpoint")
        assert plain_tlog.open_checkpoint(answer.content, vkey(log)) == (0, plain_tlog.sha())
        assert_problem(await notary.client.get("/tile/0/000.p/1"), 404, "not-found")


async def test_everybody_can_make_a_proof_file_from_what_is_served(log: Path) -> None:
    fill(log, entries(700))
    async with desk(log) as notary:
        checkpoint = (await notary.client.get("/checkpoint")).content
        wanted = [0, 255, 256, 699]
        served = {path: (await notary.client.get(f"/{path}")).content for path in tlog.tiles_needed(wanted, 700)}
    policy = tlog.read_policy(f"log {vkey(log)}\nquorum none\n".encode())
    kept: dict[str, tuple[bytes, ...]] = {}
    for index in wanted:
        proof = tlog.LogProof(index, tlog.prove(index, 700, served.__getitem__, kept), checkpoint)
        assert tlog.verify_proof(proof.encode(), entries(700)[index], policy).word == "logged"
        with pytest.raises(tlog.LogProofRefused):
            tlog.verify_proof(proof.encode(), entry("another"), policy)


async def test_the_second_reader_reads_the_whole_log_over_http(log: Path) -> None:
    fill(log, entries(300), entries(300, "more"))
    async with desk(log) as notary:
        served = {}
        for path in plain_tlog.tile_paths(600):
            answer = await notary.client.get(f"/{path}")
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            served[path] = answer.content
    assert plain_tlog.read_log(600, served.__getitem__) == entries(300) + entries(300, "more")


async def test_tiles_of_an_older_size_are_served_after_the_log_has_grown(log: Path) -> None:
    fill(log, entries(300), entries(300, "more"))
    async with desk(log) as notary:
        served = {path: (await notary.client.get(f"/{path}")).content for path in plain_tlog.tile_paths(300)}
    assert plain_tlog.read_log(300, served.__getitem__) == entries(300)


async def test_nothing_beyond_the_checkpoint_is_served(log: Path) -> None:
    fill(log, entries(300))
    async with desk(log, interval=60) as notary:
        await notary.indices(entries(300, "waiting"))
        for path in ("tile/0/001", "tile/0/001.p/45", "tile/0/002", "tile/1/000.p/2", "tile/2/000.p/1"):
            assert_problem(await notary.client.get(f"/{path}"), 404, "not-found")
        for path in ("tile/0/0", "tile/0/x000/000", "tile/64/000", "tile/entries/000.p/0", "tile/", "tile/../log.key"):
            answer = await notary.client.get(f"/{path}")
            assert (answer.status_code, answer.json()["status"]) == (404, 404)


async def test_the_same_entries_in_many_submissions_at_once_are_entered_once(log: Path) -> None:
    async with desk(log) as notary:
        wanted = entries(40)
        found = await asyncio.gather(
            *(
                notary.indices(wanted[start : start + 10], agency=agency)
                for start in range(31)
                for agency in ("be-fp", "hu-fp")
            )
        )
        await notary.published(40)
    places = {one: index for index, one in enumerate(read_whole(log))}
    assert sorted(places) == sorted(wanted)
    assert found == [[places[one] for one in wanted[start : start + 10]] for start in range(31) for _agency in range(2)]


async def test_an_entry_keeps_its_index_across_restarts(log: Path) -> None:
    async with desk(log, interval=60) as notary:
        assert await notary.indices(entries(3)) == [0, 1, 2]
    async with desk(log) as notary:
        assert await notary.indices([entry("first"), *entries(3)]) == [3, 0, 1, 2]
        await notary.published(4)
    async with desk(log) as notary:
        assert await notary.indices(entries(3)) == [0, 1, 2]
    assert read_whole(log) == [*entries(3), entry("first")]


async def test_what_waited_at_the_last_stop_is_signed_without_anybody_asking(log: Path) -> None:
    async with desk(log, interval=60) as notary:
        await notary.indices(entries(3))
        assert head_of(log)[0] == 0
    async with desk(log) as notary:
        await notary.published(3)
    assert read_whole(log) == entries(3)


async def test_512_entries_are_taken_and_513_or_none_are_not(log: Path) -> None:
    async with desk(log) as notary:
        assert await notary.indices(entries(512)) == list(range(512))
        assert_problem(await notary.submit(entries(513, "more")), 422, "entry-count")
        assert_problem(await notary.submit([]), 422, "entry-count")
        assert notary.log.journal.end == 512


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x01" + bytes(31), "entry-size"),
        (b"\x01" + bytes(33), "entry-size"),
        (b"\x01", "entry-size"),
        (b"", "entry"),
        (b"\x00" + bytes(32), "entry"),
        (b"\x02" + bytes(31), "entry-size"),
        (b"\x03" + bytes(33), "entry-size"),
        (b"\x10", "entry-size"),
        (b"\x10{}", "statement"),
        (b"\x10{", "statement"),
    ],
)
async def test_one_bad_entry_refuses_the_whole_submission(log: Path, bad: bytes, code: str) -> None:
    async with desk(log) as notary:
        assert_problem(await notary.submit([*entries(3), bad]), 422, code)
        assert notary.log.journal.end == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"entries":{}}',
        b'{"entries":"AQ"}',
        b'{"entries":[1]}',
        b'{"entries":[null]}',
        b'{"entries":["AQ="]}',
        b'{"entries":["A!"]}',
        b'{"entries":[],"entries":[]}',
        b'{"entries":["AQ"],"more":1}',
        b"\xff\xfe",
        b'{"entries":' + b"[" * 40,
    ],
)
async def test_a_body_that_is_no_submission_is_refused(log: Path, body: bytes) -> None:
    async with desk(log) as notary:
        answer = await notary.client.post("/v1/entries", content=body, headers=signed_headers(body))
        assert_problem(answer, 400, "format")


async def test_a_body_that_is_too_large_is_refused_before_it_is_read_whole(log: Path) -> None:
    async with desk(log) as notary:
        body = b" " * 131_073
        answer = await notary.client.post("/v1/entries", content=body, headers=signed_headers(body))
        assert_problem(answer, 413, "body-size")


async def submitted(notary: Desk, headers: dict[str, str], wanted: Any = None) -> httpx.Response:
    body = body_of(wanted or entries(2))
    return await notary.client.post("/v1/entries", content=body, headers=headers)


async def test_an_unsigned_a_forged_and_an_unknown_submitter_are_refused(log: Path) -> None:
    body = body_of(entries(2))
    good = signed_headers(body)
    cases = {
        "request": [
            {},
            *({name: text for name, text in good.items() if name != left} for left in good),
            good | {"Landfall-Nonce": b64(bytes(15))},
            good | {"Landfall-Time": "now"},
        ],
        "bad-signature": [
            signed_headers(body, seed=b"\x09" * 32),
            signed_headers(body_of(entries(1))),
            signed_headers(body, path="/v1/entries/"),
            good | {"Landfall-Agency": "hu-fp"},
            good | {"Landfall-Nonce": b64(bytes(16))},
        ],
        "unknown-agency": [signed_headers(body, "ro-fp"), signed_headers(body, "nobody")],
    }
    async with desk(log) as notary:
        for code, many in cases.items():
            for headers in many:
                assert_problem(await submitted(notary, headers), 401, code)
        assert notary.log.journal.end == 0
        assert (await submitted(notary, good)).status_code == 202


async def test_a_header_that_stands_twice_counts_as_none(log: Path) -> None:
    body = body_of(entries(2))
    good = list(signed_headers(body).items())
    async with desk(log) as notary:
        answer = await notary.client.post("/v1/entries", content=body, headers=[*good, good[0]])
        assert_problem(answer, 401, "request")


@pytest.mark.parametrize("seconds", [-601, 601, 86_400])
async def test_a_time_outside_the_window_is_refused(log: Path, seconds: int) -> None:
    async with desk(log) as notary:
        assert_problem(await notary.submit(entries(2), at=NOW + timedelta(seconds=seconds)), 401, "stale-time")
        assert (await notary.submit(entries(2), at=NOW - timedelta(seconds=600))).status_code == 202
        assert (await notary.submit(entries(2), at=NOW + timedelta(seconds=600))).status_code == 202


async def test_a_replayed_request_is_refused_also_after_a_restart_and_at_once(log: Path) -> None:
    headers = signed_headers(body_of(entries(2)))
    async with desk(log) as notary:
        answers = await asyncio.gather(*(submitted(notary, headers) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    async with desk(log) as notary:
        assert_problem(await submitted(notary, headers), 409, "replayed")
        notary.clock.forward(600)
        assert_problem(await submitted(notary, headers), 409, "replayed")
        notary.clock.forward(1)
        assert_problem(await submitted(notary, headers), 401, "stale-time")
        assert notary.log.journal.end == 2


async def test_two_agencies_may_use_one_nonce(log: Path) -> None:
    async with desk(log) as notary:
        for agency in ("be-fp", "hu-fp"):
            assert (await notary.submit(entries(1), agency=agency, nonce=bytes(16))).status_code == 202


async def test_a_refused_submission_spends_no_nonce(log: Path) -> None:
    async with desk(log) as notary:
        assert_problem(await notary.submit([b"\x02"], nonce=bytes(16)), 422, "entry-size")
        assert (await notary.submit(entries(1), nonce=bytes(16))).status_code == 202


async def test_a_stopped_log_takes_nothing_says_so_and_goes_on_serving(log: Path) -> None:
    fill(log, entries(3))
    async with desk(log) as notary:
        assert (await notary.client.get("/readyz")).json() == {"pending": 0, "size": 3, "status": "pass"}
        notary.log.index.swap(notary.log.head, Head(4, bytes(32)), [entry("somebody else")])
        await notary.indices([entry("mine")])
        while (await notary.client.get("/readyz")).status_code == 200:
            pass
        answer = await notary.submit([entry("mine too")])
        assert_problem(answer, 503, "log-stopped")
        assert answer.headers["retry-after"] == "5"
        assert plain_tlog.open_checkpoint((await notary.client.get("/checkpoint")).content, vkey(log))[0] == 3
        assert (await notary.client.get("/livez")).json() == {"status": "pass"}


async def test_a_large_log_takes_entries_while_it_is_read_and_signs_after_that(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, entries(2_600))
    monkeypatch.setattr("notary.log.READ_BEFORE_SERVING", 0)
    monkeypatch.setattr("notary.log.READ_AT_ONCE", 1)
    reading, taken = threading.Event(), threading.Event()

    def go_on(self: Rounds, _many: int) -> None:
        if self.read == 3:
            reading.set()
            assert taken.wait(30)
        plain(self, 1)

    plain = Rounds.go_on
    monkeypatch.setattr(Rounds, "go_on", go_on)
    async with desk(log) as notary:
        await asyncio.to_thread(reading.wait, 30)
        state = await notary.client.get("/readyz")
        assert (state.status_code, state.json()["status"]) == (200, "warn")
        asked = asyncio.create_task(notary.indices([entry("meanwhile")]))
        taken.set()
        assert await asked == [2_600]
        assert notary.log.published.size == 2_600
        await notary.published(2_601)
        assert (await notary.client.get("/readyz")).json()["status"] == "pass"
    assert read_whole(log)[-1] == entry("meanwhile")


async def test_damage_that_is_found_while_a_large_log_is_served_stops_it_and_is_named(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, entries(2_600))
    monkeypatch.setattr("notary.log.READ_BEFORE_SERVING", 0)
    wrong = log / "tile/0/007"
    wrong.write_bytes(wrong.read_bytes()[:-1] + b"?")
    async with desk(log) as notary:
        with capture_logs() as lines:
            while (state := await notary.client.get("/readyz")).status_code == 200:
                await asyncio.to_thread(lambda: None)
        assert "Damaged: tile/0/007" in state.json()["output"]
        assert (await notary.submit([entry("x")])).status_code == 503
        assert (await notary.client.get("/tile/0/006")).status_code == 200
    assert head_of(log)[0] == 2_600
    assert [(one["event"], one["why"]) for one in lines] == [("log-stopped", state.json()["output"])]


@pytest.mark.parametrize("name", ["tile/0/004", "tile/entries/007", "tile/entries/010.p/40", "tile/1/000.p/10"])
async def test_damage_is_found_while_nobody_submits_anything(
    log: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, entries(2_600))
    monkeypatch.setattr("notary.sequencer.QUIET", 0.02)
    async with desk(log) as notary:
        wrong = log / name
        wrong.write_bytes(wrong.read_bytes()[:-1] + b"?")
        while (state := await notary.client.get("/readyz")).status_code == 200:
            await asyncio.to_thread(lambda: None)
        assert f"Damaged: {name}" in state.json()["output"]
        assert (await notary.submit([entry("x")])).status_code == 503
    assert head_of(log)[0] == 2_600


async def test_a_notary_that_is_stopping_takes_nothing(log: Path) -> None:
    async with desk(log) as notary:
        stopping = Sequencer(notary.log, 1.0, Agencies(directory(), notary.clock))
        with pytest.raises(LogStopped):
            await stopping.submit(entries(1), nonce=b"n", expires=1, now=0)


async def test_a_damaged_tile_is_not_served(log: Path) -> None:
    fill(log, entries(3))
    async with desk(log) as notary:
        (log / "tile/0/000.p/3").write_bytes(bytes(95))
        assert_problem(await notary.client.get("/tile/0/000.p/3"), 503, "log-damaged")


async def test_other_paths_and_methods_are_problems_too(log: Path) -> None:
    async with desk(log) as notary:
        assert_problem(await notary.client.get("/nothing"), 404, "http-404")
        answer = await notary.client.get("/v1/entries")
        assert_problem(answer, 405, "http-405")
        assert answer.headers["allow"] == "POST"
        assert (await notary.client.get("/version")).json()["name"] == "landfall-notary"
        assert (await notary.client.post("/v1/entries", content=compact({}))).status_code == 401
