from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.content import Erased, Section
from contracts.encoding import unb64
from hostile import entries_of, forge, post
from nodes import town
from referral.exchange.holdings import at_rest, from_rest, held, model_of, open_sections, readable_by, shut_to
from referral.vault.errors import KeyUnknown
from referrals import RISK, agreed

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.from_regex(r"[a-z]{1,20}", fullmatch=True)
AGENCIES = st.sets(st.from_regex(r"[a-z]{2}-[a-z]{2,5}", fullmatch=True), min_size=1, max_size=5)


@given(
    st.from_regex(r"[a-z]{1,20}", fullmatch=True),
    AGENCIES,
    st.binary(max_size=2000),
    st.binary(min_size=32, max_size=32),
)
def test_a_section_at_rest_comes_back_as_it_was(name: str, readers: set[str], body: bytes, key: bytes) -> None:
    section = Section(name, tuple(sorted(readers)), body, key)

    assert from_rest(at_rest(section)) == section
    assert from_rest(at_rest(section)).commitment == section.commitment


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'{"place": "\xc3\x28"}', b'{"place": 1}', b"null"])
def test_a_body_that_has_not_the_form_of_its_name_says_nothing(body: bytes) -> None:
    assert model_of(Section("arrival_time", ("hu-fp",), body, bytes(32))) is None
    assert model_of(Section("no_such_name", ("hu-fp",), body, bytes(32))) is None


async def test_a_reader_gets_its_sections_and_nobody_else_a_word_of_them(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        be = it.nodes["be-fp"]
        history = be.queries.history(case)
        entry = entries_of(it, "be-fp", case)[asked.message]

        assert [one.name for one in readable_by(be.node, history, entry, "hu-fp") if isinstance(one, Section)] == [
            "profile"
        ]
        assert readable_by(be.node, history, entry, "hu-iom") == ()
        assert shut_to(be.node, history, entry, "hu-fp") == 0


async def test_what_consent_shuts_goes_out_as_its_commitment(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        be = it.nodes["be-fp"]
        be.desk.withdraw_consent(case, "hu-fp", key="w", principal="test")
        history = be.queries.history(case)
        entry = entries_of(it, "be-fp", case)[asked.message]

        assert readable_by(be.node, history, entry, "hu-fp") == (Erased(unb64(min(entry.sections), 32)),)
        assert shut_to(be.node, history, entry, "hu-fp") == 1


async def test_a_key_that_is_gone_before_its_event_reads_as_erased_and_one_that_is_unknown_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        hu = it.nodes["hu-fp"]
        entry = entries_of(it, "hu-fp", case)[asked.message]
        commitment = min(entry.sections)

        def unknown(*_: object) -> bytes:
            raise KeyUnknown

        with monkeypatch.context() as patched:
            patched.setattr(hu.node.vault, "open_section", unknown)
            with pytest.raises(KeyUnknown):
                list(open_sections(hu.node, hu.queries.history(case).case, entry))

        hu.node.vault.erase_sections([(asked.message, commitment)])

        assert list(open_sections(hu.node, hu.queries.history(case).case, entry)) == [(commitment, None)]
        assert hu.queries.history(case).case.erased == {}


async def test_heads_and_digest_are_of_the_core_alone_and_equal_at_both(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, _ = await agreed(it)
        ours, theirs = (held(it.nodes[name].node, case) for name in ("be-fp", "hu-fp"))

        assert ours is not None
        assert ours == theirs
        assert ours.count == 2
        assert held(it.nodes["hu-iom"].node, case) is None


async def test_of_seventy_heads_each_is_named_within_two_days(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        case, asked = await agreed(it)
        for _ in range(70):
            one = forge(
                it.nodes["be-fp"].node, case, "risk-assessment", RISK, {"hu-fp": "requested"}, after=[asked.message]
            )
            await post(it, one, "hu-fp")
        await it.nodes["hu-fp"].worker.turn()
        named: list[set[str]] = []
        for _ in range(2):
            found = held(it.nodes["hu-fp"].node, case)
            assert found is not None
            named.append(set(found.heads))
            it.clock.move(it.clock().replace(day=it.clock().day + 1))

        assert [len(one) for one in named] == [64, 64]
        assert named[0] | named[1] == set(it.nodes["hu-fp"].queries.history(case).tips)
