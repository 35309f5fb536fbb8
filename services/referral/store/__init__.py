"""The event store of one node: sealed events, positions, answers to commands (store.py says what it promises)."""

from referral.store.commands import Command, StoredAnswer
from referral.store.database import Cursor
from referral.store.mapper import Erased
from referral.store.positions import Tracking, record_digest
from referral.store.statements import statements
from referral.store.store import Page, Store, Stored, Unreadable, check_new

__all__ = [
    "Command",
    "Cursor",
    "Erased",
    "Page",
    "Store",
    "Stored",
    "StoredAnswer",
    "Tracking",
    "Unreadable",
    "check_new",
    "record_digest",
    "statements",
]
