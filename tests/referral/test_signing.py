from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.envelope import INNER_SIZES
from contracts.signing import MESSAGE, verify
from nodes import town
from referral.casework.draft import DraftSection, View, compose
from referral.casework.intent import Intent
from referral.casework.known import Known
from referral.errors import TooLarge
from referral.exchange.holdings import open_sections
from referral.signing import FRAMING, sign_into
from referrals import RISK, agreed

if TYPE_CHECKING:
    from pathlib import Path

    from nodes import Town
    from referral.casework.draft import Draft


def drafted(it: Town, case: str, *sections: DraftSection) -> Draft:
    """Return a message of be-fp with these sections, whatever a rule would say of them."""
    one = it.nodes["be-fp"]
    view = View(one.queries.history(case), "be-fp", one.node.directory.agencies, Known())
    return replace(compose(view, Intent("risk-assessment", RISK), it.clock()), sections=sections)


async def test_a_message_is_signed_under_our_key_and_its_sections_open_again(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case_id, _ = await agreed(it)
        node = it.nodes["be-fp"].node
        case = node.case(case_id)
        assert case is not None
        named = sign_into(node, case, drafted(it, case_id, DraftSection("measures", ("hu-fp",), b"{}")), root=False)
        entry = case.entries[named.id]
        key = node.directory.signing_key(entry.skid)

        verify(key.key, MESSAGE, node.network.name, entry.skid, entry.content.raw, signature=entry.signature)
        assert named.kind == "risk-assessment"
        assert len(entry.content.sections) == 4, "one commitment, three that say nothing"
        found = dict(open_sections(node, case, entry))
        assert [(one.name, one.readers, one.body) for one in found.values() if one is not None] == [
            ("measures", ("hu-fp",), b"{}")
        ]
        assert entry.content.salt != case.salt


async def test_two_messages_of_the_same_words_have_different_names(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case_id, _ = await agreed(it)
        node = it.nodes["be-fp"].node
        case = node.case(case_id)
        assert case is not None
        draft = drafted(it, case_id)

        assert sign_into(node, case, draft, root=False).id != sign_into(node, case, draft, root=False).id


async def test_what_no_envelope_holds_is_refused_before_a_key_is_made(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case_id, _ = await agreed(it)
        node = it.nodes["be-fp"].node
        case = node.case(case_id)
        assert case is not None
        large = DraftSection("measures", ("hu-fp",), bytes(INNER_SIZES[-1] - FRAMING))
        with pytest.raises(TooLarge):
            sign_into(node, case, drafted(it, case_id, large), root=False)

        assert list(case.pending_events) == []
