"""Data keys and private keys of one node; the one room that touches key bytes."""

from referral.vault.unlock import CHEAP_FOR_TESTS, MODERATE, Cost, KeyFile, Passphrase, Unlock
from referral.vault.vault import Vault

__all__ = [
    "CHEAP_FOR_TESTS",
    "MODERATE",
    "Cost",
    "KeyFile",
    "Passphrase",
    "Unlock",
    "Vault",
]
