"""litewitness, a witness that is not ours, cosigns our notary, refuses what we change, and convicts a rollback."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from fastapi import FastAPI
from pysqlite3 import dbapi2

from contracts import tlog
from foreign.mutants import FEW, MANY, mutants, unused_bits
from foreign.tools import ToolMissing
from notaries import Clock, entries, fill
from notary.api import witnessing
from notary.api.problems import answer_refusals
from notary.http_client import WitnessClient
from notary.log import read_published, read_signer
from notary.witness import FOLDER, Witness, read_cosigner
from witnesses import Town, make_notary, office

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from foreign.tools import Judge

pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("foreign-go")]

NAME: Final = "litewitness.example/w1"


@dataclass(frozen=True)
class Litewitness:
    """A running litewitness: where it listens, its public key, and the database in which its operator lists logs."""

    url: str
    key: tlog.NoteKey
    database: Path

    def know(self, key: tlog.NoteKey) -> None:
        """Let it witness a log, as its operator does."""
        nothing = tlog.note.encode(tlog.EMPTY_ROOT)
        with dbapi2.connect(self.database, timeout=30) as database:
            database.execute("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (key.name, nothing))
            database.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (key.name, str(key)))
        database.close()

    def size(self, origin: str) -> int:
        """Return the size that it cosigned last of a log."""
        database = dbapi2.connect(self.database, timeout=30)
        found = database.execute("SELECT tree_size FROM log WHERE origin = ?", (origin,)).fetchone()[0]
        database.close()
        return int(found)

    def policy(self, log: tlog.NoteKey) -> str:
        """Return a policy for which its cosignature is needed."""
        return f"log {log}\nwitness lite {self.key} {self.url}\nquorum lite\n"


@contextmanager
def agent(home: Path) -> Generator[tuple[Path, str]]:
    """Run an ssh-agent that holds a fresh Ed25519 key; give its socket and the key's fingerprint."""
    if not all(map(shutil.which, ("ssh-agent", "ssh-add", "ssh-keygen"))):
        raise ToolMissing("There is no ssh-agent here.")
    sock, key = home / "agent", home / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", key], capture_output=True, text=True, check=True).stdout
    with subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            subprocess.run(["ssh-add", "-q", key], env={"SSH_AUTH_SOCK": str(sock)}, check=True)
            yield sock, shown.split()[1]
        finally:
            process.kill()


@contextmanager
def running(program: Path, home: Path) -> Generator[Litewitness]:
    """Run litewitness on a free port."""
    with socket.socket() as free, agent(home) as (sock, fingerprint):
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        options = ["-name", NAME, "-db", str(home / "db"), "-ssh-agent", str(sock), "-key", fingerprint]
        command = [str(program), *options, "-listen", f"127.0.0.1:{port}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                said = ""
                while "listening" not in said:
                    line = process.stderr.readline()
                    assert line, said
                    said += line
                found = re.search(r"vkey=\"?([^\s\"]+)", said)
                assert found, said
                yield Litewitness(f"http://127.0.0.1:{port}", tlog.read_key(found[1]), home / "db")
            finally:
                process.kill()


@pytest.fixture(scope="module")
def lite(go_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Litewitness]:
    try:
        with running(go_tools / "litewitness", tmp_path_factory.mktemp("lite")) as found:
            yield found
    except ToolMissing as missing:
        pytest.skip(f"No foreign tool: {missing}")


class OurWitness:
    """Our own witness, asked over its app as litewitness is."""

    def __init__(self, folder: Path, known: tlog.NoteKey) -> None:
        folder.mkdir()
        self.witness = Witness(folder / FOLDER, read_cosigner(folder, "ours.example"), (known,), Clock())
        app = FastAPI()
        app.state.notary = self
        app.include_router(witnessing.routes)
        answer_refusals(app)
        self.app = app

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Return the status, and the size where one is named."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ours.test") as client:
                return await client.post("/add-checkpoint", content=body)

        found = asyncio.run(asked())
        return found.status_code, found.content if found.status_code == 409 else b""


async def test_litewitness_cosigns_our_notary_and_everybodys_verifiers_agree(
    lite: Litewitness, auditor: Judge, tmp_path: Path
) -> None:
    log = make_notary(tmp_path, "cosigned")
    key = read_signer(log).key
    lite.know(key)
    text = lite.policy(key)
    async with office(Town(), log, text=text, way=WitnessClient) as one:
        await one.submit(entries(3))
        await one.cosigned(3, "lite")
        await one.submit(entries(297, "more"))
        found = await one.cosigned(300, "lite", where="/v1/witnessed")
        raw = (await one.client.get("/v1/witnessed")).content
    assert [(each.key, bool(each.time)) for each in found.cosigned] == [(lite.key, True)]
    assert lite.size(key.name) == 300
    reader = tlog.TileReader(300, lambda path: (log / path).read_bytes())
    proof = tlog.LogProof(7, reader.inclusion(7), raw).encode()
    entry = reader_entry(log, 7)
    assert tlog.verify_proof(proof, entry, tlog.read_policy(text.encode())).word == "witnessed"
    asked = {"Policy": text.encode(), "Checkpoint": raw, "Entry": entry, "Proof": proof}
    coded = {name: tlog.note.encode(value) for name, value in asked.items()}
    assert [each.get("why") for each in auditor.each({"Do": do} | coded for do in ("policy", "proof"))] == [None, None]


