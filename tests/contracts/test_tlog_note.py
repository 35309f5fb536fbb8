from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plain_tlog
from contracts.tlog import (
    COSIGNATURE,
    NoteKeyRefused,
    NoteRefused,
    Signed,
    make_signer,
    read_key,
    read_note,
    read_signer,
    sign_note,
    verify_note,
)

# The example of C2SP signed-note; its key holds a plus only between its parts.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
LOG = make_signer("log.example/one", b"\x01" * 32)
OTHER = make_signer("log.example/two", b"\x02" * 32)
WITNESS = make_signer("witness.example/w", b"\x03" * 32, COSIGNATURE)


def test_the_example_of_the_specification_verifies() -> None:
    key = read_key(EXAMPLE_KEY)
    assert verify_note(read_note(EXAMPLE), [key]) == (Signed(key, None),)
    assert str(key) == EXAMPLE_KEY
    assert read_note(EXAMPLE).encode() == EXAMPLE


def test_every_flipped_bit_of_the_example_is_refused() -> None:
    key = read_key(EXAMPLE_KEY)
    for bit in range(len(EXAMPLE) * 8):
        at, rest = divmod(bit, 8)
        broken = EXAMPLE[:at] + bytes([EXAMPLE[at] ^ 1 << rest]) + EXAMPLE[at + 1 :]
        with pytest.raises(NoteRefused):
            verify_note(read_note(broken), [key])


def test_every_cut_of_the_example_is_refused() -> None:
    for length in range(len(EXAMPLE)):
        with pytest.raises(NoteRefused):
            verify_note(read_note(EXAMPLE[:length]), [read_key(EXAMPLE_KEY)])


def test_a_key_whose_base64_holds_a_plus_is_split_twice_and_no_more() -> None:
    seeds = (number.to_bytes(32, "big") for number in range(1, 1000))
    signer = next(found for seed in seeds if str((found := make_signer("n", seed)).key).count("+") > 2)
    assert read_key(str(signer.key)) == signer.key
    assert read_signer(signer.secret_text()) == signer


def test_a_line_of_a_stranger_is_ignored_whatever_it_says() -> None:
    signed = sign_note("text\n", LOG, OTHER)
    assert verify_note(read_note(signed), [LOG.key]) == (Signed(LOG.key, None),)
    # The name of a key we know with another id, and its id under another name, are strangers too.
    line = f"— {LOG.key.name} {base64.b64encode(b'none' + bytes(64)).decode()}\n"
    cousin = f"— log.example/cousin {base64.b64encode(LOG.key.id + bytes(64)).decode()}\n"
    assert verify_note(read_note(signed + (line + cousin).encode()), [LOG.key]) == (Signed(LOG.key, None),)


def test_a_failing_line_of_a_known_key_makes_the_note_worthless() -> None:
    forged = f"— {OTHER.key.name} {base64.b64encode(OTHER.key.id + bytes(64)).decode()}\n".encode()
    note = read_note(sign_note("text\n", LOG) + forged)
    assert verify_note(note, [LOG.key]) == (Signed(LOG.key, None),)
    with pytest.raises(NoteRefused, match="does not hold"):
        verify_note(note, [LOG.key, OTHER.key])


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    with pytest.raises(NoteRefused, match="None of the keys"):
        verify_note(read_note(sign_note("text\n", OTHER)), [LOG.key])


def test_a_cosignature_holds_with_its_time_and_not_with_another() -> None:
    cosigned = sign_note("text\n", WITNESS, time=1_679_315_147)
    assert verify_note(read_note(cosigned), [WITNESS.key]) == (Signed(WITNESS.key, 1_679_315_147),)
    raw = read_note(cosigned).signatures[0]
    assert raw.signature[:8] == (1_679_315_147).to_bytes(8, "big")
    for wrong in (b"\x00" * 8 + raw.signature[8:], raw.signature[8:], b"\xff" + raw.signature[1:]):
        line = f"— {raw.name} {base64.b64encode(raw.id + wrong).decode()}\n"
        with pytest.raises(NoteRefused):
            verify_note(read_note(f"text\n\n{line}".encode()), [WITNESS.key])


def test_the_text_may_hold_empty_lines_and_ends_at_the_last_one() -> None:
    note = read_note(sign_note("one\n\n\ntwo\n", LOG))
    assert note.text == "one\n\n\ntwo\n"
    verify_note(note, [LOG.key])


