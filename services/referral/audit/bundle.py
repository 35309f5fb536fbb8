"""The evidence about one case as one agency holds it, written to a folder that anybody can verify offline.

A bundle is made of what is held: signed bytes, receipts as they came, proofs of the notary, root file, procedure.
No section unless asked, and then only what this agency may read now: each is handed out by the same reading that people
use, which writes the log of reads first. What is erased stays as its commitment. The same state, exported at the same
time, gives the same bytes. A disclosure is the smallest bundle: one section of one message, for a court, and what
proves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from contracts.encoding import b64
from contracts.network import write_network
from contracts.statements import StatementRefused, read_logged, read_statement
from referral.audit import layout
from referral.audit.bag import write_bag
from referral.audit.verify import page_of
from referral.casework.case import Case
from referral.casework.history import History
from referral.errors import CaseClosedToReading, CaseUnknown, MessageUnknown, NotReader, SectionErasedRefusal
from referral.exchange.holdings import open_sections
from referral.following.anchoring import under_root
from referral.following.proofs import proof_file, receipts_proof_file, statement_proof_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from contracts.content import Section
    from referral.casework.case import Entry
    from referral.node import Node

# (case, message, section) -> anything: logs that a section is about to be handed out, or raises what shuts it.
LogRead = Callable[[str, str, str], object]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as written: where, of which case, its standing's digest (hex), and how much of everything is in it."""

    folder: Path
    case: str
    digest: str
    messages: int
    receipts: int
    proofs: int
    sections: int
    erased: int


def _silent(_doing: str) -> None:
    """Tell nobody."""


def export(
    node: Node,
    proofs: Path,
    case: str,
    out: Path,
    *,
    sections: LogRead | None = None,
    exported_at: datetime | None = None,
    progress: Progress = _silent,
) -> Bundle:
    """Write the bundle of `case` to the folder `out`, whole or not at all.

    `proofs` is the node's folder of proofs. With `sections`, which logs each read, the sections that this agency may
    read go with it. `progress` is told in a few words what is being done. Raises `CaseUnknown`, `CaseErased`,
    `FolderTaken`, `FolderNotWritten`.
    """
    found = node.store.load(case, Case)
    if found is None:
        raise CaseUnknown
    collected = _Collected(node, proofs, History(found, node.procedure), sections)
    entries = collected.entries()
    for done, entry in enumerate(entries, start=1):
        progress(f"message {done} of {len(entries)}")
        collected.add(entry)
    about = collected.case_file(exported_at or node.now())
    _write(out, collected, about)
    return Bundle(
        folder=out,
        case=case,
        digest=about.digest,
        messages=len(entries),
        receipts=collected.count(".json", layout.RECEIPTS, but=(".signature.json", ".logged.json")),
        proofs=collected.count(layout.PROOF),
        sections=collected.sections,
        erased=collected.erased,
    )


@dataclass(frozen=True, slots=True)
class OneSection:
    """A section by its name, of a message by its content id, of a case."""

    case: str
    message: str
    section: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A disclosure as written: where, and whether the notary's proof is in it."""

    folder: Path
    proven: bool


def disclose(
    node: Node, proofs: Path, one: OneSection, out: Path, *, log_read: LogRead, exported_at: datetime | None = None
) -> Disclosure:
    """Write one section of one message to the folder `out`, with what proves it and nothing else of the case.

    `log_read` logs the read first, or raises what shuts the section. Raises `CaseUnknown`, `CaseErased`,
    `MessageUnknown`, `NotReader`, `SectionErasedRefusal`, `CaseClosedToReading`, `FolderTaken`, `FolderNotWritten`.
    """
    found = node.store.load(one.case, Case)
    if found is None:
        raise CaseUnknown
    collected = _Collected(node, proofs, History(found, node.procedure), log_read)
    listed = collected.add_one_section(one)
    about = replace(collected.about(exported_at or node.now()), messages=(listed,), section=one.section)
    _write(out, collected, about)
    return Disclosure(out, collected.count(layout.PROOF) > 0)


