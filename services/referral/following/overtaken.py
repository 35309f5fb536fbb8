"""How many messages of a case are overtaken, for who watches a node.

It is counted as messages come, because a standing is too dear to fold each time that somebody looks. Rows hold the
case's id and a number, and are disposable like those of the views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from referral.following.follower import Follower
from referral.following.views import CASES
from referral.store import statements

if TYPE_CHECKING:
    from referral.node import Node
    from referral.store import Cursor, Stored

SQL: Final = statements("referral.following", "overtaken.sql")


class Overtaken:
    """Counts for one node."""

    def __init__(self, node: Node) -> None:
        """Count in the cases of `node`."""
        self._node = node
        self.follower = Follower("overtaken", CASES, self._apply, _clear)

    def _apply(self, cursor: Cursor, page: list[Stored]) -> None:
        for case in dict.fromkeys(stored.case for stored in page):
            history = self._node.history(case)
            if history is not None:
                row = {"case_id": case, "messages": len(history.standing.overtaken)}
                cursor.execute(SQL["put_overtaken"], row)


def _clear(cursor: Cursor) -> None:
    cursor.execute(SQL["clear_overtaken"])
