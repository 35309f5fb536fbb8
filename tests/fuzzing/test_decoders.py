"""Whatever bytes come, a decoder answers or refuses by a name of its own; 20,000 drawn cases each (F1)."""

from __future__ import annotations

from random import Random

import pytest

from fuzzing.decoders import ALL, Decoder
from fuzzing.fuzzer import CANARY, drawn, fuzz
from fuzzing.mutations import mutated

CASES = 20_000
NEVER_REFUSES = {"journal-frame"}  # what is torn there is no frame, which is an answer


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_decoder_answers_or_refuses_by_name(name: str) -> None:
    decoder = ALL[name]
    for raw in decoder.seeds:
        decoder.decode(raw)
    found = fuzz(decoder, CASES, seed=1)
    assert found.faults == []
    assert found.cases == CASES == found.taken + found.refused.total()
    assert bool(found.refused) is (name not in NEVER_REFUSES)


def test_a_case_is_drawn_again_by_its_seed_and_number() -> None:
    decoder = ALL["content"]
    assert [drawn(decoder, 7, n) for n in range(50)] == [drawn(decoder, 7, n) for n in range(50)]
    assert drawn(decoder, 7, 0) != drawn(decoder, 8, 0)


def test_a_decoder_that_falls_over_is_found_and_named() -> None:
    def careless(raw: bytes) -> object:
        return raw.decode()

    found = fuzz(Decoder("careless", careless, (b'{"a":"b"}',), (KeyError,)), 2_000, seed=1)
    assert len(found.faults) == 5
    assert found.faults[0].startswith("careless seed 1 case ")
    assert "UnicodeDecodeError" in found.faults[0]


def test_a_refusal_that_repeats_what_it_read_is_found() -> None:
    def telling(raw: bytes) -> object:
        raise ValueError(raw.decode("utf-8", "replace"))

    found = fuzz(Decoder("telling", telling, (b"{}",), (ValueError,)), 30, seed=1)
    assert found.faults[0] == "telling seed 1 case 0: a refusal repeats what was read"
    assert CANARY not in str(found.faults)


def test_changes_reach_every_value_of_a_document() -> None:
    chance = Random(1)
    seen = {mutated((b'{"a":{"b":[1,2]},"c":"d"}',), chance) for _ in range(3_000)}
    assert {b'{"a":{"b":[1,2]},"c":null}', b'{"a":{"b":[null,2]},"c":"d"}', b'{"a":{"b":[1,2]}}'} <= seen
