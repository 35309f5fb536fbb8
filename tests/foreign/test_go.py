"""Go's sumdb, torchwood and Tessera's fsck read what our notary publishes, and refuse it with one byte changed.

Go ignores the bits that the last character of padded base64 does not use, and torchwood takes a # in the middle of a
policy's line, and every blank of Unicode, otherwise than the specification: such changes are left out for them alone.
"""

from __future__ import annotations

import base64
import random
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from contracts import tlog
from foreign.mutants import FEW, MANY, changed, changes, mutants, none, unused_bits
from notaries import ORIGIN, entries, fill, new_log, vkey
from notary.log import read_signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from foreign.tools import Judge

pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("foreign-go")]

OLD, SIZE, INDEX = 200, 300, 123
# Names that no change of one byte turns into each other.
WITNESSES = {
    name: tlog.make_signer(f"{name}.example", name.encode().ljust(32), tlog.COSIGNATURE)
    for name in ("amber", "birch", "cedar", "dogwood", "elm")
}
BLANKS = b" \t\n\x0b\x0c\r\x85\xa0#"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(frozen=True)
class Published:
    """A log that the real notary wrote, its checkpoint cosigned by five, and what else is judged."""

    folder: Path
    key: str
    older: bytes
    checkpoint: bytes
    policy: bytes
    entry: bytes
    proof: bytes
    reader: tlog.TileReader

    def files(self) -> dict[str, bytes]:
        """Return the checkpoint, tiles and bundles by their paths."""
        paths = [path for path in (self.folder / "tile").rglob("*") if path.is_file()]
        return {"checkpoint": self.checkpoint} | {
            path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths
        }

    def asks(self, do: str, **changes: Any) -> dict[str, Any]:
        """Return a request to the auditor, with everything that may be judged."""
        asked: dict[str, Any] = {
            "Do": do,
            "Key": self.key,
            "Policy": self.policy,
            "Checkpoint": self.checkpoint,
            "Index": INDEX,
            "Entry": self.entry,
            "Proof": self.proof,
            **changes,
        }
        if do in {"fsck", "tiles", "prove"}:
            asked.setdefault("Files", self.files())
        return {name: _coded(value) for name, value in asked.items()}


