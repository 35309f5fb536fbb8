from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plain_tlog
from contracts.tlog import (
    COSIGNATURE,
    EMPTY_ROOT,
    Checkpoint,
    CheckpointRefused,
    make_signer,
    open_checkpoint,
    read_checkpoint,
    sign_checkpoint,
    sign_note,
)
from contracts.tlog.checkpoint import read_text

ORIGIN = "log.example/one"
LOG = make_signer(ORIGIN, b"\x01" * 32)
WITNESS = make_signer("witness.example/w", b"\x03" * 32, COSIGNATURE)
HEAD = Checkpoint(ORIGIN, 20_852_163, bytes(range(32)))


def test_a_checkpoint_is_three_lines_and_a_signature() -> None:
    raw = sign_checkpoint(HEAD, LOG)
    root = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert raw.decode().split("\n")[:4] == [ORIGIN, "20852163", root, ""]
    opened = open_checkpoint(raw, [LOG.key])
    assert (opened.checkpoint, opened.log, opened.cosigned) == (HEAD, LOG.key, ())
    assert plain_tlog.open_checkpoint(raw, str(LOG.key)) == (20_852_163, bytes(range(32)))


def test_signing_a_checkpoint_again_gives_the_same_bytes() -> None:
    assert sign_checkpoint(HEAD, LOG) == sign_checkpoint(HEAD, LOG)


def test_a_witness_that_one_asks_about_is_named_with_its_time() -> None:
    raw = sign_note(HEAD.text(), LOG, WITNESS, time=1_700_000_000)
    (seen,) = open_checkpoint(raw, [LOG.key], [WITNESS.key]).cosigned
    assert (seen.key, seen.time) == (WITNESS.key, 1_700_000_000)
    assert open_checkpoint(raw, [LOG.key]).cosigned == ()


def test_a_checkpoint_that_its_log_did_not_sign_is_refused() -> None:
    other = make_signer("log.example/other", b"\x02" * 32)
    for raw, keys in (
        (sign_note(HEAD.text(), other), [LOG.key, other.key]),
        (sign_note(HEAD.text(), LOG), [other.key]),
        (sign_note(HEAD.text(), WITNESS, time=1), [LOG.key]),
        (sign_note(HEAD.text(), make_signer(ORIGIN, b"\x02" * 32)), [LOG.key]),
    ):
        with pytest.raises(CheckpointRefused):
            open_checkpoint(raw, keys, [WITNESS.key])


def test_a_log_signs_under_its_origin_alone() -> None:
    with pytest.raises(CheckpointRefused, match="origin"):
        sign_checkpoint(Checkpoint("log.example/two", 0, EMPTY_ROOT), LOG)


def test_an_empty_log_with_another_root_is_refused() -> None:
    with pytest.raises(CheckpointRefused, match="hash of nothing"):
        open_checkpoint(sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), LOG), [LOG.key])
    open_checkpoint(sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), LOG), [LOG.key])


def test_extension_lines_are_kept() -> None:
    head = Checkpoint(ORIGIN, 1, bytes(32), ("one more", "and one"))
    assert open_checkpoint(sign_checkpoint(head, LOG), [LOG.key]).checkpoint == head


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "origin\n1\n",
        f"\n1\n{ROOT}\n",
        f"origin\n1\n{ROOT}",
        f"origin\n01\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n+1\n{ROOT}\n",
        f"origin\n1 \n{ROOT}\n",
        f"origin\n\N{ARABIC-INDIC DIGIT ONE}\n{ROOT}\n",
        f"origin\n{2**63}\n{ROOT}\n",
        f"origin\n{'9' * 5000}\n{ROOT}\n",
        f"origin\n1\n{ROOT[:-1]}\n",
        f"origin\n1\n{ROOT[:-2]}B=\n",
        f"origin\n1\n{ROOT}\n\nmore\n",
    ],
)
def test_a_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(CheckpointRefused):
        read_text(text)


def test_the_largest_size_is_read() -> None:
    assert read_text(f"origin\n{2**63 - 1}\n{ROOT}\n").size == 2**63 - 1


@given(st.text(alphabet="ab1 0\n=A/+", max_size=80))
def test_any_text_is_read_as_a_checkpoint_or_refused_by_name(text: str) -> None:
    for candidate in (text, f"o\n{text}\n{ROOT}\n", f"o\n1\n{ROOT}\n{text}"):
        try:
            found = read_text(candidate)
        except CheckpointRefused:
            continue
        assert found.text() == candidate


@given(st.binary(max_size=80))
def test_any_bytes_are_taken_apart_or_refused_by_name(raw: bytes) -> None:
    with pytest.raises(CheckpointRefused):
        read_checkpoint(raw)
