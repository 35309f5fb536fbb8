"""What a set of messages means, by the second fold: tips of registers, what is overtaken, what stands against.

Source: standing.md 3 (register, overtaken, corrections, responsible) and the header of the procedure table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference import rules
from reference.table import ALIVE, rank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reference.case import Case
    from reference.table import Act


class Standing:
    """The standing of the held messages `ids`; verdicts come from each message's own past, never from `ids`."""

    def __init__(self, case: Case, ids: frozenset[str]) -> None:
        self.case, self.table = case, case.table
        self.alive = sorted(m for m in ids if case.verdict(m)[0] in ALIVE)
        self.acts: dict[str, Act] = {}
        for m in sorted(self.alive, key=lambda m: -len(case.past(m))):  # a correction before what it corrects
            self.acts[m] = self._act(m)
        self.sets = {m: rules.sets(case, m, self.acts[m]) for m in self.alive}
        removed = {m for m in self.alive if self._author_removed(m)}
        self.stopping = [m for m in self.alive if m not in removed]
        fallen = {m for m in self.alive if self._fallen(m)}
        self.overtaken = removed | fallen
        self.against = {m for m in self.alive if self._against(m)}
        self.tips = self._tips([m for m in self.alive if m not in self.overtaken])

    def _tips(self, setters: list[str]) -> dict[str, dict[str, str]]:
        """Return register -> {setter: value} for the setters that no later setter of it has in its past."""
        tips: dict[str, dict[str, str]] = {}
        for m in setters:
            for register, value in self.sets[m].items():
                if not any(register in self.sets[n] and m in self.case.past(n) for n in setters):
                    tips.setdefault(register, {})[m] = value
        return tips

    def _act(self, m: str) -> Act:
        """Return what stands in the place of `m`: its own act, or of the last corrections the strongest."""
        case = self.case
        new = {c: act["new"] for c, act in self.acts.items() if case.is_correction(c) and "new" in act}
        correcting = [c for c in new if self.acts[c]["target"] == m]
        last = [c for c in correcting if not any(c in case.past(d) for d in correcting)]
        if not last:
            return case.act(m)
        return dict(new[min(last, key=lambda c: (-rules.strength(case, m, new[c]), c))])

    # -- overtaken and against ----------------------------------------------------------------------
    def _author_removed(self, m: str) -> bool:
        """Whether `m` is a permitting decision, concurrent with the removal of its author."""
        case, kind = self.case, self.case.kind(m)
        variant = rules.variant(case, m, self.acts[m]) or {}
        if kind["nature"] == "fact" or kind.get("removes") or variant.get("protection"):
            return False
        removals = [r for r in self.alive if case.kind(r).get("removes") and case.act(r)["agency"] == case.sender(m)]
        return any(case.concurrent(m, r) for r in removals)

    def _stops(self, m: str, itinerary: str) -> bool:
        """Whether `m` sets a value that makes approvals of `itinerary` fall."""
        for register, value in self.sets[m].items():
            family, _, rest = register.partition(":")
            if value not in self.table["stops"].get(family, []):
                continue
            if self.table["register"][family].get("scope") and rest != itinerary:
                continue
            settled = self.case.kind(m)["when"][0].get("contest")
            if settled and value in self.case.before(m).tips.get(register, {}).values():
                continue
            return True
        return False

    def _fallen(self, m: str) -> bool:
        """Whether `m` is an approval and the set holds a stop that is not in its past."""
        variant = rules.variant(self.case, m, self.acts[m]) or {}
        itinerary = "falls" in variant and rules.fill(self.case, variant["falls"], m, self.acts[m])
        if not itinerary:
            return False
        return any(self._stops(s, itinerary) and s not in self.case.past(m) for s in self.stopping)

    def _against(self, m: str) -> bool:
        """Whether `m` is a departure, concurrent with a stop."""
        kind = self.case.kind(m)
        itinerary = "against" in kind and rules.fill(self.case, kind["against"], m, self.acts[m])
        if not itinerary:
            return False
        return any(self._stops(s, itinerary) and self.case.concurrent(s, m) for s in self.stopping)

    # -- registers ----------------------------------------------------------------------------------
    def counted(self, register: str) -> dict[str, str]:
        """Return the tips of a register that count: for `responsible` only those that name a member."""
        tips = self.tips.get(register, {})
        if not self.table["register"][register.partition(":")[0]].get("members"):
            return tips
        return {m: agency for m, agency in tips.items() if self.value(f"member:{agency}") in self.table["member_roles"]}

    def value(self, register: str) -> str:
        """Return the value of a register, also of the wide `risk`, `hold` and `travelling`; "none" when unset."""
        if register in {"risk", "hold"}:
            values = self._values(register)
            return self._strongest(register, values) if values else "none"
        if register == "travelling":
            return "yes" if set(self._values("travel")) & set(self.table["travelling"]) else "no"
        if register not in self.tips:
            return "none"
        family = register.partition(":")[0]
        entry, counted = self.table["register"][family], self.counted(register)
        if not counted:
            return self.case.sender(min(m for m in self.alive if self.case.is_root(m)))
        if "order" in entry:
            return self._strongest(family, counted.values())
        return min(counted.values()) if entry["pick"] == "earliest" else counted[min(counted)]

    def _values(self, family: str) -> list[str]:
        return [self.value(name) for name in self.tips if name.startswith(family + ":")]

    def _strongest(self, family: str, values: Iterable[str]) -> str:
        return max(values, key=lambda value: (rank(self.table, family, value), value))

    def contested(self, register: str) -> bool:
        """Whether several values remain that are no steps on the way to one another."""
        entry = self.table["register"].get(register.partition(":")[0], {})
        if register not in self.tips or "settle" not in entry:
            return False
        values, steps = set(self.counted(register).values()), entry.get("in_order")
        if steps and values & set(steps["after"]) and not values & set(steps["unless"]):
            values -= set(steps["values"])
        return len(values) > 1

    def members(self) -> set[str]:
        """Return the agencies that are invited or have a role."""
        carrying = {"invited", *self.table["member_roles"]}
        names = {name.partition(":")[2] for name in self.tips if name.startswith("member:")}
        return {agency for agency in names if self.value(f"member:{agency}") in carrying}

    def role(self, agency: str) -> str:
        """Return the role under which an agency signs: its own, or that of its seat while it is invited."""
        held = self.value(f"member:{agency}")
        return self.value(f"seat:{agency}") if held == "invited" else held
