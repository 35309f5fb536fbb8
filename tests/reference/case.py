"""The graph of one case and the verdict on each message, by the second fold.

Source: standing.md 2 and 3. A verdict comes from the message's own past; what is behind a gap waits, or counts at once.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from reference import rules
from reference.standing import Standing
from reference.table import ALIVE, fits, instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reference.table import Act, Message, Table

CLOCK = timedelta(hours=24)


class Case:
    """The core messages of one case, with the ids that count as absent when they are not held (`settled`).

    Messages of a kind that the table does not know are not held: what names them waits for an upgrade.
    """

    def __init__(self, messages: Iterable[Message], table: Table, settled: frozenset[str]) -> None:
        self.table, self.settled = table, settled
        kinds = table["kind"]
        self.messages = {m["id"]: m for m in messages if m["kind"] in kinds and "side" not in kinds[m["kind"]]}
        self._past: dict[str, frozenset[str]] = {}
        self._verdict: dict[str, tuple[str, str]] = {}
        self._standing: dict[frozenset[str], Standing] = {}

    # -- what a message says ------------------------------------------------------------------------
    def kind(self, m: str) -> Table:
        """Return the table's entry for the kind of `m`."""
        entry: Table = self.table["kind"][self.messages[m]["kind"]]
        return entry

    def act(self, m: str) -> Act:
        """Return the act as it was sent."""
        act: Act = self.messages[m]["act"]
        return act

    def sender(self, m: str) -> str:
        """Return the sending agency."""
        return str(self.messages[m]["sender"])

    def sent(self, m: str) -> datetime:
        """Return when its author says that it was sent."""
        return instant(self.messages[m]["sent_at"])

    def audience(self, m: str) -> set[str]:
        """Return the agencies that it was written to."""
        return {agency for agency, _ in self.messages[m]["audience"]}

    def is_correction(self, m: str) -> bool:
        """Whether its act names a target and may hold a whole act for it."""
        return bool(self.kind(m)["act"].get("new", {}).get("type") == "act")

    def is_root(self, m: str) -> bool:
        """Whether `m` opens the case: of an opening kind, after nothing, by the agency that the case fits."""
        return not self.named(m) and bool(self.kind(m).get("opening")) and self.messages[m].get("case_fits", True)

    # -- the graph ----------------------------------------------------------------------------------
    def named(self, m: str) -> set[str]:
        """Return the ids that `m` names as coming before it."""
        return set(self.messages[m]["after"])

    def past(self, m: str) -> frozenset[str]:
        """Return all held messages that come before `m`."""
        if m not in self._past:
            held = [n for n in self.named(m) if n in self.messages]
            self._past[m] = frozenset(held).union(*(self.past(n) for n in held))
        return self._past[m]

    def whole(self, m: str) -> bool:
        """Whether nothing in the past of `m` is missing."""
        return not any(self.gaps(n) for n in {m, *self.past(m)})

    def gaps(self, m: str) -> set[str]:
        """Return the ids of this case that `m` names, that are not held and that nobody has settled."""
        known = {*self.messages, *self.settled, *self.messages[m].get("other_case", ())}
        return self.named(m) - known

    def concurrent(self, m: str, n: str) -> bool:
        """Whether neither has the other in its past."""
        return m != n and m not in self.past(n) and n not in self.past(m)

    def standing(self, ids: frozenset[str]) -> Standing:
        """Return the standing of a set of held messages."""
        if ids not in self._standing:
            self._standing[ids] = Standing(self, ids)
        return self._standing[ids]

    def before(self, m: str) -> Standing:
        """Return the standing of the past of `m`."""
        return self.standing(self.past(m))

    # -- membership ---------------------------------------------------------------------------------
    @cached_property
    def given_roles(self) -> dict[str, set[str]]:
        """Return the roles that the set gives to agencies: by the roots, then by invitations of agencies so named."""
        given: dict[str, set[str]] = {}
        for m in filter(self.is_root, self.messages):
            for agency, role in [(self.sender(m), self.messages[m]["role"]), *self.messages[m]["audience"]]:
                given.setdefault(agency, set()).add(role)
        inviting = [m for m in self.messages if self.kind(m).get("invites")]
        for _ in inviting:  # each round names at least one more, or nobody
            for m in inviting:
                if self.sender(m) in given:
                    given.setdefault(self.act(m)["agency"], set()).add(self.act(m)["role"])
        return given

    def invited(self, m: str) -> bool:
        """Whether an effective content in the past of `m` seats or invites its sender."""
        for n in self.before(m).alive:
            if self.is_root(n) and self.sender(m) in {self.sender(n), *self.audience(n)}:
                return True
            if self.kind(n).get("invites") and self.act(n)["agency"] == self.sender(m):
                return True
        return False

    # -- verdicts -----------------------------------------------------------------------------------
    def verdict(self, m: str) -> tuple[str, str]:
        """Return the verdict on `m` and the rule that it breaks, "" when none is named."""
        if m not in self._verdict:
            self._verdict[m] = self._judge(m) if self.whole(m) else self._judge_behind_a_gap(m)
        return self._verdict[m]

    def _judge(self, m: str) -> tuple[str, str]:
        if not self.is_root(m):
            if not self.named(m):
                return "refused", "format"
            if not self.invited(m):
                return "refused", "member"
        unfit = self._unfit(m, self.act(m))
        if unfit:
            return "void", unfit
        rule = rules.broken(self, m, self.act(m))
        if not rule:
            return "effective", ""
        if self.kind(m)["nature"] == "fact":
            return "flagged", rule
        variant = rules.variant(self, m, self.act(m)) or {}
        if variant.get("protection"):  # "a wrong audience flags it, never voids it": only another rule does
            other = rules.broken(self, m, self.act(m), but="audience")
            return ("void", other) if other else ("flagged", "audience")
        return "void", rule

    def _judge_behind_a_gap(self, m: str) -> tuple[str, str]:
        if self.sender(m) not in self.given_roles:
            return "parked", ""
        if self.is_correction(m) and self.act(m)["target"] not in self.past(m):
            return "pending", ""
        if self.kind(m)["nature"] == "fact":
            unfit = self._unfit(m, self.act(m))
            return ("void", unfit) if unfit else ("effective", "")
        variant, role = rules.variant(self, m, self.act(m)) or {}, self.messages[m]["role"]
        allowed = {"member", "invited", role} & set(self.kind(m)["from"])
        if self.messages[m].get("other_procedure"):
            return "pending", ""
        now = variant.get("protection") and allowed and role in self.given_roles[self.sender(m)]
        return ("effective" if now else "pending"), ""

    def _unfit(self, m: str, act: Act) -> str:
        """Return why a correction with this act corrects nothing: its target, or a replacement that does not fit.

        What replaces a correction has to be a right correction itself, in its place.
        """
        if not self.is_correction(m):
            return ""
        target = act["target"]
        if target not in self.past(m) or self.sender(target) != self.sender(m):
            return "target"
        if self.kind(target)["nature"] != "fact":
            return "target"
        if "new" not in act:
            return ""
        fitting = fits(act["new"], self.kind(target)["act"], self.table)
        return self._unfit(target, act["new"]) if fitting else "target"

    def late(self, m: str) -> bool:
        """Whether `m`, whole and counting, was sent over 24 hours before something of its sender in its past."""
        if not self.whole(m) or self.verdict(m)[0] not in ALIVE:
            return False
        earlier = [self.sent(n) for n in self.past(m) if self.sender(n) == self.sender(m)]
        return bool(earlier) and self.sent(m) < max(earlier) - CLOCK
