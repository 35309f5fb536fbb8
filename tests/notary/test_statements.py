"""Directory statements at the notary: what does not hold is never logged, what holds acts at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts.signing import fingerprint, public_signing
from contracts.statements import (
    Entry,
    Link,
    Membership,
    NewSigningKey,
    Restriction,
    logged_bytes,
    make,
    read_logged,
)
from notaries import Desk, body_of, desk, entries, entry, new_log, read_whole, signed_headers
from notary.agencies import Agencies, logged_statements
from small_network import NAME, NOW, directory, governors_seeds, seed

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from contracts.statements import Body

BE = "be-fp"
IDENTITY, SIGNING, NEW = seed(BE, "identity"), seed(BE, "signing"), seed(BE, "another")
NEWCOMER = seed("ro-ngo", "identity"), seed("ro-ngo", "signing")
REVOKED = Restriction("revocation", None, fingerprint(public_signing(SIGNING)), "key_stolen")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the folder of a new log."""
    return new_log(tmp_path / "log")


def statement(body: Body, *seeds: bytes, subject: str = BE, **link: Any) -> Entry:
    """Return a statement, about be-fp unless said otherwise."""
    known = {"network": NAME, "subject": subject, "previous": directory().head(subject), "made_at": NOW} | link
    return make(Link(**known), body, seeds)


def joining(governors: int = 2) -> tuple[bytes, bytes]:
    """Return the entries by which a new agency comes in with a signing key."""
    identity, signing = NEWCOMER
    member = Membership("A new shelter", "RO", "shelter", public_signing(identity))
    first = statement(member, *governors_seeds(governors), identity, subject="ro-ngo")
    key = NewSigningKey(public_signing(signing), NOW)
    second = statement(key, identity, signing, subject="ro-ngo", previous=first.id)
    return logged_bytes(first), logged_bytes(second)


async def unsigned(notary: Desk, *wanted: bytes) -> httpx.Response:
    """Submit entries without the headers of an agency."""
    return await notary.client.post("/v1/entries", content=body_of(wanted))


def code(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


async def test_an_agency_that_comes_in_submits_from_then_on(log: Path) -> None:
    async with desk(log) as notary:
        body = body_of(entries(1))
        headers = signed_headers(body, agency="ro-ngo")
        before = await notary.client.post("/v1/entries", content=body, headers=headers)
        assert code(before) == (401, "unknown-agency")
        answer = await unsigned(notary, *joining())
        assert (answer.status_code, answer.json()) == (202, {"indices": [0, 1]})
        assert (await notary.client.post("/v1/entries", content=body, headers=headers)).status_code == 202


@pytest.mark.parametrize("governors", [0, 1])
async def test_a_membership_with_too_few_governors_is_never_logged(log: Path, governors: int) -> None:
    async with desk(log) as notary:
        assert code(await unsigned(notary, *joining(governors))) == (422, "statement")
        assert code(await notary.submit(joining(governors))) == (422, "statement")
        assert notary.log.journal.end == 0


async def test_of_a_submission_with_one_bad_statement_nothing_is_taken(log: Path) -> None:
    async with desk(log) as notary:
        bad = statement(NewSigningKey(public_signing(NEW), NOW), NEW)
        assert code(await unsigned(notary, *joining(), logged_bytes(bad))) == (422, "statement")
        assert code(await notary.submit([*entries(2), logged_bytes(bad)])) == (422, "statement")
        assert notary.log.journal.end == 0


async def test_a_revoked_key_submits_nothing_more(log: Path) -> None:
    async with desk(log) as notary:
        assert (await notary.submit(entries(1))).status_code == 202
        assert (await unsigned(notary, logged_bytes(statement(REVOKED, IDENTITY)))).status_code == 202
        assert code(await notary.submit(entries(2))) == (401, "unknown-agency")
        new = statement(
            NewSigningKey(public_signing(NEW), NOW), IDENTITY, NEW, previous=statement(REVOKED, IDENTITY).id
        )
        assert (await unsigned(notary, logged_bytes(new))).status_code == 202
        assert await notary.indices([entry("after")], seed=NEW) == [3]


async def test_a_statement_keeps_its_index_however_often_it_comes(log: Path) -> None:
    revoked = logged_bytes(statement(REVOKED, IDENTITY))
    async with desk(log) as notary:
        for _ in range(2):
            assert (await unsigned(notary, revoked, revoked)).json() == {"indices": [0, 0]}
    async with desk(log) as notary:
        await notary.published(1)
        assert read_whole(log) == [revoked]


async def test_another_branch_of_a_chain_is_refused(log: Path) -> None:
    one, other = (
        logged_bytes(statement(NewSigningKey(public_signing(NEW), NOW + timedelta(hours=hour)), IDENTITY, NEW))
        for hour in (0, 1)
    )
    async with desk(log) as notary:
        assert (await unsigned(notary, one)).status_code == 202
        assert code(await unsigned(notary, other)) == (422, "statement")


async def test_what_is_not_a_statement_wants_an_agency(log: Path) -> None:
    async with desk(log) as notary:
        for wanted in (entries(1), [*joining(), *entries(1)], [b"\x02" + bytes(32)], [b""], []):
            assert code(await unsigned(notary, *wanted)) == (401, "request")
        assert notary.log.journal.end == 0


async def test_a_notary_that_starts_again_knows_what_its_log_says(log: Path) -> None:
    async with desk(log) as notary:
        await notary.indices(entries(300))
        await unsigned(notary, *joining())
        await notary.published(302)
        await unsigned(notary, logged_bytes(statement(REVOKED, IDENTITY)))
        logged = list(logged_statements(notary.log))
    async with desk(log) as notary:
        assert list(logged_statements(notary.log)) == logged
    assert [index for index, _ in logged] == [300, 301, 302]
    agencies = Agencies(directory(), lambda: NOW, logged)
    assert agencies.key_of("ro-ngo") == public_signing(NEWCOMER[1])
    assert fingerprint(public_signing(SIGNING)) in agencies.directory.refused
    assert agencies.directory.judge(statement_id(logged[1][1]), 301) == "valid"


def statement_id(raw: bytes) -> str:
    """Return the id of a logged statement."""
    return read_logged(raw).id