def test_sixteen_signatures_are_read_and_a_hundred_and_one_are_not() -> None:
    signers = [make_signer(f"k{number}", bytes([number]) * 32) for number in range(1, 17)]
    note = sign_note("text\n", *signers)
    assert len(verify_note(read_note(note), [signer.key for signer in signers])) == 16
    line = note.split(b"\n")[2] + b"\n"
    with pytest.raises(NoteRefused, match="signatures"):
        read_note(b"text\n\n" + line * 101)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        EXAMPLE[:-1],
        EXAMPLE.replace(b".\n", b".\r\n"),
        EXAMPLE.replace(b".\n", b".\t\n"),
        EXAMPLE.replace(b"This", b"\xff\xfehis"),
        EXAMPLE.replace("— ".encode(), b"- "),
        EXAMPLE.replace("— ".encode(), "—".encode()),
        EXAMPLE.replace(b"foo ", b"foo  "),
        EXAMPLE.replace(b"foo ", b"f+o "),
        EXAMPLE.replace(b"foo ", "f\u00a0o ".encode()),
        EXAMPLE.replace(b"example.com/foo ", b" "),
        EXAMPLE.replace(b"aQM=", b"aQN="),
        EXAMPLE.replace(b"aQM=", b"aQM"),
        EXAMPLE + "— x AAAA\n".encode(),
        EXAMPLE + b"\n",
        b"x" * 1_000_001,
    ],
)
def test_a_malformed_note_is_refused(raw: bytes) -> None:
    with pytest.raises(NoteRefused):
        verify_note(read_note(raw), [read_key(EXAMPLE_KEY)])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("530d903a", "530D903A"),
        EXAMPLE_KEY.replace("foo", "fo o"),
        EXAMPLE_KEY.replace("example.com/foo", ""),
        EXAMPLE_KEY.replace("+Aek", "+Aul"),
        EXAMPLE_KEY[:-1],
        EXAMPLE_KEY + "=",
        "n+" + "0" * 8 + "+" + base64.b64encode(b"\x01" + bytes(32)).decode(),
        "n\udcff+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_a_malformed_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteKeyRefused):
        read_key(vkey)


def test_a_key_of_small_order_and_a_key_of_another_type_are_refused() -> None:
    for raw in (b"\x01" + b"\x01" + bytes(31), b"\x02" + LOG.key.public, b"\x06" + bytes(1312)):
        vkey = f"n+{plain_tlog.sha(b'n', bytes([10]), raw).hex()[:8]}+{base64.b64encode(raw).decode()}"
        with pytest.raises(NoteKeyRefused):
            read_key(vkey)


def test_a_private_key_shows_itself_in_its_file_alone() -> None:
    assert base64.b64encode(LOG.seed).decode()[:8] not in repr(LOG)
    assert LOG.secret_text().startswith("PRIVATE+KEY+log.example/one+")
    for broken in ("", "PRIVATE+KEY+x", LOG.secret_text()[:-4], LOG.secret_text().replace("one", "two")):
        with pytest.raises(NoteKeyRefused) as refused:
            read_signer(broken)
        assert "AQEB" not in str(refused.value)


def test_the_second_reader_opens_our_notes() -> None:
    assert plain_tlog.open_note(sign_note("text\n\nmore\n", OTHER, LOG), str(LOG.key)) == "text\n\nmore\n"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_a_note_or_refused_by_name(raw: bytes) -> None:
    for candidate in (raw, b"text\n\n" + raw, "text\n\n— n ".encode() + raw + b"\n"):
        try:
            note = read_note(candidate)
        except NoteRefused:
            continue
        assert note.encode() == candidate


@given(st.text(alphabet=st.characters(codec="utf-8", min_codepoint=32), max_size=60), st.booleans())
def test_any_text_that_is_signed_is_read_back(text: str, cosigned: bool) -> None:
    signers = [LOG, WITNESS] if cosigned else [LOG]
    note = read_note(sign_note(f"{text}\n", *signers, time=1))
    assert note.text == f"{text}\n"
    assert [one.key for one in verify_note(note, [LOG.key, WITNESS.key])] == [signer.key for signer in signers]
