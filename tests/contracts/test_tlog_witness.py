from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import tlog
from contracts.signing import sign_bytes
from contracts.tlog import note

LOG = tlog.make_signer("log.example/one", b"\x01" * 32)
OTHER = tlog.make_signer("log.example/two", b"\x02" * 32)
WITNESS = tlog.make_signer("witness.example/w", b"\x03" * 32, tlog.COSIGNATURE)
SECOND = tlog.make_signer("witness.example/v", b"\x04" * 32, tlog.COSIGNATURE)
LEAVES = [tlog.leaf_hash(bytes([number])) for number in range(33)]
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=63)
SIZES = st.integers(0, 2**63 - 1)
# The body that C2SP tlog-witness gives as its example.
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()  # noqa: E501 - as it stands there


def head(size: int) -> tlog.Checkpoint:
    return tlog.Checkpoint(LOG.key.name, size, tlog.tree_root(LEAVES[:size]))


def request(old: int, size: int) -> tlog.WitnessRequest:
    proof = tlog.leaves_prover(LEAVES).consistency(old, size)
    return tlog.WitnessRequest(old, proof, tlog.sign_checkpoint(head(size), LOG))


def judged(asked: tlog.WitnessRequest, last: tlog.Checkpoint | None) -> tlog.Checkpoint:
    again = tlog.read_witness_request(asked.encode())
    new = tlog.open_submitted(again, [OTHER.key, LOG.key]).checkpoint
    tlog.judge(again, new, last)
    return new


def test_the_example_of_the_specification_is_read_and_written_again() -> None:
    read = tlog.read_witness_request(EXAMPLE)
    assert (read.old, len(read.proof)) == (20852014, 4)
    assert tlog.read_checkpoint(read.checkpoint)[0].size == 20852163
    assert read.encode() == EXAMPLE


@given(SIZES, HASHES, st.binary(max_size=200))
def test_a_request_is_read_as_it_was_written(old: int, proof: list[bytes], checkpoint: bytes) -> None:
    asked = tlog.WitnessRequest(old, tuple(proof), checkpoint)
    assert tlog.read_witness_request(asked.encode()) == asked


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda raw: b"old 0\n" + raw + b"\n\n"))
def test_any_bytes_are_read_as_a_request_or_refused_by_name(raw: bytes) -> None:
    try:
        read = tlog.read_witness_request(raw)
    except tlog.WitnessRequestRefused:
        return
    assert read.encode() == raw


@pytest.mark.parametrize(
    "head_lines",
    [
        "old 01\n\n",
        "old -1\n\n",
        "old  1\n\n",
        "old 1 \n\n",
        "old\n\n",
        "Old 0\n\n",
        "\n\n",
        "0\n\n",
        "old 9223372036854775808\n\n",
        "old 0\r\n\r\n",
        "old 0\n",
        "old 0\nAAAA\n\n",
        "old 0\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw\n\n",
        "old 1\n" + "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n" * 64 + "\n",
        "old 0\n\N{EM DASH}\n\n",
    ],
)
def test_a_request_out_of_form_is_refused(head_lines: str) -> None:
    with pytest.raises(tlog.WitnessRequestRefused):
        tlog.open_submitted(tlog.read_witness_request(head_lines.encode() + request(0, 3).checkpoint), [LOG.key])


def test_a_request_that_is_too_large_is_refused() -> None:
    with pytest.raises(tlog.WitnessRequestRefused):
        tlog.read_witness_request(b"old 0\n\n" + b"x" * tlog.MAX_REQUEST)


@pytest.mark.parametrize("note_bytes", [b"", b"x", b"log.example/one\n3\nAAAA\n\n", b"\n\n\n"])
def test_a_checkpoint_out_of_form_is_refused_as_a_request(note_bytes: bytes) -> None:
    with pytest.raises(tlog.WitnessRequestRefused):
        tlog.open_submitted(tlog.WitnessRequest(0, (), note_bytes), [LOG.key])


def test_every_growth_of_a_log_is_cosigned() -> None:
    for size in range(34):
        assert judged(request(0, size), None) == head(size)
        for old in range(size + 1):
            assert judged(request(old, size), head(old)) == head(size)


