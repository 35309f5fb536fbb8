"""One poison record among many: its case waits and a person is told, everything else is stored (reliability.md 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from referral.exchange.parking import FAILED
from soak.poison import fill, read

if TYPE_CHECKING:
    from pathlib import Path

MANY = 200


def test_one_poison_record_parks_its_case_alone_and_all_others_are_stored(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "network", MANY)
    assert len(inbox.messages) == MANY
    clean = read(inbox, tmp_path / "clean", None)
    assert (len(clean.stored), clean.parked, clean.alarms) == (MANY, (), ())
    _case, poison = clean.stored[MANY // 2]

    poisoned = read(inbox, tmp_path / "poisoned", poison)

    assert [reason for reason, _case in poisoned.parked] == [FAILED]
    assert sorted(poisoned.stored) == sorted(one for one in clean.stored if one[1] != poison)
    assert poisoned.alarms == ("cannot-handle",)
