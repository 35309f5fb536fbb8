"""The directory by the order of the log: verdicts on signatures, what waits for the quorum and what does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.directory import ROOT, Directory, LogReplay, Replay
from contracts.signing import UnknownKey, Verdict, fingerprint, public_epoch, public_signing
from contracts.statements import (
    Body,
    Entry,
    EpochKeys,
    Link,
    Membership,
    NewSigningKey,
    Policy,
    Recovery,
    Restriction,
    StatementRefused,
    logged_bytes,
    make,
    read_logged,
)
from plain_directory import NOT_LOGGED, PlainDirectory
from small_network import GOVERNORS, NAME, NOW, TODAY, directory, governors_seeds, network, seed, skid

if TYPE_CHECKING:
    from collections.abc import Sequence

BE = "be-fp"
IDENTITY, SIGNING, NEW = seed(BE, "identity"), seed(BE, "signing"), seed(BE, "another")
REVOKED = Restriction("revocation", None, fingerprint(public_signing(SIGNING)), "key_stolen")
SUSPENDED = Restriction("suspension", BE, None, "under_review")
MEMBER = Membership("The agency be-fp", "BE", "state_body", public_signing(IDENTITY))
GOVERNOR = governors_seeds()


def log() -> LogReplay:
    """Return the replay of a log of no entries over the root file of three agencies."""
    return LogReplay(NAME, GOVERNORS, network().statements)


def entry(body: Body, *seeds: bytes, previous: str | None = None, hours: int = 0, subject: str = BE) -> Entry:
    """Return a statement about be-fp."""
    return make(Link(NAME, subject, previous, NOW + timedelta(hours=hours)), body, seeds)


def head() -> str | None:
    """Return be-fp's latest statement of the root file."""
    return directory().head(BE)


# ---- verdicts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("leaf", "verdict"), [(6, Verdict.VALID), (8, Verdict.INVALID), (None, Verdict.UNDECIDED)])
@pytest.mark.parametrize("quorum", [7, 8], ids=["before the quorum", "under the quorum"])
def test_a_signature_is_judged_by_the_order_of_the_log(quorum: int, leaf: int | None, verdict: Verdict) -> None:
    replay = log()
    replay.advance([(7, logged_bytes(entry(REVOKED, IDENTITY)))], quorum)
    assert replay.directory.judge(skid(BE), leaf) == verdict
    assert replay.directory.judge(skid("hu-fp"), leaf) == Verdict.VALID


def test_what_the_root_file_restricts_was_restricted_before_everything() -> None:
    found = directory().add(entry(REVOKED, IDENTITY), ROOT)
    assert found.judge(skid(BE), 0) == Verdict.INVALID
    assert found.judge(skid(BE), None) == Verdict.UNDECIDED


def test_signatures_made_during_a_suspension_stay_invalid_after_it() -> None:
    suspended = entry(SUSPENDED, *GOVERNOR)
    again = entry(MEMBER, *GOVERNOR, IDENTITY, previous=suspended.id, hours=1)
    replay = log()
    replay.advance([(3, logged_bytes(suspended)), (9, logged_bytes(again))], 10)
    found = replay.directory
    assert [found.judge(skid(BE), leaf) for leaf in (2, 4, 8, 10, None)] == [
        Verdict.VALID,
        Verdict.INVALID,
        Verdict.INVALID,
        Verdict.VALID,
        Verdict.VALID,
    ]


def test_a_key_of_nobody_has_no_verdict() -> None:
    with pytest.raises(UnknownKey):
        directory().judge("A" * 43, None)


# ---- the quorum ------------------------------------------------------------------------------------------------------


def test_what_permits_waits_for_the_quorum_and_what_restricts_does_not() -> None:
    new = entry(NewSigningKey(public_signing(NEW), NOW), IDENTITY, NEW, previous=head())
    stop = entry(Restriction("suspension", "hu-fp", None, "under_review"), *GOVERNOR, subject="hu-fp")
    replay = log()
    replay.advance([(0, logged_bytes(new)), (1, logged_bytes(stop))], 0)
    assert replay.directory.current_signing(BE) == directory().current_signing(BE)
    assert not replay.directory.agency("hu-fp").active
    replay.advance([], 2)
    assert replay.directory.current_signing(BE)[0] == new.id
    assert not replay.directory.agency("hu-fp").active


def test_a_refused_statement_of_the_log_is_said_and_changes_nothing() -> None:
    rogue = entry(Membership("A rogue", "XK", "ngo", public_signing(NEW)), GOVERNOR[0], NEW, subject="xk-ngo")
    replay = log()
    before = replay.directory
    (judged,) = replay.advance([(0, logged_bytes(rogue))], 1)
    assert (judged.index, judged.statement) == (0, None)
    assert "is missing" in judged.refusal
    assert replay.directory == before


def test_a_statement_that_is_no_json_is_refused_by_name_and_the_next_one_counts() -> None:
    replay = log()
    good = logged_bytes(entry(REVOKED, IDENTITY))
    judged = replay.advance([(0, b"\x10{"), (1, b"\x10" + good[2:]), (2, good)], 3)
    assert [one.statement is None for one in judged] == [True, True, False]
    assert fingerprint(public_signing(SIGNING)) in replay.directory.refused


