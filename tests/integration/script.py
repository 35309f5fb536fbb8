"""Sends messages of every kind through the API with the sections that the table allows, to readers by one of two rules.

The table is read here from its TOML, by itself, so that the product's reading of it is checked too. `Script.send`
chooses the readers (all that may be, or as few as the table lets), and before it sends, tries what the table does not
have: another section, another role, a reader that has not accepted. Each of those must be refused with nothing kept.
"""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from integration.bodies import Bodies
from integration.faces import Face, face_of
from nodes import ALL_CLASSES, FIVE, PROMPTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodes import Town

PURPOSES: Final = ("assistance", "share_agency", "tracing", "travel")
ROLES: Final = {name: part["roles"][0] for name, part in FIVE.items()}
NOTE: Final = "note"
CHECKED: Final = [{"rule": "M3", "reason": "checked_by_hand"}]


@dataclass(frozen=True)
class Line:
    """One `[[carry]]` of the table."""

    readers: frozenset[str]
    needs: frozenset[str]
    owed: frozenset[str]


def _table() -> tuple[frozenset[str], dict[str, dict[str, Line]]]:
    raw = tomllib.loads((files("contracts") / "procedures" / "icp.v1.toml").read_text(encoding="utf-8"))
    lines: dict[str, dict[str, Line]] = {kind: {} for kind in raw["kind"]}
    for row in raw["carry"]:
        line = Line(frozenset(row["readers"]), frozenset(row.get("needs", ())), frozenset(row.get("owed", ())))
        for kind in lines if row["kind"] == "*" else (row["kind"],):
            lines[kind][row["section"]] = line
    return frozenset(raw["section"]), lines


SECTION_NAMES, TABLE = _table()


@dataclass
class Written:
    """One message as it was sent: its sections with their readers and bodies."""

    case: str
    message: str
    kind: str
    sender: str
    sections: dict[str, tuple[frozenset[str], dict[str, Any]]]