def _coded(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64(value)
    if isinstance(value, dict):
        return {name: _coded(one) for name, one in value.items()}
    return [_coded(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = new_log(tmp_path_factory.mktemp("foreign") / "log")
    fill(folder, entries(OLD))
    older = (folder / "checkpoint").read_bytes()
    fill(folder, entries(SIZE - OLD, "later"))
    head = tlog.open_checkpoint((folder / "checkpoint").read_bytes(), [read_signer(folder).key]).checkpoint
    keys = [one.key for one in WITNESSES.values()]
    lines = [tlog.read_cosignatures(tlog.cosign(head, one, 1_800_000_000), head, keys)[0] for one in WITNESSES.values()]
    checkpoint = tlog.with_cosignatures((folder / "checkpoint").read_bytes(), lines)
    (folder / "checkpoint").write_bytes(checkpoint)
    reader = tlog.TileReader(SIZE, lambda path: (folder / path).read_bytes())
    policy = f"log {vkey(folder)}\n"
    policy += "".join(f"witness {name} {signer.key}\n" for name, signer in WITNESSES.items())
    policy += f"group quorum-of-them all {' '.join(WITNESSES)}\nquorum quorum-of-them\n"
    proof = tlog.LogProof(INDEX, reader.inclusion(INDEX), checkpoint).encode()
    return Published(folder, vkey(folder), older, checkpoint, policy.encode(), entries(OLD)[INDEX], proof, reader)


def test_checkpoint_tiles_proofs_policy_and_cosignatures_hold(auditor: Judge, log: Published) -> None:
    inclusion, consistency = list(log.reader.inclusion(INDEX)), list(log.reader.consistency(OLD))
    said = auditor.each(
        [
            log.asks("checkpoint"),
            log.asks("inclusion", Hashes=inclusion),
            log.asks("consistency", Hashes=consistency, Older=log.older),
            log.asks("tiles"),
            log.asks("policy"),
            log.asks("proof"),
            log.asks("fsck"),
        ]
    )
    assert [one.get("why") for one in said] == [None] * 7
    root = b64(log.reader.root())
    assert [(one["size"], one["root"]) for one in (said[0], said[4])] == [(SIZE, root)] * 2
    trusted = tlog.read_policy(log.policy)
    assert tlog.verify_proof(log.proof, log.entry, trusted).word == "witnessed"


def test_what_go_proves_from_our_tiles_is_what_we_prove(auditor: Judge, log: Published) -> None:
    inclusions = auditor.each([log.asks("prove", Index=index) for index in range(0, SIZE, 7)])
    assert [one["made"] for one in inclusions] == [
        [b64(hashed) for hashed in log.reader.inclusion(index)] for index in range(0, SIZE, 7)
    ]
    made = auditor.one(log.asks("prove", Older=log.older))["made"]
    assert made == [b64(hashed) for hashed in log.reader.consistency(OLD)]


def test_what_is_proven_of_another_entry_index_or_log_is_refused(auditor: Judge, log: Published) -> None:
    inclusion = list(log.reader.inclusion(INDEX))
    said = auditor.each(
        [
            log.asks("inclusion", Hashes=inclusion, Index=INDEX + 1),
            log.asks("inclusion", Hashes=inclusion[:-1]),
            log.asks("consistency", Hashes=[], Older=log.older),
            log.asks("checkpoint", Key=str(tlog.make_signer(ORIGIN, b"\x43" * 32).key)),
            log.asks("policy", Policy=log.policy.replace(b" all ", b" 9 ")),
            log.asks("policy", Checkpoint=(log.folder / "checkpoint").read_bytes().rsplit("—".encode(), 1)[0]),
            log.asks("proof", Entry=b"another"),
        ]
    )
    assert [one["holds"] for one in said] == [False] * 7


def _hash_mutants(log: Published, which: str, many: int) -> list[dict[str, Any]]:
    hashes = list(log.reader.inclusion(INDEX) if which == "inclusion" else log.reader.consistency(OLD))
    requests = []
    for at, xor in changes(b"".join(hashes), many):
        broken = list(hashes)
        broken[at // 32] = changed(broken[at // 32], at % 32, xor)
        requests.append(log.asks(which, Hashes=broken, Older=log.older))
    return requests


def _file_mutants(log: Published, do: str, path: str, many: int) -> list[dict[str, Any]]:
    files = log.files()
    return [log.asks(do, Files=files | {path: one}) for one in mutants(files[path], many)]


def _anywhere(log: Published, kind: str, many: int) -> list[dict[str, Any]]:
    """Change one byte of any tile, or of any bundle, of the log, for either reader of whole logs."""
    files, bundles = log.files(), kind.startswith("any bundle")
    names = sorted(one for one in files if one != "checkpoint" and one.startswith("tile/entries") == bundles)
    drawn = random.Random(kind)
    requests = []
    for _ in range(many):
        path = drawn.choice(names)
        broken = changed(files[path], drawn.randrange(len(files[path])), drawn.randrange(1, 256))
        requests.append(log.asks("fsck" if kind.endswith("fsck") else "tiles", Files=files | {path: broken}))
    return requests


def _unlike_a_blank(raw: bytes) -> Callable[[int, int], bool]:
    return lambda at, xor: raw[at] in BLANKS or raw[at] ^ xor in BLANKS


def _broken(log: Published, kind: str, many: int) -> list[dict[str, Any]]:
    """Return requests with one byte of a kind of thing changed."""
    match kind:
        case "checkpoint":
            plain = log.checkpoint.split("— amber".encode())[0]
            return [log.asks(kind, Checkpoint=one) for one in mutants(plain, many, unused_bits(plain))]
        case "cosigned":
            leave = unused_bits(log.checkpoint)
            return [log.asks("policy", Checkpoint=one) for one in mutants(log.checkpoint, many, leave)]
        case "tile":
            return _file_mutants(log, "tiles", "tile/0/000", many)
        case "bundle":
            return _file_mutants(log, "fsck", "tile/entries/001.p/44", many)
        case "entry":
            hashes = list(log.reader.inclusion(INDEX))
            return [log.asks("inclusion", Hashes=hashes, Entry=one) for one in mutants(log.entry, many)]
        case "proof":
            return [log.asks(kind, Proof=one) for one in mutants(log.proof, many, unused_bits(log.proof))]
        case "policy":
            return [log.asks(kind, Policy=one) for one in mutants(log.policy, many, _unlike_a_blank(log.policy))]
        case "inclusion" | "consistency":
            return _hash_mutants(log, kind, many)
        case _:
            return _elsewhere(log, kind, many)


def _elsewhere(log: Published, kind: str, many: int) -> list[dict[str, Any]]:
    """The same for the other tools that read a thing too."""
    match kind:
        case "checkpoint, fsck":
            plain = log.checkpoint.split("— amber".encode())[0]
            broken = mutants(plain, many, unused_bits(plain))
            return [log.asks("fsck", Files=log.files() | {"checkpoint": one}) for one in broken]
        case "entry, torchwood":
            return [log.asks("proof", Entry=one) for one in mutants(log.entry, many)]
        case _:
            return _anywhere(log, kind, many)


KINDS = (
    *("checkpoint", "cosigned", "tile", "bundle", "entry", "proof", "policy", "inclusion", "consistency"),
    *("any tile, fsck", "any bundle, fsck", "any tile, tlog", "any bundle, tlog"),
    *("checkpoint, fsck", "entry, torchwood"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_changes_of_one_byte_are_refused(auditor: Judge, log: Published, kind: str) -> None:
    said = auditor.each(_broken(log, kind, MANY))
    assert [one["holds"] for one in said] == [False] * MANY


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_changes_of_one_byte_are_refused_through_the_command_line(
    auditor: Judge, log: Published, kind: str
) -> None:
    assert not any(auditor.one(asked)["holds"] for asked in _broken(log, kind, FEW))


def test_our_own_readers_refuse_every_change_of_a_policy_or_a_proof_that_could_be_believed(log: Published) -> None:
    trusted = tlog.read_policy(log.policy)
    for one in mutants(log.proof, MANY):
        with pytest.raises(tlog.LogProofRefused):
            tlog.verify_proof(one, log.entry, trusted)
    for one in mutants(log.policy, MANY):
        try:
            read = tlog.read_policy(one)
        except tlog.PolicyRefused:
            continue
        # What is left says the same in other blanks, or is not satisfied.
        same = (read.log_keys, set(read.witness_keys)) == (trusted.log_keys, set(trusted.witness_keys))
        if same:
            assert one.split() == log.policy.split()
            continue
        with pytest.raises(tlog.LogProofRefused):
            tlog.verify_proof(log.proof, log.entry, read)


def fsck(go_tools: Path, folder: Path, key: Path) -> str:
    """Return what Tessera's fsck complains about; it exits 0 nevertheless, but where it panics.

    With fewer workers than a small log has tiles it waits for ever once one of them has found a wrong tile.
    """
    options = [f"--storage_url=file://{folder}", f"--public_key={key}", "--ui=false", "--N=16"]
    command = [str(go_tools / "fsck"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "\n".join(line for line in done.stderr.splitlines() if line.startswith(("E", "panic")))


@pytest.fixture
def key(log: Published, tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(log.key, encoding="utf-8")
    return path


def test_tesseras_fsck_finds_our_log_sound(go_tools: Path, log: Published, key: Path) -> None:
    assert fsck(go_tools, log.folder, key) == ""


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"])
def test_tesseras_fsck_refuses_our_log_with_one_byte_changed(
    go_tools: Path, log: Published, key: Path, tmp_path: Path, path: str
) -> None:
    folder = tmp_path / "log"
    shutil.copytree(log.folder, folder)
    sound = (folder / path).read_bytes()
    if path == "checkpoint":
        sound = sound.split("— amber".encode())[0]
    for one in mutants(sound, FEW, unused_bits(sound) if path == "checkpoint" else none):
        (folder / path).write_bytes(one)
        assert re.search("fsck failed|panic", fsck(go_tools, folder, key))
    (folder / path).write_bytes(sound)
    assert fsck(go_tools, folder, key) == ""
