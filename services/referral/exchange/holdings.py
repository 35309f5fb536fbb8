"""What this node holds and may still give: sections opened for a recipient, heads and digest of a case for a partner.

A section at rest is one sealed piece: name, readers, its wire key and its body. It is opened here for sealing into an
envelope and dropped at once; people read through the desk, which writes the read log first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts.content import Erased, Section
from contracts.encoding import b64, compact, parse, unb64
from contracts.node_statement import MAX_IDS, Held, ids_hash
from contracts.sections import SectionRefused, read_section
from referral.casework.history import UNCONSENTED
from referral.store import statements
from referral.vault.errors import KeyUnknown, SectionErased

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts.sections import SectionModel
    from referral.casework.case import Case, Entry
    from referral.casework.history import History
    from referral.node import Node

RECOVERY = statements("referral.exchange", "recovery.sql")
SECTION_LIMIT = 524_288  # bytes; twice what an envelope holds


def at_rest(section: Section) -> bytes:
    """Return a section as it is sealed into the store."""
    fields = {
        "body": b64(section.body),
        "key": b64(section.key),
        "name": section.name,
        "readers": list(section.readers),
    }
    return compact(fields)


def from_rest(raw: bytes) -> Section:
    """Return the section that `at_rest` wrote."""
    fields = parse(raw, SECTION_LIMIT)
    return Section(fields["name"], tuple(fields["readers"]), unb64(fields["body"]), unb64(fields["key"], 32))


def seal_sections(node: Node, content_id: str, sections: tuple[Section, ...]) -> dict[str, bytes]:
    """Make a key for each section, on the disk before this returns, and return the sealed bytes by commitment."""
    named = {b64(section.commitment): section for section in sections}
    node.vault.keep_sections([(content_id, commitment) for commitment in named])
    # The keys are durable. If we stop here no event names them: they are orphans, collected after seven days.
    return {
        commitment: node.vault.seal_section(content_id, commitment, at_rest(section))
        for commitment, section in named.items()
    }


def open_sections(node: Node, case: Case, entry: Entry) -> Iterator[tuple[str, Section | None]]:
    """Yield (commitment, section) of a message for what was stored with it; None where it was erased."""
    if not entry.sections:
        return
    waiting: dict[int, Any] = {event.originator_version: event for event in case.pending_events}
    newest: dict[str, bytes] = {}  # what came once more after its key was lost is sealed under another one
    for version in entry.versions:
        stored = waiting.get(version) or node.store.event(case.case, version)
        newest |= stored.sections
    for commitment, sealed in newest.items():
        yield commitment, _opened(node, case, (entry.content.id, commitment), sealed)


def _opened(node: Node, case: Case, name: tuple[str, str], sealed: bytes) -> Section | None:
    if name in case.erased:
        return None
    try:
        return from_rest(node.vault.open_section(*name, sealed))
    except SectionErased:
        return None  # its key is gone, and a crash or another thread stands before the event that says so
    except KeyUnknown:
        if not _is_given_up(node, name[0]):
            raise
        return None  # its key was lost with the vault, and whoever sent it was told so


def _is_given_up(node: Node, content_id: str) -> bool:
    with node.store.reading() as cursor:
        return cursor.execute(RECOVERY["is_given_up"], {"content_id": content_id}).fetchone() is not None


def model_of(section: Section) -> SectionModel | None:
    """Return what a section says; None for one that does not have the form of its name.

    A partner may send anything under a name. It is kept as evidence, and nobody relies on it.
    """
    try:
        return read_section(section.name, section.body)
    except SectionRefused:
        return None


def readable_by(node: Node, history: History, entry: Entry, agency: str) -> tuple[Section | Erased, ...]:
    """Return what goes to `agency` with a message: its sections, and the commitments of what is erased or shut.

    A later member gets no sections: a message that did not name it carries none for it (standing.md 2).
    """
    found: list[Section | Erased] = []
    for commitment, section in open_sections(node, history.case, entry):
        if section is None:
            found.append(Erased(unb64(commitment, 32)))
        elif agency in section.readers or agency == entry.content.sender:
            shut = history.shut(entry, section, agency)
            found.append(Erased(unb64(commitment, 32)) if shut else section)
    return tuple(found)


def shut_to(node: Node, history: History, entry: Entry, agency: str) -> int:
    """Return how many sections of a message consent keeps from `agency` now, of those that it is a reader of."""
    sections = [section for _, section in open_sections(node, history.case, entry) if section is not None]
    return sum(agency in one.readers and history.shut(entry, one, agency) for one in sections)


def to_erase(node: Node, case_id: str, agency: str) -> frozenset[str]:
    """Return the messages of ours in a case that carry something to `agency` from which a withdrawal shuts it."""
    history = node.history(case_id)
    if history is None:
        return frozenset()
    found = set()
    for entry in history.case.entries.values():
        if not entry.ours or entry.content.basis in UNCONSENTED:
            continue
        sections = [one for _, one in open_sections(node, history.case, entry) if one is not None]
        if any(agency in one.readers and history.withdrawn(entry, one, agency) for one in sections):
            found.add(entry.content.id)
    return frozenset(found)


def held(node: Node, case_id: str) -> Held | None:
    """Return what this node holds of a case, as `sync` says it; None where there is nothing to compare.

    Of more heads than a statement takes, other ones are named each day.
    """
    history = node.history(case_id)
    if history is None:
        return None
    ids = history.core_ids
    digest = b64(bytes.fromhex(history.standing.digest()))
    heads, first = history.tips, 0
    if len(heads) > MAX_IDS:
        first = node.now().toordinal() * MAX_IDS % len(heads)
    return Held(case_id, (heads[first:] + heads[:first])[:MAX_IDS], len(ids), ids_hash(ids), digest) if ids else None


def nothing_held(case: str) -> Held:
    """Return what asks a partner to say what it holds of a case: that we rely on nothing of what we hold."""
    return Held(case, (), 0, ids_hash(()), b64(bytes(32)))