def test_the_directory_of_any_size_of_the_log_can_be_had() -> None:
    new = entry(NewSigningKey(public_signing(NEW), NOW), IDENTITY, NEW, previous=head())
    revoked = entry(REVOKED, IDENTITY, hours=1)
    replay = log()
    replay.advance([(4, logged_bytes(new)), (8, logged_bytes(revoked))], 9)
    assert replay.as_of(4) == directory()
    assert replay.as_of(5).current_signing(BE)[0] == new.id
    assert replay.as_of(8).signing_key(skid(BE)).valid
    assert not replay.as_of(9).signing_key(skid(BE)).valid
    assert replay.as_of(9) == replay.directory


@pytest.mark.parametrize("raw", [b"", b"\x01" + bytes(32), b"\x10", b"\x10[]", b'\x10{"statement":"AA"}'])
def test_what_is_no_statement_of_the_log_is_refused(raw: bytes) -> None:
    with pytest.raises(StatementRefused):
        read_logged(raw)


def test_a_logged_statement_is_read_as_it_was_written() -> None:
    for one in network().statements:
        assert read_logged(logged_bytes(one)) == one


# ---- two replays -----------------------------------------------------------------------------------------------------

SEEDS = {"governor 0": GOVERNOR[0], "governor 1": GOVERNOR[1], "identity": IDENTITY, "signing": SIGNING} | {
    name: seed(BE, name) for name in ("new identity", "new signing", "third signing")
}


def print_of(name: str) -> str:
    """Return the fingerprint of one of the keys of this story."""
    return fingerprint(public_signing(SEEDS[name]))


BODIES: dict[str, Body] = {
    "let in": MEMBER,
    "let in anew": Membership("The agency be-fp", "BE", "state_body", public_signing(SEEDS["new identity"])),
    "key": NewSigningKey(public_signing(SEEDS["new signing"]), NOW),
    "third key": NewSigningKey(public_signing(SEEDS["third signing"]), NOW),
    "recover signing": Recovery("signing", public_signing(SEEDS["new signing"])),
    "recover identity": Recovery("identity", public_signing(SEEDS["new identity"])),
    "days": EpochKeys(((TODAY + timedelta(days=9), public_epoch(NEW)),)),
    "suspend": SUSPENDED,
    "revoke": Restriction("revocation", BE, None, "left"),
    "revoke signing": REVOKED,
    "revoke new signing": Restriction("revocation", None, print_of("new signing"), "key_lost"),
    "revoke identity": Restriction("revocation", None, print_of("identity"), "key_lost"),
    "policy": Policy("quorum none\n"),
}
# What is tried: mostly those who may sign, sometimes one too few or somebody who may not.
SIGNERS: tuple[tuple[str, ...], ...] = (
    ("identity",),
    ("signing",),
    ("governor 0",),
    ("governor 0", "governor 1"),
    ("new identity",),
    ("new signing",),
)
Step = tuple[str, tuple[str, ...], bool, str]
POSSESSED = {
    "let in": "identity",
    "let in anew": "new identity",
    "key": "new signing",
    "third key": "third signing",
    "recover signing": "new signing",
    "recover identity": "new identity",
}
STEPS = st.tuples(
    st.sampled_from(sorted(BODIES)),
    st.sampled_from(SIGNERS),
    st.booleans(),
    st.sampled_from(("head", "head", "head", "none", "first")),
)


@dataclass
class Pair:
    """The product's replay and the plain one, fed alike."""

    ours: Replay = field(default_factory=lambda: Replay.founded(NAME, GOVERNORS))
    plain: PlainDirectory = field(default_factory=lambda: PlainDirectory(NAME, GOVERNORS.m, GOVERNORS.keys))

    def add(self, one: Entry, leaf: int) -> bool:
        """Feed both; they agree whether it counts."""
        try:
            self.ours.add(one, leaf)
            counted = True
        except StatementRefused:
            counted = False
        signatures = {signed.key: signed.signature for signed in one.signatures}
        assert self.plain.accepts(one.statement, signatures, leaf) == counted
        return counted


def compare(found: Directory, plain: PlainDirectory, leaves: Sequence[int | None]) -> None:
    """Ask both everything about be-fp."""
    assert found.agency(BE).active == plain.active(BE)
    stated = plain.keys(BE)
    assert {key.skid: key.key for key in found.signing.values() if key.agency == BE} == stated
    for name, key in stated.items():
        assert found.signing_key(name).valid == plain.in_force(BE, key)
        for leaf in leaves:
            assert found.judge(name, leaf) == plain.judge(BE, key, leaf), (name, leaf)


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=9))
def test_two_replays_agree_on_every_statement_and_every_verdict(
    steps: list[tuple[str, tuple[str, ...], bool, str]],
) -> None:
    pair = Pair()
    for one in network().statements:
        assert pair.add(one, NOT_LOGGED)
    for place, (name, signers, possessed, link) in enumerate(steps):
        subject = NAME if name == "policy" else BE
        links = {"head": pair.ours.directory().head(subject), "none": None, "first": network().statements[0].id}
        signing = {*signers, *([POSSESSED[name]] if possessed and name in POSSESSED else [])}
        seeds = [SEEDS[one] for one in sorted(signing)]
        pair.add(entry(BODIES[name], *seeds, previous=links[link], hours=place, subject=subject), 2 * place)
    compare(pair.ours.directory(), pair.plain, [None, *range(-1, 2 * len(steps) + 1, 2)])
