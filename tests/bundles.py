"""Bundles for tests: a real case between real nodes, a small log that proves its messages, hands that change files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from contracts import tlog
from contracts.encoding import unb64
from nodes import town
from referral.audit.bundle import Bundle, export
from referral.following.proofs import proof_file
from referral.opening import PROOFS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from nodes import Town
    from referral.audit.report import Report

LOG: Final = tlog.make_signer("log.example/test", bytes(32))
EXPORTED: Final = datetime(2026, 9, 20, 12, 0, tzinfo=UTC)
REQUEST: Final[Mapping[str, Any]] = {
    "scenario": "2_police_or_ngo",
    "solution": "return",
    "majority": "adult",
    "preliminary_risk": "medium",
    "services": ["shelter"],
    "reason": "MigrationOrChangeOfLocation",
    "dependants": "0",
    "interpreter": True,
}
ACCEPT: Final[Mapping[str, Any]] = {"decision": "accept", "offer_expires": "2026-11-01", "collegiate": False}
RISK: Final[Mapping[str, Any]] = {
    "level": "medium",
    "immediacy": "ordinary",
    "recommendation": "yes",
    "valid_until": "2026-10-01",
}


@dataclass(frozen=True)
class Made:
    """A bundle of be-fp with sections: three agencies, all messages receipted and proven; `root` is their root file."""

    folder: Path
    case: str
    messages: tuple[str, ...]
    root: Path


async def make(home: Path) -> Made:
    """Let three agencies share a case, log all of it, and export it."""
    async with town(home) as it:
        case = await referred(it)
        it.send("be-fp", case, "participant-added", {"agency": "hu-iom", "role": "mission_origin", "reason": "travel"})
        await it.settle()
        it.send("hu-iom", case, "participation", {"answer": "accept"})
        await it.settle()
        it.send("be-fp", case, "risk-assessment", RISK)
        await it.settle()
        found = tuple(messages(it, "be-fp", case))
        log_all(it, "be-fp", found)
        exported(it, "be-fp", case, home / "bundle", sections=opening(it, "be-fp"))
        return Made(home / "bundle", case, found, home / "hu-fp" / "network.json")


async def asked(it: Town) -> str:
    """Let be-fp ask hu-fp: a consent and step 1, receipted; return the case."""
    case = it.open_case("be-fp")
    it.consent("be-fp", case, "hu-fp", "requested")
    to = {"hu-fp": "requested"}
    it.send("be-fp", case, "assistance-request-notification", REQUEST, to=to, sections={"profile": ()})
    await it.settle()
    return case


async def referred(it: Town) -> str:
    """Let be-fp ask hu-fp, which accepts: a consent, steps 1 and 2, all receipted; return the case."""
    case = await asked(it)
    it.send("hu-fp", case, "assistance-request-confirmation", ACCEPT, sections={"capacity": ()})
    await it.settle()
    return case


def messages(it: Town, agency: str, case: str) -> list[str]:
    """Return the content ids of a case, in the order of its bundle."""
    return [one.message for one in it.nodes[agency].queries.timeline(case)]


def proofs_of(it: Town, agency: str) -> Path:
    """Return the folder of a node's proofs."""
    return it.nodes[agency].folder / PROOFS_FOLDER


def log_all(it: Town, agency: str, names: Iterable[str], signer: tlog.NoteSigner = LOG) -> None:
    """Log messages in a small log of the network and put their proofs where the node keeps them."""
    wanted = list(names)
    leaves = [tlog.leaf_hash(tlog.message_entry(unb64(name, 32))) for name in wanted]
    head = tlog.Checkpoint(signer.key.name, len(leaves), tlog.tree_root(leaves))
    note = tlog.sign_checkpoint(head, signer)
    prover = tlog.leaves_prover(leaves)
    for index, name in enumerate(wanted):
        proof = tlog.LogProof(index, prover.inclusion(index, len(leaves)), note)
        proof_file(proofs_of(it, agency), name).write_bytes(proof.encode())


def exported(it: Town, agency: str, case: str, out: Path, **changes: Any) -> Bundle:
    """Export a case at a fixed time."""
    node = it.nodes[agency].node
    return export(node, proofs_of(it, agency), case, out, **{"exported_at": EXPORTED, **changes})


def opening(it: Town, agency: str) -> Callable[[str, str, str], object]:
    """Return what logs the reading of a section before it is exported."""
    queries = it.nodes[agency].queries

    def read(case: str, message: str, section: str) -> object:
        return queries.read_section(
            case, message, section, function="focal-point", purpose="export", principal="auditor"
        )

    return read


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file of a bundle by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def seal_again(folder: Path) -> None:
    """Write both manifests anew, as a forger would: what the manifests cannot show must show elsewhere."""
    payload = {path: raw for path, raw in files_of(folder).items() if path.startswith("data/")}
    info = folder / "bag-info.txt"
    weight = f"Payload-Oxum: {sum(map(len, payload.values()))}.{len(payload)}"
    lines = [weight if line.startswith("Payload-Oxum") else line for line in info.read_text().splitlines()]
    info.write_text("".join(f"{line}\n" for line in lines))
    (folder / "manifest-sha256.txt").write_text(_manifest(payload))
    tags = {name: (folder / name).read_bytes() for name in ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")}
    (folder / "tagmanifest-sha256.txt").write_text(_manifest(tags))


def _manifest(files: Mapping[str, bytes]) -> str:
    return "".join(f"{hashlib.sha256(raw).hexdigest()}  {path}\n" for path, raw in sorted(files.items()))


def said(report: Report, word: str) -> list[tuple[str, str]]:
    """Return (check, sentence) of the findings of a word."""
    return [(one.check, one.sentence) for one in report.findings if one.word == word]


def failing(report: Report) -> list[tuple[str, str]]:
    """Return (check, message) of what does not hold."""
    return [(one.check, one.message) for one in report.failures]


def change(folder: Path, path: str, value: Callable[[Any], Any]) -> None:
    """Change a JSON file of a bundle and both manifests."""
    raw = json.loads((folder / path).read_text())
    (folder / path).write_text(json.dumps(value(raw), ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    seal_again(folder)


def of_message(made: Made, place: int, name: str) -> str:
    """Return the path of a file of the message at this place."""
    return f"data/messages/{made.messages[place]}/{name}"
