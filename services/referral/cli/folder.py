"""Opens the node that a command is about: its folder, its vault, its store as a reader beside whoever writes."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

from contracts.refusal import FormatRefused
from contracts.spoken import heard
from referral.errors import CaseUnknown, SettingsRefused
from referral.opening import PASSPHRASE, PROOFS_FOLDER, Settings, machine_clock, open_node, unlock_by
from referral.queries import Queries
from referral.vault import KeyFile, Passphrase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from referral.node import Node
    from referral.opening import Clock
    from referral.vault import Unlock

CASE: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")


def unlock(folder: Path) -> Unlock:
    """Return what opens the vault of a node as its settings say; where they say a passphrase, a person may type it."""
    settings = Settings.read(folder)
    try:
        return unlock_by(settings, folder)
    except SettingsRefused:
        if settings.unlock == KeyFile.kind or not sys.stdin.isatty():
            raise
    return Passphrase(typer.prompt(f"Passphrase (or set {PASSPHRASE})", hide_input=True, err=True))


@contextmanager
def reading(folder: Path, now: Clock = machine_clock) -> Iterator[tuple[Node, Queries]]:
    """Give a node opened for reading, and its queries; both are closed at the end."""
    node = open_node(folder, unlock(folder), now, reader=True)
    try:
        yield node, Queries(node, folder / PROOFS_FOLDER)
    finally:
        node.store.close()
        node.vault.close()


@contextmanager
def writing(folder: Path, now: Clock = machine_clock) -> Iterator[tuple[Node, Queries]]:
    """Give a node opened for writing, and its queries; `StoreInUse` while it runs."""
    node = open_node(folder, unlock(folder), now)
    try:
        yield node, Queries(node, folder / PROOFS_FOLDER)
    finally:
        node.store.close()
        node.vault.close()


def case_of(folder: Path, text: str) -> str:
    """Return the id of a case of the node in `folder`; its id needs no look into the store."""
    if CASE.fullmatch(text):
        return text
    with reading(folder) as (_, queries):
        return named_case(queries, text)


def named_case(queries: Queries, text: str) -> str:
    """Return the id of the case that a person names, by its id or its spoken reference, or raise `CaseUnknown`."""
    if CASE.fullmatch(text):
        return text
    try:
        spoken = heard(text)
    except FormatRefused:
        raise CaseUnknown("A case is named by its 22 characters, or by the eight that are said aloud.") from None
    erased = [one.case for one in queries.erased_cases() if one.spoken == spoken]
    found = [*(row.case for row in queries.cases() if row.spoken == spoken), *erased]
    if len(found) > 1:
        raise CaseUnknown("Several cases have this spoken reference; give the id of one.")
    if not found:
        raise CaseUnknown
    return found[0]
