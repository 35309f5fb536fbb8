from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import tlog
from contracts.tlog import note
from notaries import Clock, new_log
from notary import disk
from notary.errors import SettingRefused, WitnessStopped
from notary.log import open_log
from notary.witness import FOLDER, KEY, Witness, read_cosigner, read_known_logs
from witnesses import Office, Town, log_key, make_notary, office

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

LOG = tlog.make_signer("other.example/log", b"\x01" * 32)
STRANGER = tlog.make_signer("stranger.example/log", b"\x02" * 32)
LEAVES = [tlog.leaf_hash(bytes([number])) for number in range(64)]
FORKED = [*LEAVES[:20], *(tlog.leaf_hash(bytes([number, 1])) for number in range(44))]


def head(size: int, leaves: list[bytes] = LEAVES) -> tlog.Checkpoint:
    return tlog.Checkpoint(LOG.key.name, size, tlog.tree_root(leaves[:size]))


def body(old: int, size: int, leaves: list[bytes] = LEAVES) -> bytes:
    proof = tlog.leaves_prover(leaves[:size]).consistency(old, size) if old <= size else ()
    return tlog.WitnessRequest(old, proof, tlog.sign_checkpoint(head(size, leaves), LOG)).encode()


def a_witness(folder: Path, clock: Clock | None = None) -> Witness:
    folder.mkdir(exist_ok=True)
    return Witness(folder / FOLDER, read_cosigner(folder, "w.example"), (LOG.key,), clock or Clock())


def recorded(witness: Witness) -> tlog.Checkpoint | None:
    """Return what a witness has on disk for the log, both signatures on it verified."""
    path = witness.path(LOG.key.name)
    if not path.exists():
        return None
    opened = tlog.open_checkpoint(path.read_bytes(), [LOG.key], [witness.signer.key])
    assert [one.key for one in opened.cosigned] == [witness.signer.key]
    return opened.checkpoint


async def asked(town: Office, raw: bytes) -> httpx.Response:
    return await town.client.post("/add-checkpoint", content=raw)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return make_notary(tmp_path, "w1")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A log's folder of which only the key is used: the tests play its notary."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "log.key").write_text(LOG.secret_text(), encoding="ascii")
    return folder


async def test_a_checkpoint_is_cosigned_as_another_library_reads_the_specification(log: Path, other: Path) -> None:
    async with office(Town(), log, (), 0, [other]) as notary:
        answer = await asked(notary, body(0, 5))
        assert answer.status_code == 200
        key, now = notary.notary.witness.signer.key, int(notary.clock().timestamp())
    dash, name, coded = answer.text.removesuffix("\n").split(" ")
    blob = note.decode(coded)
    assert (dash, name, answer.text[-1]) == ("—", "w1.example/log/witness", "\n")
    assert blob is not None
    assert (blob[:4], int.from_bytes(blob[4:12], "big"), len(blob)) == (key.id, now, 76)
    stated = f"cosignature/v1\ntime {now}\n{head(5).text()}".encode()
    Ed25519PublicKey.from_public_bytes(key.public).verify(blob[12:], stated)


async def test_each_refusal_has_the_status_of_the_specification(log: Path, other: Path) -> None:
    forged = tlog.sign_checkpoint(head(5), tlog.make_signer(LOG.key.name, b"\x07" * 32))
    elsewhere = tlog.sign_checkpoint(tlog.Checkpoint(STRANGER.key.name, 0, tlog.EMPTY_ROOT), STRANGER)
    rootless = tlog.sign_checkpoint(tlog.Checkpoint(LOG.key.name, 0, bytes(32)), LOG)
    async with office(Town(), log, (), 0, [other]) as notary:
        for raw, status in (
            (b"", 400),
            (b"old 0\n" + b"AAAA\n\n", 400),
            (b"old 0\n\nno note", 400),
            (b"x" * (tlog.MAX_REQUEST + 1), 400),
            (tlog.WitnessRequest(0, (), forged).encode(), 403),
            (tlog.WitnessRequest(0, (), elsewhere).encode(), 404),
            (body(6, 5), 400),
            (tlog.WitnessRequest(0, (bytes(32),), tlog.sign_checkpoint(head(5), LOG)).encode(), 422),
            (tlog.WitnessRequest(0, (), rootless).encode(), 422),
        ):
            answer = await asked(notary, raw)
            assert answer.status_code == status, raw
            assert answer.headers["content-type"] == "application/problem+json"
        assert recorded(notary.notary.witness) is None
        for raw in (body(0, 5), body(5, 9)):
            assert (await asked(notary, raw)).status_code == 200
        for raw in (body(0, 5), body(5, 9), body(0, 0), body(8, 20)):
            answer = await asked(notary, raw)
            assert (answer.status_code, answer.content) == (409, b"9\n")
            assert answer.headers["content-type"] == "text/x.tlog.size"
        wrong = tlog.WitnessRequest(9, (), tlog.sign_checkpoint(head(12), LOG)).encode()
        assert (await asked(notary, wrong)).status_code == 422
        assert (await notary.client.get("/add-checkpoint")).status_code == 405
        assert recorded(notary.notary.witness) == head(9)


