"""A backlog after an outage drains urgent first and newest first, each message once (L2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soak.backlog import drain, look
from soak.poison import fill, read

if TYPE_CHECKING:
    from pathlib import Path

MANY = 1_000


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_a_backlog_drains_urgent_first_and_newest_first_and_nothing_comes_twice(tmp_path: Path) -> None:
    drained = drain(tmp_path / "network", MANY)

    assert (drained.messages, drained.faults) == (MANY, ())


def test_what_comes_in_another_order_is_noticed(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "network", 40)
    came = read(inbox, tmp_path / "read", None)
    in_order = list(dict.fromkeys(case for case, _message in came.stored))
    written = [(case, number == 0) for number, case in enumerate([in_order[0], *reversed(in_order[1:])])]

    assert look(came.stored, written) == []
    swapped = [written[0], written[2], written[1], *written[3:]]
    assert look(came.stored, swapped) == [
        "the cases did not come urgent first and newest first: the first other one has place 18"
    ]
    assert look(came.stored[:-1], written)[0] == "39 messages came of 40"