def _write(out: Path, collected: _Collected, about: layout.CaseFile) -> None:
    """Write the bag with its page; where our own files did not hold there is no page, and `verify` says why."""
    files = {**collected.files, **collected.directory(), layout.CASE: layout.write_case(about)}
    page = page_of(files)
    write_bag(out, files if page is None else {**files, layout.PAGE: page}, layout.bag_fields(about))


class _Collected:
    """The files of a bundle while they are collected, by path."""

    def __init__(self, node: Node, proofs: Path, history: History, log_read: LogRead | None) -> None:
        self._node, self._proofs, self._history, self._log_read = node, proofs, history, log_read
        self.sections = self.erased = 0
        self._named = set[str]()
        procedures = resources.files("contracts").joinpath("procedures")
        self.files: dict[str, bytes] = {
            layout.NETWORK: write_network(node.network),
            layout.PROCEDURE: procedures.joinpath(f"{node.procedure.name}.toml").read_bytes(),
        }

    def entries(self) -> list[Entry]:
        """Return the messages that are part of the case, the past of each before it."""
        out = set(self._left_out())
        return [entry for entry in self._history.ordered() if entry.content.id not in out]

    def _left_out(self) -> list[str]:
        """Return what is held and refused by the fold: core messages whose senders never had a seat."""
        history = self._history
        return sorted(
            name
            for name, entry in history.case.entries.items()
            if history.readable(entry.message)
            and self._node.procedure.kinds[entry.content.kind].core
            and name not in history.standing.verdicts
        )

    def count(self, suffix: str, part: str = "", *, but: tuple[str, ...] = ()) -> int:
        """Return how many files end so."""
        return sum(path.endswith(suffix) and part in path and not path.endswith(but) for path in self.files)

    def about(self, exported_at: datetime) -> layout.CaseFile:
        """Return what every `case.json` says, of messages not yet."""
        node = self._node
        return layout.CaseFile(
            network=node.network.name,
            training=node.network.training,
            case=self._history.case.case,
            agency=node.agency,
            exported_at=exported_at,
            procedure=node.procedure.reference,
            messages=(),
        )

    def case_file(self, exported_at: datetime) -> layout.CaseFile:
        """Return what `case.json` says of a whole case."""
        standing = self._history.standing
        return replace(
            self.about(exported_at),
            digest=standing.digest(),
            document=_value(standing.document()),
            messages=tuple(_listed(entry) for entry in self.entries()),
            left_out=tuple(self._left_out()),
        )

    def directory(self) -> dict[str, bytes]:
        """Return the log's statements about the network and every agency that is named here, each with its proof.

        One whose proof has not come stays out.
        """
        found: dict[str, bytes] = {}
        about = {self._node.network.name, self._node.agency, *self._named}
        for index, entry in self._node.replay.taken:
            proof = statement_proof_file(self._proofs, index)
            if proof.is_file() and _subject(entry) in about:
                found[layout.statement_path(index)] = entry[1:]
                found[layout.statement_proof_path(index)] = proof.read_bytes()
        return found

    def add_one_section(self, one: OneSection) -> layout.Listed:
        """Add a message with one of its sections, once the read is in the log, and no word of anybody else."""
        entry = self._history.entry(one.message)
        if entry is None:
            raise MessageUnknown
        if self._log_read is not None:
            self._log_read(one.case, one.message, one.section)
        # The read is in the log. If we stop here a read is logged that did not happen.
        readable = tuple(
            layout.ReadableSection(commitment, section)
            for commitment, section in self._held(entry)
            if section is not None and section.name == one.section
        )
        folder = self._add_signed(entry)
        self.files[folder + layout.SECTIONS] = layout.write_sections(layout.SectionsFile((), readable))
        return _listed(entry)

    def _add_signed(self, entry: Entry) -> str:
        """Add what was signed, the signature and the notary's proof; return the message's folder."""
        content = entry.content
        folder = f"{layout.MESSAGES}{content.id}/"
        self._named |= {content.sender, *(one.agency for one in content.audience)}
        self.files[folder + layout.CONTENT] = content.raw
        self._sign(folder + layout.SIGNATURE, entry.skid, entry.signature)
        proof = proof_file(self._proofs, content.id)
        if proof.is_file():
            self.files[folder + layout.PROOF] = proof.read_bytes()
        return folder

    def add(self, entry: Entry) -> None:
        """Add every file of a message."""
        content, folder = entry.content, self._add_signed(entry)
        for (agency, stage), receipt in sorted(self._history.case.receipts.get(content.id, {}).items()):
            path = folder + layout.receipt_path(agency, stage)
            self.files[path] = receipt.statement
            self._sign(layout.signature_path(path), receipt.skid, receipt.signature)
            self._add_root(path, receipt.statement)
        for (agency, silent), said in sorted(self._history.case.silences.get(content.id, {}).items()):
            path = folder + layout.silence_path(agency, silent)
            self.files[path] = said.statement
            self._sign(layout.signature_path(path), said.skid, said.signature)
            self._add_root(path, said.statement)
        held = layout.SectionsFile(tuple(self._gone(entry)), tuple(self._readable(entry)))
        if held.erased or held.sections:
            self.files[folder + layout.SECTIONS] = layout.write_sections(held)
            self.sections += len(held.sections)
            self.erased += len(held.erased)

    def _add_root(self, path: str, statement: bytes) -> None:
        """Add how a signed statement leads to the root of its hour, and the proof of that, where both are kept."""
        with self._node.store.reading() as cursor:
            found = under_root(cursor, statement)
        proof = None if found is None else receipts_proof_file(self._proofs, b64(found.root))
        if found is not None and proof is not None and proof.is_file():
            way = layout.LoggedFile(found.root, found.size, found.index, found.hashes)
            self.files[layout.logged_path(path)] = layout.write_logged(way)
            self.files[layout.logged_proof_path(path)] = proof.read_bytes()

    def _sign(self, path: str, skid: str, signature: bytes) -> None:
        self.files[path] = layout.write_signature(layout.SignatureFile(skid, signature))

    # -- sections ----------------------------------------------------------------------------------------------------

    def _held(self, entry: Entry) -> list[tuple[str, Section | None]]:
        """Return (commitment, section) in a fixed order; None where it was erased."""
        return sorted(open_sections(self._node, self._history.case, entry), key=lambda one: one[0])

    def _gone(self, entry: Entry) -> Iterator[layout.ErasedSection]:
        for commitment, section in self._held(entry):
            if section is None:
                why = self._history.case.erased.get((entry.content.id, commitment))
                yield layout.ErasedSection(commitment, why.ground if why else "", why.at if why else None)

    def _readable(self, entry: Entry) -> Iterator[layout.ReadableSection]:
        """Yield what may be read now, each after its read was logged."""
        if self._log_read is None:
            return
        for commitment, section in self._held(entry):
            if section is None:
                continue
            try:
                self._log_read(self._history.case.case, entry.content.id, section.name)
            except (CaseClosedToReading, NotReader, SectionErasedRefusal):
                continue
            # The read is in the log. If we stop here a read is logged that did not happen.
            yield layout.ReadableSection(commitment, section)


def _listed(entry: Entry) -> layout.Listed:
    content = entry.content
    return layout.Listed(content.id, content.kind, content.sender, content.sent_at, entry.recorded_at)


def _subject(entry: bytes) -> str:
    """Return whom a statement of the log is about; of one that is none, nobody."""
    try:
        return read_statement(read_logged(entry).statement).link.subject
    except StatementRefused:
        return ""


def _value(document: bytes) -> Any:
    return json.loads(document)