async def test_what_was_cosigned_last_is_served_under_the_hash_of_the_origin(log: Path, other: Path) -> None:
    async with office(Town(), log, (), 0, [other]) as notary:
        path = f"/{tlog.origin_hash(LOG.key.name)}/checkpoint"
        assert (await notary.client.get(path)).status_code == 404
        line = (await asked(notary, body(0, 5))).content
        answer = await notary.client.get(path)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.content == tlog.sign_checkpoint(head(5), LOG) + line
        for path in ("/x/checkpoint", f"/{tlog.origin_hash(STRANGER.key.name)}/checkpoint", "/log.key/checkpoint"):
            assert (await notary.client.get(path)).status_code == 404


async def test_a_second_root_for_a_size_is_refused_and_kept_as_proof(log: Path, other: Path) -> None:
    async with office(Town(), log, (), 0, [other]) as notary:
        assert (await asked(notary, body(0, 30))).status_code == 200
        answer = await asked(notary, body(30, 30, FORKED))
        assert (answer.status_code, answer.json()["code"]) == (422, "split-view")
        kept = notary.notary.witness.path(LOG.key.name).with_suffix(".split").read_bytes()
        assert tlog.open_checkpoint(kept, [LOG.key]).checkpoint == head(30, FORKED)
        assert recorded(notary.notary.witness) == head(30)


def test_a_log_that_did_not_grow_is_cosigned_again_at_a_later_time(tmp_path: Path) -> None:
    clock = Clock()
    witness = a_witness(tmp_path / "w", clock)
    first = times_of(witness, witness.add_checkpoint(body(0, 5)))
    clock.forward(60)
    assert times_of(witness, witness.add_checkpoint(body(5, 5))) == [first[0] + 60]


def times_of(witness: Witness, line: bytes) -> list[int]:
    last = recorded(witness)
    assert last is not None
    opened = tlog.open_checkpoint(tlog.sign_checkpoint(last, LOG) + line, [LOG.key], [witness.signer.key])
    return [one.time for one in opened.cosigned if one.time is not None]


def test_a_clock_that_goes_back_takes_no_time_back(tmp_path: Path) -> None:
    clock = Clock()
    witness = a_witness(tmp_path / "w", clock)
    start = int(clock().timestamp())
    witness.add_checkpoint(body(0, 5))
    clock.now -= timedelta(days=400)
    assert times_of(witness, witness.add_checkpoint(body(5, 6))) == [start]


def test_what_was_cosigned_is_known_after_a_restart(tmp_path: Path) -> None:
    a_witness(tmp_path / "w").add_checkpoint(body(0, 9))
    with pytest.raises(tlog.WitnessedOther) as refused:
        a_witness(tmp_path / "w").add_checkpoint(body(0, 12))
    assert refused.value.size == 9
    a_witness(tmp_path / "w").add_checkpoint(body(9, 12))


class Crashed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("stored", [False, True])
def test_a_crash_around_the_storing_leaves_the_old_record_or_the_new_one_and_no_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    witness = a_witness(tmp_path / "w")
    witness.add_checkpoint(body(0, 9))
    write = disk.write_file

    def crashing(path: Path, raw: bytes, mode: int = disk.SHARED) -> None:
        if stored:
            write(path, raw, mode)
        raise Crashed

    with monkeypatch.context() as patched:
        patched.setattr(disk, "write_file", crashing)
        with pytest.raises(Crashed):
            witness.add_checkpoint(body(9, 30, FORKED))
    again = a_witness(tmp_path / "w")
    if stored:
        assert recorded(again) == head(30, FORKED)
        with pytest.raises(tlog.WitnessedOther):
            again.add_checkpoint(body(9, 30))
        with pytest.raises(tlog.SplitView):
            again.add_checkpoint(body(30, 30))
    else:
        assert recorded(again) == head(9)
        again.add_checkpoint(body(9, 30))


