"""Governors sign in different places: the file grows by their signatures and is submitted when there are enough."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.encoding import b64
from contracts.joining import (
    JoiningRequest,
    JoiningRequestRefused,
    NoGovernor,
    check_whole,
    read_joining,
    write_joining,
)
from contracts.network import root_digest, write_network
from contracts.signing import fingerprint, public_signing
from contracts.statements import Link, Membership, NewSigningKey, Restriction, StatementRefused, make, read_statement
from contracts.tlog import PolicyRefused
from notary.governing import FileRefused, NotaryAway, admit, change_policy, make_key, restrict
from small_network import NAME, NOW, network, seed

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY, SIGNING = seed("ro-ngo", "identity"), seed("ro-ngo", "signing")
NOBODY = "http://127.0.0.1:9"  # the discard port: no notary answers there
RAW = write_network(replace(network(), notary=NOBODY))
MEMBER = make(
    Link(NAME, "ro-ngo", None, NOW), Membership("A new shelter", "RO", "shelter", public_signing(IDENTITY)), [IDENTITY]
)
KEY = make(Link(NAME, "ro-ngo", MEMBER.id, NOW), NewSigningKey(public_signing(SIGNING), NOW), [IDENTITY, SIGNING])
REQUEST = JoiningRequest(NAME, root_digest(RAW), (MEMBER, KEY))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Give a governor's folder: the root file, a request, the keys of three governors and of somebody else."""
    (tmp_path / "network.json").write_bytes(RAW)
    (tmp_path / "request.json").write_bytes(write_joining(REQUEST))
    for name in ("0", "1", "2", "nobody"):
        key = tmp_path / f"{name}.key"
        key.write_text(b64(seed("governor", name)) + "\n", encoding="ascii")
        key.chmod(0o600)
    return tmp_path


def signed(folder: Path, *names: str) -> object:
    """Let governors sign the request."""
    return admit(folder / "request.json", folder / "network.json", [folder / f"{name}.key" for name in names])


def governors_of(folder: Path) -> set[str]:
    """Return who has signed the membership, beside the agency."""
    found = read_joining((folder / "request.json").read_bytes())
    return {one.key for one in found.entries[0].signatures} - {fingerprint(public_signing(IDENTITY))}


def test_the_first_of_two_governors_signs_and_passes_the_file_on(desk: Path) -> None:
    found = admit(desk / "request.json", desk / "network.json", [desk / "0.key"])
    assert (found.agency, found.title, found.missing, found.indices) == ("ro-ngo", "A new shelter", 1, ())
    assert found.fingerprint == fingerprint(public_signing(IDENTITY))
    assert governors_of(desk) == {fingerprint(public_signing(seed("governor", "0")))}
    again = admit(desk / "request.json", desk / "network.json", [desk / "0.key"])
    assert again == found


def test_the_second_one_submits_and_where_the_notary_is_away_both_signatures_are_kept(desk: Path) -> None:
    signed(desk, "0")
    with pytest.raises(NotaryAway):
        signed(desk, "2")
    assert len(governors_of(desk)) == 2
    check_whole(read_joining((desk / "request.json").read_bytes()), network())


def test_a_key_of_nobody_signs_nothing(desk: Path) -> None:
    before = (desk / "request.json").read_bytes()
    with pytest.raises(NoGovernor):
        signed(desk, "0", "nobody")
    assert (desk / "request.json").read_bytes() == before


def test_a_request_from_another_root_file_is_not_signed(desk: Path) -> None:
    (desk / "network.json").write_bytes(write_network(replace(network(), notary="http://127.0.0.1:10")))
    with pytest.raises(JoiningRequestRefused, match="another root file"):
        signed(desk, "0")


def test_a_key_file_that_others_may_read_is_not_used(desk: Path) -> None:
    (desk / "0.key").chmod(0o640)
    with pytest.raises(FileRefused, match="0600"):
        signed(desk, "0")


def test_governors_write_a_restriction_that_needs_as_many_of_them(desk: Path) -> None:
    out = desk / "restriction.json"
    body = Restriction("suspension", "be-fp", None, "under_review")
    found = restrict("be-fp", body, desk / "network.json", [desk / "1.key"], out)
    assert (found.agency, found.says, found.missing) == ("be-fp", ("suspension",), 1)
    with pytest.raises(FileRefused):
        restrict("be-fp", body, desk / "network.json", [desk / "0.key"], out)
    entry = read_joining(out.read_bytes()).entries[0]
    with pytest.raises(StatementRefused, match="missing"):
        network().directory().add(entry)
    with pytest.raises(NotaryAway):
        admit(out, desk / "network.json", [desk / "0.key"])
    assert not network().directory().add(read_joining(out.read_bytes()).entries[0]).agency("be-fp").active


def test_a_new_governors_key_signs(desk: Path) -> None:
    public = make_key(desk / "new.key")
    assert (desk / "new.key").stat().st_mode & 0o777 == 0o600
    assert len(public) == 43
    with pytest.raises(FileRefused):
        make_key(desk / "new.key")
    with pytest.raises(NoGovernor):
        signed(desk, "new")


def test_a_request_comes_back_as_it_was_written() -> None:
    assert read_joining(write_joining(REQUEST)) == REQUEST
    assert [read_statement(entry.statement).type for entry in REQUEST.entries] == ["membership", "signing-key"]


@settings(max_examples=300)
@given(st.integers(0, len(write_joining(REQUEST)) - 1), st.integers(1, 255))
def test_a_damaged_request_is_refused_by_name_or_by_its_statements(place: int, change: int) -> None:
    raw = bytearray(write_joining(REQUEST))
    raw[place] ^= change
    try:
        found = read_joining(bytes(raw))
    except JoiningRequestRefused:
        return
    if found != REQUEST and (found.network, found.root) == (REQUEST.network, REQUEST.root):
        for name in ("0", "1"):
            found = found.signed_by(seed("governor", name), network())
        with pytest.raises(StatementRefused):
            check_whole(found, network())


@given(st.binary(max_size=200))
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(JoiningRequestRefused):
        read_joining(raw)


def test_a_policy_that_is_none_or_does_not_name_the_log_is_not_signed(desk: Path) -> None:
    text, out = desk / "policy", desk / "policy.json"
    for body, refusal in (("quorum nobody\n", PolicyRefused), ("quorum none\n", FileRefused), ("\xff", PolicyRefused)):
        text.write_text(body, encoding="latin-1")
        with pytest.raises(refusal):
            change_policy(text, None, desk / "network.json", [desk / "0.key"], out)
        assert not out.exists()
