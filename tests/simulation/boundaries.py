"""The places at which a crash leaves something half done: commits, appends, signatures, deletions, files, submissions.

One thread runs one node at a time, so there is one `Boundaries`: who runs a node says which one, and arms a crash a few
boundaries ahead. A node that has crashed reaches nothing more: every further boundary crashes again, so that no cleanup
on the way out can do what a dead process could not.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from referral.store import sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.store.sqlite import Cursor

FULL: Final = 13  # SQLITE_FULL


class Crash(BaseException):
    """The process is gone; nothing in it may catch this."""


@dataclass
class Boundaries:
    """What the running node has reached, and where it is to crash."""

    running: str = ""
    ahead: int | None = None  # boundaries until the crash
    dead: bool = False
    full: set[str] = field(default_factory=set)  # nodes whose disk is full
    reached: list[str] = field(default_factory=list)
    counts: bool = False

    def reach(self, name: str) -> None:
        """Pass a boundary, or crash at it."""
        if not self.running:
            return
        if self.counts:
            self.reached.append(name)
        if self.dead:
            raise Crash(name)
        if self.ahead is None:
            return
        if self.ahead == 0:
            self.dead = True
            raise Crash(name)
        self.ahead -= 1

    @contextmanager
    def of(self, agency: str, ahead: int | None = None) -> Iterator[None]:
        """Run a node in the block, to crash after `ahead` boundaries (None: not at all)."""
        self.running, self.ahead, self.dead = agency, ahead, False
        try:
            yield
        finally:
            self.running, self.ahead, self.dead = "", None, False

    def commit(self, connection: Any) -> None:
        """Reach the moment before a commit: on a full disk it fails as SQLite says it."""
        self.reach("before commit")
        if self.running in self.full and connection.total_changes >= 0:
            error = sqlite.OperationalError("database or disk is full")
            error.sqlite_errorcode, error.sqlite_errorname = FULL, "SQLITE_FULL"  # type: ignore[attr-defined] # as its library does
            raise error


@contextmanager
def bounded(found: Boundaries) -> Iterator[None]:
    """Let every boundary of the product in the block be reached through `found`."""
    immediate, sign_bytes = sqlite.immediate, "referral.vault.vault.sign_bytes"

    @contextmanager
    def committing(connection: Any) -> Iterator[Cursor]:
        with immediate(connection) as cursor:
            yield cursor
            found.commit(connection)
        found.reach("after commit")

    with ExitStack() as stack:
        for module in ("referral.store.sqlite", "referral.vault.keyring", "referral.vault.epochs"):
            stack.enter_context(patch(f"{module}.immediate", committing))
        stack.enter_context(_around(found, sign_bytes, "signature"))
        stack.enter_context(_around(found, "referral.following.witnessing.keep_proof", "proof file"))
        stack.enter_context(_around(found, "referral.opening.write_whole", "file"))
        stack.enter_context(_around(found, "referral.stating.OwnStatements._write", "statement file"))
        yield


@contextmanager
def _around(found: Boundaries, target: str, name: str) -> Iterator[None]:
    """Reach a boundary before and after each call of `target`."""
    module, _, attribute = target.rpartition(".")
    owner = found_at(module)
    original = getattr(owner, attribute)

    def call(*given: Any, **named: Any) -> Any:
        found.reach(f"before {name}")
        answer = original(*given, **named)
        found.reach(f"after {name}")
        return answer

    with patch.object(owner, attribute, call):
        yield


def found_at(path: str) -> Any:
    """Return the module, or the class in a module, of this path."""
    import importlib  # noqa: PLC0415 - of use here alone

    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)
