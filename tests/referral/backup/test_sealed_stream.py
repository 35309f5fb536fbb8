from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.signing import public_epoch
from referral.vault.errors import StreamRefused
from referral.vault.sealed_stream import PIECE, OpeningFile, SealingFile

KEY, OTHER = b"\x11" * 32, b"\x12" * 32


def sealed(*written: bytes) -> bytes:
    """Return a sealed file of what was written."""
    file = BytesIO()
    sealing = SealingFile(file, public_epoch(KEY))
    for one in written:
        sealing.write(one)
    sealing.finish()
    return file.getvalue()


def opened(content: bytes, key: bytes = KEY) -> bytes:
    """Return what a sealed file holds, read to its end."""
    opening = OpeningFile(BytesIO(content), key)
    found = opening.read()
    opening.check_end()
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=3 * PIECE), max_size=4), st.integers(1, 2 * PIECE))
def test_what_is_read_is_what_was_written_however_it_is_cut(written: list[bytes], step: int) -> None:
    opening = OpeningFile(BytesIO(sealed(*written)), KEY)
    found = b""
    while piece := opening.read(step):
        found += piece
    opening.check_end()
    assert found == b"".join(written)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE])
def test_a_file_of_any_size_has_one_end(size: int) -> None:
    whole = sealed(b"x" * size)
    assert opened(whole) == b"x" * size
    with pytest.raises(StreamRefused):
        opened(whole + b"x")


def test_two_files_of_one_content_share_their_first_four_bytes_alone() -> None:
    one, two = sealed(b"same"), sealed(b"same")
    assert one[:4] == two[:4] == b"LFB1"
    assert not {one[at : at + 8] for at in range(4, len(one) - 8)} & {two[at : at + 8] for at in range(4, len(two) - 8)}


def test_another_key_opens_nothing() -> None:
    with pytest.raises(StreamRefused):
        opened(sealed(b"x"), OTHER)


def test_every_cut_and_every_flipped_bit_is_refused() -> None:
    whole = sealed(b"a small one")
    for size in range(len(whole)):
        with pytest.raises(StreamRefused):
            opened(whole[:size])
    for place in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(StreamRefused):
            opened(bytes(changed))


def test_pieces_are_neither_swapped_nor_left_out() -> None:
    whole = sealed(b"a" * PIECE + b"b" * PIECE + b"c")
    head, piece = 68 + 24, PIECE + 17
    first, second, last = whole[head : head + piece], whole[head + piece : head + 2 * piece], whole[head + 2 * piece :]
    for wrong in (second + first + last, first + last, second + last, last, first + first + second + last):
        with pytest.raises(StreamRefused):
            opened(whole[:head] + wrong)
