"""Which sections a content owes to us: a message without one of them is refused with F (format).

Judged as the sender must have judged it, by what the reader can know: its acceptance in the content's own past, and
the consents that the content relies on and that are held here. Whether asylum shut a state body out is not ours to
know, so a state body asks for nothing that depends on it; on another basis than consent nothing is owed
(sections.icp.v1.toml).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from referral.casework.consent import Consents
from referral.casework.disclosure import DisclosureFacts
from referral.casework.disclosure import owed_to as owed_by_table

if TYPE_CHECKING:
    from contracts.content import Content
    from referral.casework.history import History
    from referral.node import Node

CONSENTED = frozenset({"consent", "guardian_consent"})


def owed_to(node: Node, history: History, content: Content) -> frozenset[str]:
    """Return the names of the sections that must be there for us in `content`."""
    role = next((one.role for one in content.audience if one.agency == node.agency), None)
    if role is None or content.basis not in CONSENTED:
        return frozenset()
    if not any(role in line.owed for line in node.procedure.carries(content.kind)):
        return frozenset()
    held = [one for one in content.after if one in history.standing.verdicts]
    past = frozenset(held).union(*(history.standing.past(one) for one in held))
    me = frozenset({node.agency})
    within = cache(lambda: history.standing_of(past))  # only some lines of the table ask for it
    relied_on = (entry.content for one in content.consents if (entry := history.entry(one)) is not None)
    facts = DisclosureFacts(
        sender=content.sender,
        function=content.function,
        roles={node.agency: role},
        accepted=me if history.accepted(node.agency, past) else frozenset(),
        consents=Consents.of(one for one in relied_on if history.is_consent(one)),
        day=content.sent_at.date(),
        register=lambda name: within().value(name),
        state_bodies=me if node.me.state_body else frozenset(),
        protected_from_state=True,
        basis=content.basis,
    )
    return owed_by_table(node.procedure, content.kind, content.act, node.agency, facts)