def reader_entry(log: Path, index: int) -> bytes:
    """Return an entry of a log of 300 entries."""
    bundle = tlog.tile_at(None, index // tlog.TILE_WIDTH, 300)
    assert bundle is not None
    return tlog.read_bundle((log / bundle.path).read_bytes(), bundle.width)[index % tlog.TILE_WIDTH]


async def test_a_notary_rolled_back_behind_what_litewitness_cosigned_refuses_to_sign(
    lite: Litewitness, tmp_path: Path
) -> None:
    log = make_notary(tmp_path, "rolled-back", entries(3))
    key = read_signer(log).key
    lite.know(key)
    shutil.copytree(log, tmp_path / "copy")
    async with office(Town(), log, text=lite.policy(key), way=WitnessClient) as one:
        await one.submit(entries(5, "later"))
        await one.cosigned(8, "lite")
    async with office(Town(), tmp_path / "copy", text=lite.policy(key), way=WitnessClient) as one:
        await one.says(f"rolled back: witness {NAME}: it has cosigned 8 entries, this log had signed 3")
    assert read_published(tmp_path / "copy", key).size == 3


async def test_a_notary_that_litewitness_does_not_know_waits(lite: Litewitness, tmp_path: Path) -> None:
    log = make_notary(tmp_path, "unknown")
    key = read_signer(log).key
    async with office(Town(), log, text=lite.policy(key), way=WitnessClient) as one:
        await one.submit(entries(3))
        await one.says("it answered 404", "lite")
        assert read_published(log, key).size == 0
        lite.know(key)
        await one.cosigned(3, "lite")


def submitted(lite: Litewitness, body: bytes) -> httpx.Response:
    return httpx.post(f"{lite.url}/add-checkpoint", content=body, trust_env=False, timeout=30)


def test_litewitness_and_our_witness_answer_alike(lite: Litewitness, tmp_path: Path) -> None:
    log = make_notary(tmp_path, "alike", entries(20))
    key = read_signer(log).key
    first = (log / "checkpoint").read_bytes()
    fill(log, entries(30, "more"))
    second = (log / "checkpoint").read_bytes()
    reader = tlog.TileReader(50, lambda path: (log / path).read_bytes())
    onward = tlog.WitnessRequest(20, reader.consistency(20), second)
    stranger = tlog.make_signer("stranger.example", bytes(32))
    empty = tlog.sign_checkpoint(tlog.Checkpoint("stranger.example", 0, tlog.EMPTY_ROOT), stranger)
    requests = [
        b"",
        b"old x\n\n" + first,
        tlog.WitnessRequest(0, (), empty).encode(),
        tlog.WitnessRequest(0, (), first.replace(b"\n20\n", b"\n21\n")).encode(),
        tlog.WitnessRequest(21, (), first).encode(),
        tlog.WitnessRequest(7, (), first).encode(),
        tlog.WitnessRequest(0, (), first).encode(),
        tlog.WitnessRequest(20, (), second).encode(),
        tlog.WitnessRequest(20, (bytes(32),) * 64, second).encode(),
        onward.encode(),
        onward.encode(),
        tlog.WitnessRequest(50, (), second).encode(),
    ]
    lite.know(key)
    ours = OurWitness(tmp_path / "w", key)
    theirs = [submitted(lite, body) for body in requests]
    answered = [(one.status_code, one.content if one.status_code == 409 else b"") for one in theirs]
    assert [ours.answer(body) for body in requests] == answered
    assert [status for status, _ in answered] == [400, 400, 404, 403, 400, 409, 200, 422, 400, 200, 409, 200]
    assert {one.headers["content-type"] for one in theirs if one.status_code == 409} == {tlog.SIZE_TYPE}


def test_litewitness_refuses_a_thousand_checkpoints_and_proofs_with_one_byte_changed(
    lite: Litewitness, tmp_path: Path
) -> None:
    log = make_notary(tmp_path, "changed", entries(20))
    key = read_signer(log).key
    lite.know(key)
    first = tlog.WitnessRequest(0, (), (log / "checkpoint").read_bytes()).encode()
    with httpx.Client(base_url=lite.url, trust_env=False, timeout=30) as client:
        for body in mutants(first, FEW, unused_bits(first)):
            assert client.post("/add-checkpoint", content=body).status_code != 200
        assert client.post("/add-checkpoint", content=first).status_code == 200
        fill(log, entries(30, "more"))
        proof = tlog.TileReader(50, lambda path: (log / path).read_bytes()).consistency(20)
        onward = tlog.WitnessRequest(20, proof, (log / "checkpoint").read_bytes()).encode()
        for body in mutants(onward, MANY, unused_bits(onward)):
            assert client.post("/add-checkpoint", content=body).status_code != 200
        assert lite.size(key.name) == 20
        assert client.post("/add-checkpoint", content=onward).status_code == 200
