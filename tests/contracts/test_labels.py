"""Every string that keeps one use of a hash or a signature from another: all different, all written here."""

from __future__ import annotations

import hashlib
import re
from itertools import permutations

import pytest

from contracts import labels

WRITTEN = {name: value for name, value in vars(labels).items() if isinstance(value, bytes)}


def test_every_label_is_listed_once_as_a_person_or_as_a_prefix() -> None:
    assert sorted(WRITTEN.values()) == sorted((*labels.PERSONS, *labels.PREFIXES))


def test_no_two_labels_are_equal() -> None:
    assert len({label.rstrip(b"\x00") for label in WRITTEN.values()}) == len(WRITTEN)


def test_a_person_fits_sixteen_bytes_and_ends_in_no_zero_that_blake2b_would_add() -> None:
    assert [person for person in labels.PERSONS if not 1 <= len(person) <= 16 or person.endswith(b"\x00")] == []


def test_no_signed_prefix_begins_another() -> None:
    assert [pair for pair in permutations(labels.PREFIXES, 2) if pair[0].startswith(pair[1])] == []


def test_every_signed_prefix_says_where_it_ends() -> None:
    assert [prefix for prefix in labels.PREFIXES if not re.fullmatch(rb"LF1/[a-z-]+\x00", prefix)] == []


@pytest.mark.parametrize("person", labels.PERSONS)
def test_blake2b_takes_every_person(person: bytes) -> None:
    assert len(hashlib.blake2b(b"", person=person).digest()) == 64


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("CONTENT", b"LF1/content"),
        ("CASE", b"LF1/case"),
        ("SECTION", b"LF1/section"),
        ("IDENTITY", b"LF1/identity"),
        ("STATEMENT", b"LF1/statement"),
        ("STANDING", b"LF1/standing"),
        ("SIGN", b"LF1/sign"),
        ("ENVELOPE_KID", b"LFE1/kid"),
        ("ENVELOPE_EXTRACT", b"LFE1/extract"),
        ("ENVELOPE_COMMIT", b"LFE1/commit"),
        ("ENVELOPE_KEY", b"LFE1/key"),
        ("ENVELOPE_NONCE", b"LFE1/nonce"),
        ("SIGNATURE_PREFIX", b"LF1/signature\x00"),
        ("REQUEST_PREFIX", b"LF1/request\x00"),
    ],
)
def test_the_labels_of_the_format_are_written_as_published(name: str, written: bytes) -> None:
    assert WRITTEN[name] == written
