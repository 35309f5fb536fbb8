"""A draft becomes a message: salt, section keys, commitments, one signature; then one event.

The order is the promise: section keys are in the vault and on its disk before the event exists that names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts.content import Section, content_id
from contracts.content import compose as compose_content
from contracts.envelope import INNER_SIZES
from contracts.signing import MESSAGE
from referral.casework.case import Signed
from referral.errors import TooLarge
from referral.exchange.holdings import seal_sections

if TYPE_CHECKING:
    from referral.casework.case import Case
    from referral.casework.draft import Draft
    from referral.node import Node

FRAMING: Final = 4_096  # bytes left in an envelope for names, readers, signature and riders


@dataclass(frozen=True, slots=True)
class Named:
    """A message that was signed into its case: its id and kind."""

    id: str
    kind: str


def sign_into(node: Node, case: Case, draft: Draft, *, root: bool) -> Named:
    """Sign `draft` and trigger its event on `case`; a root carries the salt that gave the case its id."""
    sections = tuple(Section(one.name, one.readers, one.body, node.draw(32)) for one in draft.sections)
    raw = compose_content(
        network=node.network.name,
        procedure=node.procedure,
        kind=draft.kind,
        case=draft.case,
        sender=node.agency,
        role=draft.role,
        function=draft.function,
        audience=[node.recipient(agency, role) for agency, role in draft.audience.items()],
        act=draft.act,
        basis=draft.basis,
        seen=node.seen,
        salt=case.salt if root else node.draw(32),
        sent_at=draft.sent_at,
        after=draft.after,
        in_reply_to=draft.in_reply_to,
        supersedes=draft.supersedes,
        occurred_at=draft.occurred_at,
        respond_by=draft.respond_by,
        priority=draft.priority,
        consents=draft.consents,
        guards=draft.guards,
        sections=[section.commitment for section in sections],
        draw=node.draw,
    )
    if len(raw) + sum(len(section.body) for section in sections) + FRAMING > INNER_SIZES[-1]:
        raise TooLarge
    signed = node.sign(MESSAGE, raw)
    name = content_id(raw)
    sealed = seal_sections(node, name, sections)
    case.send(Signed(raw, signed.skid, signed.signature, root), sealed, draft.sent_at)
    return Named(name, draft.kind)
