from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from contracts.network import Log, read_network, write_network
from journey_pages import example
from referral.joining import AHEAD
from referral.play.loader import read_journey
from referral.play.network import BEFORE, Place, Term, found_network, new_vault

if TYPE_CHECKING:
    from pathlib import Path

    from referral.vault import Vault

START = datetime(2026, 9, 14, 7, tzinfo=UTC)
LOG = Log("training.example/log", "training.example/log+0badc0de+" + "A" * 44)


def test_a_network_is_made_that_everybody_can_check(tmp_path: Path) -> None:
    journey = read_journey(example().encode())
    made = {name: new_vault(tmp_path / name, lambda: START) for name in journey.agencies}
    vaults: dict[str, Vault] = {name: vault for name, (vault, _key) in made.items()}
    term = Term(START, START + timedelta(days=70))
    network = found_network(journey.agencies, vaults, term, Place(LOG, "quorum none\n"))
    directory = read_network(write_network(network)).directory()

    assert network.training is True
    assert sorted(directory.agencies) == ["be-fp", "hu-fp"]
    assert directory.agency("hu-fp").capabilities.calendar.zone == "Europe/Budapest"
    days = directory.epoch_days("be-fp")
    assert (days[0], days[-1]) == ((START - BEFORE).date(), (term.end + AHEAD).date())
    assert set(vaults["be-fp"].epoch_days()) == set(days)
    assert directory.current_signing("be-fp", START - timedelta(days=2))
    for vault in vaults.values():
        vault.close()


def test_a_network_lives_thirty_days_longer_than_its_journey() -> None:
    days = Term(START, START).days()

    assert (days[0], days[-1], len(days)) == (date(2026, 9, 11), date(2026, 10, 14), 34)