def test_a_log_that_is_not_known_and_one_that_has_not_signed_are_refused_apart() -> None:
    with pytest.raises(tlog.LogUnknown):
        tlog.open_submitted(request(0, 3), [OTHER.key])
    with pytest.raises(tlog.LogUnknown):  # a cosigning key is no log's key, whatever its name is
        tlog.open_submitted(request(0, 3), [tlog.make_signer(LOG.key.name, b"\x09" * 32, tlog.COSIGNATURE).key])
    impostor = tlog.make_signer(LOG.key.name, b"\x09" * 32)
    with pytest.raises(tlog.CheckpointForged):
        tlog.open_submitted(replace(request(0, 3), checkpoint=tlog.sign_checkpoint(head(3), impostor)), [LOG.key])
    good = request(0, 3).checkpoint
    forged = note.NoteSignature(LOG.key.name, LOG.key.id, bytes(64)).line().encode()
    with pytest.raises(tlog.CheckpointForged):  # one line holds and another of the same key does not
        tlog.open_submitted(tlog.WitnessRequest(0, (), good + forged), [LOG.key])
    assert tlog.open_submitted(request(0, 3), [impostor.key, LOG.key]).log == LOG.key


def test_another_last_size_is_answered_with_that_size() -> None:
    for old, last in ((0, 5), (3, 5), (5, 0), (5, 4)):
        with pytest.raises(tlog.WitnessedOther) as refused:
            judged(request(old, 9), head(last))
        assert refused.value.size == last
    with pytest.raises(tlog.WitnessedOther) as refused:
        judged(request(4, 9), None)
    assert refused.value.size == 0


def test_an_old_size_beyond_the_checkpoint_is_refused_as_malformed_whatever_was_cosigned() -> None:
    for last in (None, head(3), head(9)):
        with pytest.raises(tlog.WitnessRequestRefused):
            judged(replace(request(0, 3), old=9), last)


def test_what_does_not_go_on_is_not_cosigned() -> None:
    with pytest.raises(tlog.HistoriesDiffer):  # nothing proves the way from nothing
        judged(replace(request(0, 9), proof=(bytes(32),)), None)
    with pytest.raises(tlog.HistoriesDiffer):
        judged(request(4, 9), tlog.Checkpoint(LOG.key.name, 4, bytes(32)))
    with pytest.raises(tlog.HistoriesDiffer):
        judged(replace(request(4, 9), proof=()), head(4))
    with pytest.raises(tlog.HistoriesDiffer):
        judged(replace(request(4, 9), proof=(*request(4, 9).proof, bytes(32))), head(4))
    with pytest.raises(tlog.HistoriesDiffer):
        judged(replace(request(9, 9), proof=(bytes(32),)), head(9))


def test_an_empty_log_has_the_root_of_nothing() -> None:
    signed = tlog.sign_checkpoint(tlog.Checkpoint(LOG.key.name, 0, bytes(32)), LOG)
    for last in (None, head(0)):
        with pytest.raises(tlog.HistoriesDiffer):
            judged(tlog.WitnessRequest(0, (), signed), last)


def test_a_second_root_for_one_size_is_called_a_split_view() -> None:
    with pytest.raises(tlog.SplitView):
        judged(request(9, 9), tlog.Checkpoint(LOG.key.name, 9, bytes(32)))


@settings(max_examples=300)
@given(st.integers(0, 33), st.integers(0, 33), st.data())
def test_one_flipped_bit_of_a_request_is_never_cosigned(old: int, size: int, data: st.DataObject) -> None:
    old, size = sorted((old, size))
    raw = bytearray(request(old, size).encode())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    try:
        read = tlog.read_witness_request(bytes(raw))
        new = tlog.open_submitted(read, [LOG.key]).checkpoint
        tlog.judge(read, new, head(old))
    except (
        tlog.WitnessRequestRefused,
        tlog.LogUnknown,
        tlog.CheckpointForged,
        tlog.WitnessedOther,
        tlog.HistoriesDiffer,
    ):
        return
    pytest.fail("a flipped bit was cosigned")


