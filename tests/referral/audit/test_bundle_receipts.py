from __future__ import annotations

import shutil
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from bundles import exported, failing, files_of, said, seal_again
from logged_town import logged_town
from referral.audit.verify import verify
from referrals import agreed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOUR = timedelta(hours=1)


@pytest.fixture
async def bundle(tmp_path: Path) -> Any:
    """Give a bundle of be-fp, exported when the hour of its receipts was logged."""
    async with logged_town(tmp_path / "town") as town:
        case, _ = await agreed(town.it)
        town.it.clock.move(town.it.clock() + HOUR)
        await town.it.settle()
        exported(town.it, "be-fp", case, tmp_path / "bundle")
        yield tmp_path / "bundle"


def named(folder: Path, end: str) -> str:
    """Return the first file of a bundle that ends so."""
    return min(path for path in files_of(folder) if path.endswith(end))


def flip(folder: Path, path: str, at: int = -1) -> None:
    """Change one byte of a file and both manifests."""
    raw = bytearray((folder / path).read_bytes())
    raw[at] ^= 1
    (folder / path).write_bytes(bytes(raw))
    seal_again(folder)


async def test_every_receipt_is_shown_to_be_in_the_log_with_those_of_its_hour(bundle: Path) -> None:
    report = verify(bundle)
    assert failing(report) == []
    receipts = [sentence for check, sentence in said(report, "holds") if check == "receipt"]
    logged = [sentence for check, sentence in said(report, "holds") if check == "receipt log"]
    assert len(receipts) == len(logged) > 0
    assert all("is logged with the receipts of that hour: entry" in sentence for sentence in logged)


async def test_a_receipt_whose_root_is_not_here_is_missing_and_no_failure(bundle: Path) -> None:
    (bundle / named(bundle, ".logged.json")).unlink()
    seal_again(bundle)
    report = verify(bundle)
    missing = [sentence for check, sentence in said(report, "missing") if check == "receipt log"]
    assert missing == ["1 of the statements here are not shown to be in the log with the receipts of their hour."]
    assert [one for one in report.failures if one.check != "page"] == []


@pytest.mark.parametrize("end", [".logged.json", ".logged.tlog-proof"])
async def test_a_changed_byte_of_what_logs_a_receipt_is_refused(bundle: Path, tmp_path: Path, end: str) -> None:
    numbers = count()
    path = named(bundle, end)
    for at in range(0, len((bundle / path).read_bytes()), 29):
        folder = shutil.copytree(bundle, tmp_path / f"copy-{next(numbers)}")
        flip(folder, path, at)
        assert not verify(folder).ok, at


async def test_the_root_of_another_hour_is_not_that_of_this_receipt(bundle: Path) -> None:
    def other(change: Callable[[str], str]) -> None:
        file = bundle / named(bundle, ".logged.json")
        file.write_text(change(file.read_text()))
        seal_again(bundle)

    other(
        lambda text: (
            text.replace('"index": 0', '"index": 1')
            if '"index": 0' in text
            else text.replace('"index": 1', '"index": 0')
        )
    )
    assert ("receipt log", "hu-fp's R1 does not lead to the root of its hour.") in said(verify(bundle), "does not hold")


async def test_a_receipt_whose_hour_is_not_over_is_a_note(tmp_path: Path) -> None:
    async with logged_town(tmp_path / "town") as town:
        case, _ = await agreed(town.it)
        exported(town.it, "be-fp", case, tmp_path / "bundle", exported_at=town.it.clock())
        report = verify(tmp_path / "bundle")
        assert [check for check, _ in said(report, "missing")] == []
        [sentence] = [sentence for check, sentence in said(report, "note") if check == "receipt log"]
        assert sentence.endswith("had not been logged yet when this was exported: it is done hourly.")
