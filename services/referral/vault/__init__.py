"""Data keys and private keys of one node; the one room that touches key bytes."""

from referral.vault.epochs import EPOCH_KEY_LIFE, TOPIC_RETENTION, first_day_kept
from referral.vault.unlock import CHEAP_FOR_TESTS, MODERATE, Cost, KeyFile, Passphrase, Unlock
from referral.vault.vault import Vault

__all__ = [
    "CHEAP_FOR_TESTS",
    "EPOCH_KEY_LIFE",
    "MODERATE",
    "TOPIC_RETENTION",
    "Cost",
    "KeyFile",
    "Passphrase",
    "Unlock",
    "Vault",
    "first_day_kept",
]
