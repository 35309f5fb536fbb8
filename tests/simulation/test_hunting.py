import pytest

from simulation.bugs import BUGS, TEN
from simulation.hunting import LIMIT, PAIRS, first_finding, points, told

SAMPLE = 12  # of the crash points, in turn; the campaign takes each, and pairs: `make campaign`, entry S4
FORTY, PAIRS_OF_TEN = 40, 45


def test_there_are_forty_bugs_and_the_pairs_of_ten() -> None:
    assert len(BUGS) == FORTY
    assert len(PAIRS) == FORTY + PAIRS_OF_TEN
    assert set(TEN) <= BUGS.keys()


@pytest.mark.parametrize("name", TEN)
def test_a_bug_that_is_put_in_is_found(name: str) -> None:
    assert first_finding((name,), LIMIT) is not None


def test_a_crash_at_any_boundary_loses_nothing() -> None:
    every = points()
    kinds = {one.name for one in every}
    things = ("commit", "append", "signature", "submission", "proof file", "statement file")
    assert kinds == {f"{when} {what}" for when in ("before", "after") for what in things}
    chosen = every[:: max(1, len(every) // SAMPLE)]
    failed = {one: found for one in chosen if (found := told((one,)))}
    assert not failed