def test_a_disk_that_cannot_be_written_gives_no_signature(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")
    (tmp_path / "w" / FOLDER).write_bytes(b"in the way")
    with pytest.raises(WitnessStopped):
        witness.add_checkpoint(body(0, 9))


def test_a_damaged_record_is_cosigned_over_by_nobody(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")
    witness.add_checkpoint(body(0, 9))
    path = witness.path(LOG.key.name)
    good = path.read_bytes()
    text = len(head(9).text())
    for at in (*range(text), text + 3, len(good) - 5):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(WitnessStopped):
            witness.add_checkpoint(body(9, 12))
    for broken in (b"", good[:40], tlog.sign_checkpoint(head(9), LOG)):
        path.write_bytes(broken)
        with pytest.raises(WitnessStopped):
            witness.add_checkpoint(body(9, 12))
    path.write_bytes(good)
    witness.add_checkpoint(body(9, 12))


def test_the_record_of_another_log_put_in_its_place_is_noticed(tmp_path: Path) -> None:
    second = tlog.make_signer("second.example/log", b"\x05" * 32)
    witness = a_witness(tmp_path / "w")
    witness.logs = (LOG.key, second.key)
    witness.add_checkpoint(body(0, 9))
    empty = tlog.sign_checkpoint(tlog.Checkpoint(second.key.name, 0, tlog.EMPTY_ROOT), second)
    witness.add_checkpoint(tlog.WitnessRequest(0, (), empty).encode())
    shutil.copy(witness.path(second.key.name), witness.path(LOG.key.name))
    with pytest.raises(WitnessStopped):
        witness.add_checkpoint(body(0, 12))


def test_of_many_who_go_on_from_one_size_at_once_one_is_cosigned(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")

    def go_on(request: bytes) -> tlog.Checkpoint | None:
        try:
            witness.add_checkpoint(request)
        except (tlog.WitnessedOther, tlog.HistoriesDiffer):
            return None
        return tlog.read_checkpoint(tlog.read_witness_request(request).checkpoint)[0]

    with ThreadPoolExecutor(16) as threads:
        last = head(0)
        for size in range(4, 64, 4):
            bodies = [body(last.size, size - back, leaves) for back in range(4) for leaves in (LEAVES, FORKED)] * 2
            done = [one for one in threads.map(go_on, bodies) if one is not None]
            assert len(done) == 1
            assert recorded(witness) == done[0]
            last = done[0]


async def test_over_http_too_one_of_many_is_cosigned(log: Path, other: Path) -> None:
    async with office(Town(), log, (), 0, [other]) as notary:
        answers = await asyncio.gather(*(asked(notary, body(0, 20 + number)) for number in range(20)))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=25))
def test_whatever_is_asked_one_history_is_cosigned_and_it_only_grows(
    tmp_path_factory: pytest.TempPathFactory, asked_for: list[tuple[int, int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("w")
    cosigned: list[tuple[int, list[bytes]]] = [(0, LEAVES)]
    for old, size, forked in asked_for:
        leaves = FORKED if forked else LEAVES
        witness = a_witness(folder)  # each time anew, as after a restart
        try:
            witness.add_checkpoint(body(old, size, leaves))
        except (tlog.WitnessRequestRefused, tlog.WitnessedOther, tlog.HistoriesDiffer):
            continue
        last, history = cosigned[-1]
        assert last == old <= size
        assert history[:last] == leaves[:last]
        cosigned.append((size, leaves))
        assert recorded(witness) == head(size, leaves)
    # An honest log is always let through: what is asked rightly is cosigned.
    size, leaves = cosigned[-1]
    a_witness(folder).add_checkpoint(body(size, 64, leaves))


def test_the_cosigning_key_is_made_once_and_is_no_logs_key(tmp_path: Path) -> None:
    log = new_log(tmp_path / "log")
    first = read_cosigner(log, "training.example/log")
    assert read_cosigner(log, "training.example/log") == first
    assert (first.key.kind, first.key.name) == (tlog.COSIGNATURE, "training.example/log/witness")
    assert (log / KEY).stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingRefused, match="line 1"):
        read_known_logs(written(tmp_path, str(first.key)))


def written(folder: Path, text: str) -> Path:
    path = folder / "logs"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_known_logs_are_read_one_a_line(tmp_path: Path) -> None:
    found = read_known_logs(written(tmp_path, f"# logs\n\n{LOG.key}\n  {STRANGER.key}  \n"))
    assert found == (LOG.key, STRANGER.key)
    with pytest.raises(SettingRefused, match="line 3"):
        read_known_logs(written(tmp_path, f"{LOG.key}\n\nnonsense\n"))
    with pytest.raises(SettingRefused):
        read_known_logs(tmp_path / "nowhere")


def test_a_notarys_own_log_is_known_to_its_witness(log: Path) -> None:
    opened = open_log(log)
    try:
        witness = Witness(log / FOLDER, read_cosigner(log, "x"), (log_key(log),), Clock())
        request = tlog.WitnessRequest(0, (), (log / "checkpoint").read_bytes())
        assert witness.add_checkpoint(request.encode()).startswith("—".encode())
    finally:
        opened.close()