def test_a_cosignature_is_what_the_specification_says_byte_by_byte() -> None:
    line = tlog.cosign(head(3), WITNESS, 1679315147)
    (read,) = tlog.read_cosignatures(line, head(3), [WITNESS.key])
    assert read.signature[:8] == (1679315147).to_bytes(8, "big")
    stated = f"cosignature/v1\ntime 1679315147\n{head(3).text()}".encode()
    assert read.signature[8:] == sign_bytes(WITNESS.seed, stated)
    assert line.decode() == f"— witness.example/w {note.encode(WITNESS.key.id + read.signature)}\n"


def test_lines_of_strangers_are_left_out_of_an_answer() -> None:
    answer = tlog.cosign(head(3), SECOND, 5) + tlog.cosign(head(3), WITNESS, 6)
    (kept,) = tlog.read_cosignatures(answer, head(3), [WITNESS.key])
    assert kept.name == WITNESS.key.name


def test_an_answer_that_is_no_cosignature_is_refused() -> None:
    good = tlog.cosign(head(3), WITNESS, 5)
    timeless = note.signature(head(3).text(), WITNESS, time=0).line().encode()
    log_line = note.signature(head(3).text(), LOG).line().encode()
    for answer in (
        b"",
        b"\n",
        b"garbage",
        good[:-1],
        b"\n" + good,
        b"more\n\n" + good,
        good + b"\n",
        tlog.cosign(head(4), WITNESS, 5),
        tlog.cosign(head(3), SECOND, 5),
        timeless,
        log_line,
        good * 200,
        b"x" * (tlog.MAX_ANSWER + 1),
        b"\xff" * 30,
    ):
        with pytest.raises(tlog.WitnessAnswerRefused):
            tlog.read_cosignatures(answer, head(3), [WITNESS.key, LOG.key])


@given(st.binary(max_size=300))
def test_any_answer_is_read_or_refused_by_name(raw: bytes) -> None:
    with pytest.raises(tlog.WitnessAnswerRefused):
        tlog.read_cosignatures(raw, head(3), [WITNESS.key])
    with suppress(tlog.WitnessAnswerRefused):
        assert tlog.write_size(tlog.read_size(raw)) == raw


@given(SIZES)
def test_a_size_is_read_as_it_was_written(size: int) -> None:
    assert tlog.read_size(tlog.write_size(size)) == size


@pytest.mark.parametrize("raw", [b"", b"5", b"05\n", b"5\n\n", b"-5\n", b"5\r\n", b"five\n", b"9223372036854775808\n"])
def test_a_size_out_of_form_is_refused(raw: bytes) -> None:
    with pytest.raises(tlog.WitnessAnswerRefused):
        tlog.read_size(raw)


def test_nobody_cosigns_without_a_time_or_with_a_logs_key() -> None:
    for signer, time in ((WITNESS, 0), (WITNESS, -1), (LOG, 5)):
        with pytest.raises(ValueError, match="cosigning key"):
            tlog.cosign(head(3), signer, time)


def test_cosignatures_join_a_checkpoint_and_a_later_one_of_the_same_key_takes_its_place() -> None:
    signed = tlog.sign_checkpoint(head(3), LOG)
    keys = [WITNESS.key, SECOND.key]
    first = tlog.read_cosignatures(tlog.cosign(head(3), WITNESS, 5) + tlog.cosign(head(3), SECOND, 5), head(3), keys)
    again = tlog.read_cosignatures(tlog.cosign(head(3), WITNESS, 7), head(3), keys)
    joined = tlog.with_cosignatures(tlog.with_cosignatures(signed, first), again)
    opened = tlog.open_checkpoint(joined, [LOG.key], keys)
    assert [(one.key, one.time) for one in opened.cosigned] == [(WITNESS.key, 7), (SECOND.key, 5)]
    assert joined.startswith(signed)


def test_a_log_is_kept_under_the_hash_of_its_origin() -> None:
    assert tlog.origin_hash("") == tlog.EMPTY_ROOT.hex()
