from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parcels import Clock, cheap
from referral.store import Store
from referral.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.create(tmp_path / "vault", cheap(), Clock()) as vault:
        yield vault


@pytest.fixture
def store(tmp_path: Path, vault: Vault, address: str) -> Iterator[Store]:
    with Store.open(tmp_path / "store", vault, address) as store:
        yield store