@dataclass
class Script:
    """One case of a town of five; `fewest` chooses as few readers as the table lets."""

    it: Town
    faces: dict[str, Face]
    bodies: Bodies
    fewest: bool = False
    case: str = ""
    accepted: set[str] = field(default_factory=set)
    written: list[Written] = field(default_factory=list)
    tried: set[tuple[str, ...]] = field(default_factory=set)
    chance: random.Random = field(default_factory=lambda: random.Random("readers"))

    @classmethod
    def of(cls, it: Town, *, fewest: bool) -> Script:
        """Begin in a town; each further case goes on with the same faces (`another`)."""
        return cls(it, {name: face_of(name, one) for name, one in it.nodes.items()}, Bodies(), fewest)

    async def open(self, opener: str) -> None:
        """Create a case, with a full consent towards everybody else for the person and one dependant."""
        answer = await self.faces[opener].post("/v1/cases", {})
        assert answer.status_code == 201, answer.text
        self.case, self.accepted = answer.json()["case"], {opener}
        await self.consents(opener, persons=(0, 1))

    async def consents(self, taker: str, persons: tuple[int, ...] = (0,)) -> None:
        """Let an agency record a full consent towards every other."""
        for agency in sorted(set(ROLES) - {taker}):
            for person in persons:
                await self._consent(taker, agency, person)

    async def _consent(self, taker: str, agency: str, person: int) -> None:
        body = {
            "agency": agency,
            "role": ROLES[agency],
            "purposes": list(PURPOSES),
            "classes": list(ALL_CLASSES),
            "valid_from": "2026-09-01",
            "expires_at": "2027-03-01",
            "section": {**self.bodies.body("consent"), "informed_of": list(PROMPTS)},
            "person": person,
        }
        del body["section"]["withdrawal_channel"]
        answer = await self.faces[taker].post(f"/v1/cases/{self.case}/consents", body)
        assert answer.status_code == 202, answer.text
        sections = {"consent": (frozenset({agency}), body["section"])}
        self.written.append(Written(self.case, answer.json()["message"], "consent", taker, sections))

    async def send(
        self,
        sender: str,
        kind: str,
        act: Mapping[str, Any],
        sections: tuple[str, ...] = (),
        *,
        asker: str = "",
        named: tuple[str, ...] = (),
        corrects: Written | None = None,
        keep: Mapping[str, tuple[str, ...]] | None = None,
        bodies: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> str:
        """Send one message with these sections, settle, and return its id."""
        may = {
            name: self._may_read(sender, kind, name, asker=asker, named=named, corrects=corrects) for name in sections
        }
        chosen = {name: self._chosen(kind, name, readers, (keep or {}).get(name, ())) for name, readers in may.items()}
        made = {name: {**self.bodies.body(name), **(bodies or {}).get(name, {})} for name in chosen if chosen[name]}
        value = {
            "act": dict(act),
            "sections": {name: {"body": made[name], "readers": sorted(chosen[name])} for name in made},
            "reasons": CHECKED,
            **more,
        }
        await self._try_what_is_not_allowed(sender, kind, value, may)
        answer = await self.faces[sender].post(f"/v1/cases/{self.case}/messages/{kind}", value)
        assert answer.status_code == 202, f"{kind} by {sender}: {answer.text}"
        held = {name: (frozenset(chosen[name]), made[name]) for name in made}
        self.written.append(Written(self.case, answer.json()["message"], kind, sender, held))
        await self.it.settle()
        return str(answer.json()["message"])

    async def arrives(self) -> None:
        """Let everything arrive."""
        await self.it.settle()

    # -- who may read ------------------------------------------------------------------------------------------------

    def _may_read(
        self, sender: str, kind: str, name: str, *, asker: str, named: tuple[str, ...], corrects: Written | None
    ) -> set[str]:
        line = TABLE[kind].get(name)
        if corrects is not None and name != NOTE:
            return set(corrects.sections[name][0])
        assert line is not None, f"the table has no {name} in {kind}"
        by_role = {one for one, role in ROLES.items() if role in line.readers}
        by_name = set(named) if "named" in line.readers else set()
        asked = {asker} if "asker" in line.readers else set()
        found = (by_role | by_name | asked) - {sender}
        if named and not by_name:
            found &= set(named)
        return found & self.accepted if "accepted" in line.needs else found

    def _chosen(self, kind: str, name: str, readers: set[str], keep: tuple[str, ...]) -> set[str]:
        if not self.fewest or not readers:
            return readers
        line = TABLE[kind].get(name)
        owed = {one for one in readers if line is not None and ROLES.get(one) in line.owed}
        few = owed | (set(keep) & readers)
        return few or {self.chance.choice(sorted(readers))}

    # -- who may not -------------------------------------------------------------------------------------------------

    async def _try_what_is_not_allowed(
        self, sender: str, kind: str, value: Mapping[str, Any], may: Mapping[str, set[str]]
    ) -> None:
        """Try each other section, and each other reader, once for each kind."""
        if kind in {"correction", "assistance-request-notification"}:
            return  # they have tests of their own
        if value.get("to"):
            others: set[str] = set(value["to"])
        else:
            others = set(self.it.nodes[sender].queries.standing(self.case).members())
        others -= {sender}
        for name in sorted(SECTION_NAMES - TABLE[kind].keys()):
            if self._first((kind, name)):
                await self._refused(sender, kind, value, (name, sorted(others)[:1]), "not-in-table")
        for name, readers in may.items():
            for other in sorted(others - readers):
                line = TABLE[kind][name]
                not_yet = ROLES.get(other) in line.readers and other not in self.accepted
                if self._first((kind, name, other, str(not_yet))):
                    expected = "accepted" if not_yet and "accepted" in line.needs else "reader"
                    await self._refused(sender, kind, value, (name, sorted({*readers, other})), expected)

    def _first(self, what: tuple[str, ...]) -> bool:
        new = what not in self.tried
        self.tried.add(what)
        return new

    async def _refused(
        self, sender: str, kind: str, value: Mapping[str, Any], tried: tuple[str, list[str]], code: str
    ) -> None:
        """Send with one section more, or one reader more; it is refused, and nothing is kept of it."""
        before, (name, readers) = self.kept(sender), tried
        sections = {**value["sections"], name: {"body": self.bodies.body(name), "readers": readers}}
        path = f"/v1/cases/{self.case}/messages/{kind}"
        answer = await self.faces[sender].post(path, {**value, "sections": sections})
        assert (answer.status_code, answer.json().get("code")) == (422, code), f"{kind} {name} {readers}: {answer.text}"
        assert self.kept(sender) == before

    def kept(self, agency: str) -> tuple[int, int]:
        """Return how many events of the case and how many section keys a node keeps."""
        node = self.it.nodes[agency].node
        case = node.case(self.case)
        assert case is not None
        return case.version, len(node.vault._keyring.names("section"))
