"""What a careless or hostile agency can put on the wire with its own keys: contents composed by hand, sealed in order.

Nothing here asks a rule: kinds, acts, `after`, sections and clocks are what the test says. Signatures hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from contracts import node_statement
from contracts.content import Section, content_id
from contracts.encoding import b64, compact, instant_text
from contracts.envelope import seal
from contracts.signing import MESSAGE, NODE_STATEMENT
from contracts.statements import read_statement
from referral.exchange.outbox import Letter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from contracts.content import Erased
    from contracts.directory import Directory
    from nodes import Town
    from referral.node import Node


@dataclass(frozen=True)
class Forged:
    """A content that was written by hand and signed by its sender."""

    id: str
    raw: bytes
    skid: str
    signature: bytes
    sections: tuple[Section | Erased, ...] = field(default=())


def forge(node: Node, case: str, kind: str, act: Mapping[str, Any], to: Mapping[str, str], **changes: Any) -> Forged:
    """Return a content of `node`'s agency; `sections` are names with (readers, body), `changes` any field of it.

    `identities` are fingerprints that stand in the audience instead of true ones; an unknown agency has one drawn.
    """
    identities = changes.pop("identities", {})
    sections = tuple(
        Section(name, tuple(sorted(readers)), body, node.draw(32))
        for name, (readers, body) in changes.pop("sections", {}).items()
    )
    commitments = [b64(one.commitment) for one in sections]
    commitments += [b64(node.draw(32)) for _ in range(-len(commitments) % 4 or (0 if commitments else 4))]
    sent_at: datetime = changes.pop("sent_at", node.now())
    fields = {
        "act": act,
        "after": [],
        "audience": [
            {"agency": agency, "identity": identities.get(agency) or identity_of(node, agency), "role": role}
            for agency, role in sorted(to.items())
        ],
        "basis": "consent",
        "case": case,
        "consents": [],
        "format": "landfall/1",
        "guards": [],
        "kind": kind if ".v" in kind else f"{kind}.v1",
        "network": node.network.name,
        "priority": "normal",
        "procedure": {"hash": node.procedure.hash, "name": node.procedure.name},
        "salt": b64(node.draw(32)),
        "sections": sorted(commitments),
        "seen": {"root": node.seen.root, "size": node.seen.size},
        "sender": {"agency": node.agency, "function": "focal-point", "role": changes.pop("role", "requesting")},
        "sent_at": instant_text(sent_at.replace(microsecond=0)),
    }
    raw = compact({**fields, **changes})
    signed = node.sign(MESSAGE, raw)
    return Forged(content_id(raw), raw, signed.skid, signed.signature, sections)


def identity_of(node: Node, agency: str) -> str:
    """Return the fingerprint of an agency's identity key, a drawn one where the directory does not know it."""
    known = node.directory.agencies.get(agency)
    return known.fingerprint if known is not None else b64(node.draw(32))


async def post(it: Town, forged: Forged, recipient: str, sections: Sequence[Section | Erased] | None = None) -> None:
    """Seal a content for `recipient` and append it to its inbox; anybody who holds it can do that."""
    chosen = forged.sections if sections is None else tuple(sections)
    await _append(it, recipient, Letter(MESSAGE, forged.skid, forged.signature, forged.raw, chosen))


async def state(it: Town, sender: str, recipient: str, body: node_statement.Body, **changes: Any) -> str:
    """Let `sender` say something outside any case to `recipient`; return the statement's id."""
    node = it.nodes[sender].node
    sent_at = changes.get("sent_at", node.now())
    raw = node_statement.compose(
        network=node.network.name, sender=sender, recipient=recipient, body=body, sent_at=sent_at, salt=node.draw(32)
    )
    signed = node.sign(NODE_STATEMENT, raw)
    await _append(it, recipient, Letter(NODE_STATEMENT, signed.skid, signed.signature, raw))
    return node_statement.statement_id(raw)


async def _append(it: Town, recipient: str, letter: Letter) -> None:
    node = it.nodes[recipient].node
    key = node.directory.epoch_key(recipient, it.clock().date())
    assert key is not None
    envelope = seal(
        network=node.network.name,
        recipient=recipient,
        epoch_public=key,
        kind=letter.kind,
        skid=letter.skid,
        signature=letter.signature,
        content=letter.raw,
        sections=letter.sections,
    )
    await it.nodes[recipient].worker.outbox._broker.append(node.me.capabilities.topic, [envelope])


def entries_of(it: Town, agency: str, case: str) -> Mapping[str, Any]:
    """Return the messages of a case as an agency holds them, by id."""
    return it.nodes[agency].queries.history(case).case.entries


def forged_from(it: Town, agency: str, case: str, message: str) -> Forged:
    """Return a message that an agency holds, to be posted again."""
    entry = entries_of(it, agency, case)[message]
    return Forged(message, entry.content.raw, entry.skid, entry.signature)


def without(node: Node, agency: str) -> Directory:
    """Return the directory of `node`'s network as it was before `agency` was in it."""
    entries = [one for one in node.network.statements if read_statement(one.statement).link.subject != agency]
    return replace(node.network, statements=tuple(entries)).directory()


async def hours_alone(it: Town, agency: str, hours: int) -> None:
    """Let time pass for everybody in which only one agency works, as often as it wants to."""
    until = it.clock() + timedelta(hours=hours)
    while it.clock() < until:
        it.clock.move(min(it.clock() + timedelta(hours=12), until))
        await it.settle([agency])
