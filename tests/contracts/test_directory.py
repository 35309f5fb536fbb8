"""Statements replayed in order: who is in, by which keys, and which statement is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.directory import Directory, NotDeclared, UnknownAgency, replay
from contracts.encoding import b64
from contracts.signing import PRIME, UnknownKey, as_epoch_key, fingerprint, public_epoch, public_signing
from contracts.statements import (
    Body,
    Calendar,
    Capabilities,
    Entry,
    EpochKeys,
    Link,
    Membership,
    NewSigningKey,
    Policy,
    Recovery,
    Restriction,
    Signed,
    StatementRefused,
    co_sign,
    make,
)
from small_network import (
    AGENCIES,
    GOVERNORS,
    NAME,
    NOW,
    TODAY,
    capabilities,
    directory,
    epoch,
    governors_seeds,
    identity,
    joining,
    network,
    seed,
    skid,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

IDENTITY, SIGNING = seed("be-fp", "identity"), seed("be-fp", "signing")
NEW = seed("be-fp", "another")


def after(body: Body, *seeds: bytes, before: Directory | None = None, subject: str = "be-fp", **link: Any) -> Directory:
    """Return the directory after one more statement about be-fp."""
    before = before or directory()
    known: dict[str, Any] = {
        "network": NAME,
        "subject": subject,
        "previous": before.head(subject),
        "made_at": NOW + timedelta(days=1),
    }
    return before.add(make(Link(**(known | link)), body, seeds))


def refusal(body: Body, *seeds: bytes, **changes: Any) -> str:
    """Return why a statement about be-fp is refused."""
    with pytest.raises(StatementRefused) as refused:
        after(body, *seeds, **changes)
    return refused.value.detail


def test_agencies_join_by_four_statements_each() -> None:
    found = directory()
    assert sorted(found.agencies) == ["be-fp", "hu-fp", "hu-iom"]
    agency = found.agency("hu-iom")
    assert (agency.name, agency.title, agency.country) == ("hu-iom", "The agency hu-iom", "HU")
    assert (agency.kind, agency.state_body, agency.active) == ("international_organisation", False, True)
    assert found.agency("hu-fp").state_body
    assert agency.identity == public_signing(seed("hu-iom", "identity"))
    assert agency.fingerprint == identity("hu-iom") == fingerprint(agency.identity)
    assert agency.fingerprints == {agency.fingerprint}
    assert agency.capabilities == capabilities("hu-iom")
    assert agency.capabilities.calendar == Calendar("HU", None, (6, 7), (date(2026, 12, 24),), "Europe/Budapest")


def test_a_signing_key_is_found_by_its_statement() -> None:
    name, key = directory().current_signing("be-fp")
    assert name == network().statements[1].id
    assert key == public_signing(SIGNING)
    found = directory().signing_key(name)
    assert (found.agency, found.key, found.valid) == ("be-fp", key, True)


def test_epoch_keys_are_found_by_agency_and_day() -> None:
    assert directory().epoch_key("hu-fp", TODAY) == epoch("hu-fp").public
    assert directory().epoch_key("hu-fp", TODAY - timedelta(days=1)) is None
    assert directory().epoch_key("nobody", TODAY) is None
    assert directory().epoch_days("hu-fp") == tuple(TODAY + timedelta(days=n) for n in range(3))


def test_an_inbox_is_found_by_its_topic() -> None:
    for name in AGENCIES:
        assert directory().by_topic(capabilities(name).topic).name == name


def test_what_is_not_there_is_said_by_name() -> None:
    with pytest.raises(UnknownAgency):
        directory().agency("nobody")
    with pytest.raises(UnknownAgency):
        directory().by_topic("in." + "a" * 26)
    with pytest.raises(UnknownKey):
        directory().signing_key(network().statements[0].id)
    with pytest.raises(UnknownKey):
        directory().current_signing("nobody")
    bare = replay(NAME, GOVERNORS, network().statements[:1])
    with pytest.raises(NotDeclared):
        _ = bare.agency("be-fp").capabilities
    with pytest.raises(UnknownKey):
        bare.current_signing("be-fp")


def test_a_newer_signing_key_is_used_and_the_older_still_verifies() -> None:
    new = after(NewSigningKey(public_signing(NEW), NOW + timedelta(days=2)), IDENTITY, NEW)
    assert new.current_signing("be-fp")[1] == public_signing(NEW)
    assert new.current_signing("be-fp", NOW + timedelta(days=1)) == directory().current_signing("be-fp")
    assert new.current_signing("be-fp", NOW + timedelta(days=2))[1] == public_signing(NEW)
    assert new.signing_key(skid("be-fp")).valid
    with pytest.raises(UnknownKey):
        new.current_signing("be-fp", NOW - timedelta(days=1))


def test_adding_leaves_the_directory_before_as_it_was() -> None:
    before = directory()
    new = after(NewSigningKey(public_signing(NEW), NOW), IDENTITY, NEW)
    assert new != before
    assert before == network().directory()


def test_a_refused_statement_changes_nothing() -> None:
    before = network().directory()
    with pytest.raises(StatementRefused):
        before.add(make(Link(NAME, "be-fp", before.head("be-fp"), NOW), capabilities("be-fp"), [NEW]))
    assert before == network().directory()


# ---- who must sign ---------------------------------------------------------------------------------------------------

MEMBER = Membership("A new shelter", "RO", "shelter", public_signing(NEW))
KEY = NewSigningKey(public_signing(NEW), NOW)
DAYS = EpochKeys(((TODAY + timedelta(days=9), public_epoch(NEW)),))
SUSPENDED = Restriction("suspension", "be-fp", None, "under_review")
KEY_REVOKED = Restriction("revocation", None, fingerprint(public_signing(SIGNING)), "key_lost")
GOVERNOR = governors_seeds()
MISSING, UNASKED = "One that its type asks for is missing.", "One is not asked for here."


@pytest.mark.parametrize(
    ("body", "seeds", "subject"),
    [
        (MEMBER, (*GOVERNOR, NEW), "ro-ngo"),
        (MEMBER, (*governors_seeds(3), NEW), "ro-ngo"),
        (KEY, (IDENTITY, NEW), "be-fp"),
        (DAYS, (SIGNING,), "be-fp"),
        (capabilities("be-fp", languages=("fr", "nl")), (SIGNING,), "be-fp"),
        (SUSPENDED, (IDENTITY,), "be-fp"),
        (SUSPENDED, GOVERNOR, "be-fp"),
        (KEY_REVOKED, (IDENTITY,), "be-fp"),
        (KEY_REVOKED, GOVERNOR, "be-fp"),
        (Recovery("identity", public_signing(NEW)), (IDENTITY, NEW), "be-fp"),
        (Recovery("identity", public_signing(NEW)), (*GOVERNOR, NEW), "be-fp"),
        (Recovery("signing", public_signing(NEW)), (*GOVERNOR, NEW), "be-fp"),
        (Policy("quorum none\n"), GOVERNOR, NAME),
    ],
)
def test_a_statement_counts_with_the_signatures_of_its_type(body: Body, seeds: Sequence[bytes], subject: str) -> None:
    assert after(body, *seeds, subject=subject) != directory()


@pytest.mark.parametrize(
    ("body", "seeds", "subject", "sentence"),
    [
        (MEMBER, (GOVERNOR[0], NEW), "ro-ngo", MISSING),
        (MEMBER, GOVERNOR, "ro-ngo", MISSING),
        (MEMBER, (*GOVERNOR, NEW, IDENTITY), "ro-ngo", UNASKED),
        (KEY, (IDENTITY,), "be-fp", MISSING),
        (KEY, (NEW,), "be-fp", MISSING),
        (KEY, (SIGNING, NEW), "be-fp", UNASKED),
        (KEY, (*GOVERNOR, NEW), "be-fp", UNASKED),
        (KEY, (seed("hu-fp", "identity"), NEW), "be-fp", UNASKED),
        (DAYS, (IDENTITY,), "be-fp", UNASKED),
        (DAYS, (seed("hu-fp", "signing"),), "be-fp", UNASKED),
        (capabilities("be-fp"), (IDENTITY,), "be-fp", UNASKED),
        (capabilities("be-fp"), GOVERNOR, "be-fp", UNASKED),
        (SUSPENDED, (GOVERNOR[0],), "be-fp", MISSING),
        (SUSPENDED, (SIGNING,), "be-fp", UNASKED),
        (SUSPENDED, (seed("hu-fp", "identity"),), "be-fp", UNASKED),
        (Recovery("identity", public_signing(NEW)), GOVERNOR, "be-fp", MISSING),
        (Recovery("identity", public_signing(NEW)), (GOVERNOR[0], NEW), "be-fp", MISSING),
        (Policy("quorum none\n"), (GOVERNOR[0],), NAME, MISSING),
        (Policy("quorum none\n"), (*GOVERNOR, IDENTITY), NAME, UNASKED),
    ],
)
def test_a_statement_without_the_signatures_of_its_type_is_refused(
    body: Body, seeds: Sequence[bytes], subject: str, sentence: str
) -> None:
    assert sentence in refusal(body, *seeds, subject=subject)


def test_a_signature_that_does_not_hold_is_refused() -> None:
    entry = make(Link(NAME, "be-fp", directory().head("be-fp"), NOW), KEY, [IDENTITY, NEW])
    for place in range(2):
        signatures = list(entry.signatures)
        signatures[place] = Signed(signatures[place].key, bytes(64))
        with pytest.raises(StatementRefused, match="does not hold"):
            directory().add(Entry(entry.statement, tuple(signatures)))


def test_a_signature_on_other_bytes_does_not_hold() -> None:
    link = Link(NAME, "be-fp", directory().head("be-fp"), NOW)
    one, other = (make(link, NewSigningKey(public_signing(NEW), at), [IDENTITY, NEW]) for at in (NOW, TOMORROW))
    with pytest.raises(StatementRefused, match="does not hold"):
        directory().add(Entry(one.statement, other.signatures))


def test_governors_sign_in_different_places() -> None:
    link = Link(NAME, "ro-ngo", None, NOW)
    request = make(link, MEMBER, [NEW])
    for governor in GOVERNOR:
        with pytest.raises(StatementRefused, match=MISSING):
            directory().add(request)
        request = co_sign(co_sign(request, governor), governor)
    assert directory().add(request).agency("ro-ngo").title == "A new shelter"


# ---- where a statement stands ----------------------------------------------------------------------------------------

TOMORROW: datetime = NOW + timedelta(days=1)


def test_a_statement_follows_its_subjects_latest_one() -> None:
    assert "latest" in refusal(KEY, IDENTITY, NEW, previous=None)
    assert "latest" in refusal(KEY, IDENTITY, NEW, previous=network().statements[0].id)
    assert "latest" in refusal(KEY, IDENTITY, NEW, previous=directory().head("hu-fp"))
    assert "latest" in refusal(MEMBER, *GOVERNOR, NEW, subject="ro-ngo", previous=directory().head("be-fp"))


def test_a_statement_counts_once() -> None:
    with pytest.raises(StatementRefused, match="already"):
        directory().add(network().statements[0])


def test_a_statement_of_another_network_is_refused() -> None:
    assert "another network" in refusal(KEY, IDENTITY, NEW, network="production")


def test_a_statement_about_nobody_is_refused() -> None:
    assert "no member" in refusal(KEY, IDENTITY, NEW, subject="ro-ngo")
    assert "no member" in refusal(SUSPENDED, *GOVERNOR, subject="ro-ngo")
    assert "the network's" in refusal(Policy("quorum none\n"), *GOVERNOR, subject="be-fp")


def test_a_replay_names_the_statement_that_is_refused() -> None:
    statements = network().statements
    with pytest.raises(StatementRefused, match="Statement 3: `previous`"):
        replay(NAME, GOVERNORS, (*statements[:2], *statements[3:]))


# ---- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        (bytes(32), "no valid Ed25519 point"),
        ((1).to_bytes(32, "little"), "no valid Ed25519 point"),
        ((PRIME + 1).to_bytes(32, "little"), "no valid Ed25519 point"),
        ((2).to_bytes(32, "little"), "no valid Ed25519 point"),
    ],
)
def test_an_ed25519_key_that_is_no_valid_point_is_refused(point: bytes, sentence: str) -> None:
    for body, subject in (
        (Membership("A new shelter", "RO", "shelter", point), "ro-ngo"),
        (NewSigningKey(point, NOW), "be-fp"),
        (Recovery("identity", point), "be-fp"),
        (Recovery("signing", point), "be-fp"),
    ):
        assert sentence in refusal(body, *GOVERNOR, subject=subject)
    with pytest.raises(StatementRefused, match=sentence):
        replay(NAME, replace(GOVERNORS, keys=(*GOVERNORS.keys, point)), ())


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        (bytes(32), "low order"),
        ((PRIME - 1).to_bytes(32, "little"), "low order"),
        (PRIME.to_bytes(32, "little"), "no canonical"),
        ((PRIME + 9).to_bytes(32, "little"), "no canonical"),
        (b"\xff" * 32, "no canonical"),
    ],
)
def test_an_epoch_key_of_low_order_or_not_canonical_is_refused(point: bytes, sentence: str) -> None:
    assert sentence in refusal(EpochKeys(((TODAY, point),)), SIGNING)


def test_a_signing_key_does_not_come_back_as_an_epoch_key() -> None:
    for key in (
        as_epoch_key(public_signing(SIGNING)),
        as_epoch_key(public_signing(IDENTITY)),
        as_epoch_key(public_signing(seed("hu-fp", "signing"))),
        as_epoch_key(GOVERNORS.keys[0]),
    ):
        assert refusal(EpochKeys(((TODAY, key),)), SIGNING) == "A key has another use already."


def test_an_epoch_key_does_not_come_back_as_a_signing_key() -> None:
    turned = as_epoch_key(public_signing(NEW))
    before = after(EpochKeys(((TODAY, turned),)), SIGNING)
    assert refusal(KEY, IDENTITY, NEW, before=before) == "A key has another use already."


def test_a_key_has_one_use_for_ever() -> None:
    again = "A key has another use already."
    for used in (IDENTITY, SIGNING, seed("hu-fp", "signing"), seed("hu-fp", "identity"), GOVERNOR[0]):
        assert refusal(NewSigningKey(public_signing(used), NOW), IDENTITY, used) == again
        assert refusal(replace(MEMBER, identity=public_signing(used)), *GOVERNOR, used, subject="ro-ngo") == again
        assert refusal(Recovery("identity", public_signing(used)), *GOVERNOR, used) == again
    assert refusal(EpochKeys(((TODAY, epoch("hu-fp").public),)), SIGNING) == again
    assert refusal(EpochKeys(((TODAY + timedelta(days=9), epoch("be-fp").public),)), SIGNING) == again


def test_epoch_keys_may_be_published_again_and_a_day_may_get_another_key() -> None:
    same = after(EpochKeys(((TODAY, epoch("be-fp").public),)), SIGNING)
    assert same.epoch_key("be-fp", TODAY) == epoch("be-fp").public
    other = after(EpochKeys(((TODAY, public_epoch(NEW)),)), SIGNING, before=same)
    assert other.epoch_key("be-fp", TODAY) == public_epoch(NEW)


# ---- restrictions ----------------------------------------------------------------------------------------------------


def test_a_suspended_agency_is_neither_written_to_nor_believed() -> None:
    found = after(SUSPENDED, *GOVERNOR)
    assert not found.agency("be-fp").active
    assert not found.signing_key(skid("be-fp")).valid
    assert found.epoch_key("be-fp", TODAY) is None
    with pytest.raises(UnknownKey):
        found.current_signing("be-fp")
    assert found.agency("hu-fp").active
    assert found.signing_key(skid("hu-fp")).valid


def test_a_restriction_acts_when_seen_whatever_it_was_written_after() -> None:
    for previous in (None, network().statements[0].id, directory().head("be-fp")):
        assert not after(SUSPENDED, IDENTITY, previous=previous).agency("be-fp").active
    assert "no statement about this subject" in refusal(SUSPENDED, IDENTITY, previous=directory().head("hu-fp"))
    assert "no statement about this subject" in refusal(SUSPENDED, IDENTITY, previous=b64(b"x" * 32))


def test_what_the_agency_writes_after_a_restriction_names_it() -> None:
    found = after(KEY_REVOKED, IDENTITY, previous=None)
    assert "latest" in refusal(KEY, IDENTITY, NEW, before=found, previous=directory().head("be-fp"))
    assert after(KEY, IDENTITY, NEW, before=found).current_signing("be-fp")[1] == public_signing(NEW)


def test_a_suspended_agency_says_nothing_until_it_is_let_in_again() -> None:
    suspended = after(SUSPENDED, *GOVERNOR)
    for body, seeds in ((KEY, (IDENTITY, NEW)), (DAYS, (SIGNING,)), (capabilities("be-fp"), (SIGNING,))):
        assert "suspended or revoked" in refusal(body, *seeds, before=suspended)
    member = Membership("The agency be-fp", "BE", "state_body", public_signing(IDENTITY))
    again = after(member, *GOVERNOR, IDENTITY, before=suspended)
    assert again.agency("be-fp").active
    assert again.agency("be-fp").capabilities == capabilities("be-fp")
    assert again.signing_key(skid("be-fp")).valid


def test_a_revoked_signing_key_is_never_relied_on_again() -> None:
    found = after(KEY_REVOKED, IDENTITY)
    assert found.agency("be-fp").active
    assert not found.signing_key(skid("be-fp")).valid
    with pytest.raises(UnknownKey):
        found.current_signing("be-fp")
    assert UNASKED in refusal(DAYS, SIGNING, before=found)
    assert "another use" in refusal(NewSigningKey(public_signing(SIGNING), NOW), IDENTITY, SIGNING, before=found)
    assert after(KEY, IDENTITY, NEW, before=found).current_signing("be-fp")[1] == public_signing(NEW)


def test_a_revoked_agency_comes_back_with_new_keys_only() -> None:
    revoked = after(Restriction("revocation", "be-fp", None, "left"), *GOVERNOR)
    old = Membership("The agency be-fp", "BE", "state_body", public_signing(IDENTITY))
    assert "a new one after its revocation" in refusal(old, *GOVERNOR, IDENTITY, before=revoked)
    again = after(replace(old, identity=public_signing(NEW)), *GOVERNOR, NEW, before=revoked)
    agency = again.agency("be-fp")
    assert agency.active
    assert agency.fingerprints == {identity("be-fp"), fingerprint(public_signing(NEW))}
    assert not again.signing_key(skid("be-fp")).valid


def test_an_identity_in_force_is_not_changed_by_a_membership() -> None:
    member = Membership("The agency be-fp", "BE", "state_body", public_signing(NEW))
    assert "stays as it is" in refusal(member, *GOVERNOR, NEW)
    renamed = Membership("Another name", "BE", "ngo", public_signing(IDENTITY))
    assert after(renamed, *GOVERNOR, IDENTITY).agency("be-fp").title == "Another name"


def test_a_lost_identity_is_recovered_by_governors() -> None:
    keyless = after(Restriction("revocation", None, identity("be-fp"), "key_lost"), IDENTITY)
    assert not keyless.agency("be-fp").active
    body = Recovery("identity", public_signing(NEW))
    assert UNASKED in refusal(body, IDENTITY, NEW, before=keyless)
    found = after(body, *GOVERNOR, NEW, before=keyless)
    agency = found.agency("be-fp")
    assert (agency.active, agency.fingerprint) == (True, fingerprint(public_signing(NEW)))
    assert agency.former == {identity("be-fp")}
    assert found.signing_key(skid("be-fp")).valid


def test_a_recovery_ends_no_suspension() -> None:
    suspended = after(SUSPENDED, *GOVERNOR)
    found = after(Recovery("identity", public_signing(NEW)), IDENTITY, NEW, before=suspended)
    assert not found.agency("be-fp").active


def test_a_restriction_names_its_subject_or_a_key_of_it() -> None:
    restricts = "It restricts its subject or a key of its subject."
    assert refusal(Restriction("suspension", "hu-fp", None, "spite"), *GOVERNOR) == restricts
    foreign = fingerprint(public_signing(seed("hu-fp", "signing")))
    assert refusal(Restriction("revocation", None, foreign, "spite"), IDENTITY) == restricts


def test_a_policy_is_the_networks() -> None:
    found = after(Policy("quorum none\n"), *GOVERNOR, subject=NAME)
    assert found.policy == "quorum none\n"
    again = "# again\nquorum none\n"
    assert after(Policy(again), *GOVERNOR, subject=NAME, before=found).policy == again
    assert "quorum" in refusal(Policy("quorum two\n"), *GOVERNOR, subject=NAME)


def test_suites_never_go_down() -> None:
    higher = after(capabilities("be-fp", suites=(1, 2)), SIGNING)
    assert "never go down" in refusal(capabilities("be-fp"), SIGNING, before=higher)
    assert after(capabilities("be-fp", suites=(2,)), SIGNING, before=higher).agency("be-fp").capabilities.suites == (2,)


def test_an_inbox_belongs_to_one_agency() -> None:
    taken = capabilities("be-fp", topic=capabilities("hu-fp").topic)
    assert "another agency's inbox" in refusal(taken, SIGNING)


ACTS: dict[str, tuple[Body, tuple[bytes, ...]]] = {
    "key": (KEY, (IDENTITY, NEW)),
    "days": (DAYS, (SIGNING,)),
    "suspend": (SUSPENDED, GOVERNOR),
    "revoke key": (KEY_REVOKED, (IDENTITY,)),
    "let in": (Membership("The agency be-fp", "BE", "state_body", public_signing(IDENTITY)), (*GOVERNOR, IDENTITY)),
    "recover": (Recovery("identity", public_signing(seed("third"))), (*GOVERNOR, seed("third"))),
}


@settings(max_examples=100)
@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=8))
def test_whatever_is_stated_a_revoked_key_stays_out_and_others_are_untouched(names: list[str]) -> None:
    found, revoked = directory(), False
    for place, name in enumerate(names):
        body, seeds = ACTS[name]
        try:
            found = after(body, *seeds, before=found, made_at=NOW + timedelta(hours=place))
            revoked = revoked or name == "revoke key"
        except StatementRefused:
            continue
        assert not (revoked and found.signing_key(skid("be-fp")).valid)
    assert found.agency("hu-fp") == directory().agency("hu-fp")
    assert found.signing_key(skid("hu-fp")).valid
    assert found.epoch_key("hu-iom", TODAY) == epoch("hu-iom").public


def test_joining_twice_is_refused() -> None:
    with pytest.raises(StatementRefused, match="Statement 5"):
        replay(NAME, GOVERNORS, [*joined("be-fp"), *joined("be-fp")])


def joined(agency: str) -> list[Entry]:
    """Return the statements by which an agency joins."""
    return joining(agency, []).entries


def test_capabilities_are_what_was_signed() -> None:
    found = directory().agency("hu-fp").capabilities
    assert isinstance(found, Capabilities)
    assert found.topic.startswith("in.")
    assert len(found.topic) == 29
