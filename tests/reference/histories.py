"""Drawn histories of one case: mostly the long way of a referral, with careless, late, lost and hostile messages in it.

`draw(rng, table)` returns messages in the form of the golden histories; the same seed draws the same history. Agencies
hold what has reached them, so what they send names only a part of the case and the graph branches as it would in life.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reference.acts import View, act_for
from reference.case import Case
from reference.onward import CLASHES, INVITED_AS, STRAIGHT, against_each_other, onward

if TYPE_CHECKING:
    from random import Random

    from reference.table import Act, Message, Table

START = datetime(2026, 1, 1, tzinfo=UTC)
FUNCTIONS = ("focal-point", "case-manager", "return-officer")
STRIDES = (0, 0, 1, 6, 6, 30, 80, 400, 1100)  # hours between two messages
LONGEST = 40


class Growing(Case):
    """A case to which messages are added while a history is drawn; verdicts on whole pasts are kept."""

    def add(self, message: Message) -> None:
        """Take one more message in; forget what it may change."""
        self.messages[message["id"]] = message
        self._forget()

    def take_back(self, m: str) -> None:
        """Remove the message added last."""
        del self.messages[m]
        for memory in (self._past, self._verdict):
            memory.pop(m, None)
        self._forget()

    def settle(self, ids: list[str]) -> None:
        """Count these ids as absent."""
        self.settled |= frozenset(ids)
        self._verdict.clear()
        self._standing.clear()

    def _forget(self) -> None:
        self.__dict__.pop("given_roles", None)
        open_ended = {m for m in self._verdict if m not in self.messages or not self.whole(m)}
        for m in open_ended:
            del self._verdict[m]
        for ids in [ids for ids in self._standing if ids & open_ended or not ids <= self.messages.keys()]:
            del self._standing[ids]


class Drawing:
    """One history while it is drawn: the case so far, what each agency holds, and the clock."""

    def __init__(self, rng: Random, table: Table) -> None:
        self.rng = rng
        self.case = Growing([], table, frozenset())
        self.side: list[Message] = []
        self.now = START
        self.agencies = list("abcdef"[: rng.choice((2, 3, 3, 4, 5, 6))])
        self.held: dict[str, set[str]] = {agency: set() for agency in "abcdefgh"}
        self.waiting: list[tuple[str, str]] = []
        self.care = rng.choice((0.0, 0.02, 0.05, 0.15, 0.3))
        self.loss = rng.choice((0.0, 0.1, 0.3, 0.6))
        self.strides = STRIDES[: rng.choice((4, 6, 6, 7, 9))]
        self.storms = rng.choice((0.0, 0.05, 0.12))
        self.silence = 0  # steps for which nothing arrives anywhere

    # -- sending -------------------------------------------------------------------------------------------------------
    def heads(self, author: str) -> list[str]:
        """Return the maximal contents whose whole past the author holds (all it holds, when it is careless)."""
        case, careless = self.case, self.rng.random() < self.care
        known = [
            m
            for m in self.held[author]
            if m in case.messages and (careless or (case.whole(m) and self._has(author, m)))
        ]
        heads = sorted(m for m in known if not any(m in case.past(n) for n in known))
        if heads and self.rng.random() < self.care:
            heads = self.rng.sample(sorted(known), self.rng.randint(1, min(3, len(known))))
        return heads

    def _has(self, author: str, m: str) -> bool:
        return self.case.past(m) <= self.held[author]

    def view(self, author: str, heads: list[str]) -> View:
        """Return what the author knows behind these heads."""
        past = frozenset(heads).union(*(self.case.past(m) for m in heads))
        view = View(self.rng, self.case, past, author, self.now)
        view.strangers = [a for a in self.agencies if a not in view.before.members()]
        return view

    def message(self, view: View, heads: list[str], kind: str, act: Act) -> Message:
        """Return a message as a careful author would write it."""
        before, author = view.before, view.author
        written = before.members() - {author}
        if self.case.table["kind"][kind].get("invites"):
            written |= {act["agency"]}
        invited_as = act.get("role", "none")
        days = self.rng.choice((None, None, None, None, 1, 5, 20))
        message: Message = {
            "id": f"{self.rng.getrandbits(24):06x}-{len(self.case.messages) + len(self.side) + 1}{author}",
            "kind": kind,
            "sender": author,
            "role": before.role(author),
            "act": act,
            "after": sorted(heads),
            "audience": sorted([a, invited_as if before.role(a) == "none" else before.role(a)] for a in written),
            "sent_at": _text(self.now),
            "respond_by": None if days is None else _text(self.now + timedelta(days=days)),
        }
        if self.rng.random() < 0.85:
            message["function"] = self.rng.choice(FUNCTIONS)
        return message

    def spoil(self, message: Message) -> None:
        """Make one mistake that careless or hostile authors make."""
        rng = self.rng
        match rng.choice(("ghost", "ghost", "audience", "audience", "role", "clock", "after", "outsider", "elsewhere")):
            case "ghost":
                message["after"] = sorted([*message["after"], f"ghost{rng.randint(1, 3)}"])
            case "audience" if message["audience"] and rng.random() < 0.6:
                message["audience"].remove(rng.choice(message["audience"]))
            case "audience":
                message["audience"] = [["g", "reception"]]
            case "role":
                message["role"] = rng.choice([*self.case.table["member_roles"], "transit"])
            case "clock":
                message["sent_at"] = _text(self.now - timedelta(days=rng.choice((2, 9, 40))))
            case "after":
                message["after"] = rng.sample(sorted(self.case.messages), 1)
            case "outsider":
                message["sender"] = rng.choice(("g", "h"))
            case "elsewhere":
                message |= self._elsewhere(message)

    def _elsewhere(self, message: Message) -> Message:
        """Return fields that point out of the case, or back into it."""
        rng, other = self.rng, f"other{self.rng.randint(1, 2)}"
        anything = rng.choice([other, *sorted(self.case.messages)])
        return rng.choice(
            (
                {"other_procedure": True},
                {"other_case": [other], "after": sorted([*message["after"], other])},
                {"in_reply_to": anything},
                {"supersedes": anything},
            )
        )

    def send(self, message: Message) -> None:
        """Take the message into the case and hand it to its audience, now or later."""
        self.case.add(message)
        verdict = self.case.verdict(message["id"])
        if message["kind"] == "history-settled" and verdict[0] == "effective":
            self.case.settle(message["act"]["ids"])
        self.held[message["sender"]].add(message["id"])
        for agency, _ in message["audience"]:
            self.waiting.append((agency, message["id"]))
            if message["kind"] == "participant-added" and agency == message["act"]["agency"]:
                self.waiting += [(agency, m) for m in self.case.past(message["id"])]
        self.deliver()

    def deliver(self) -> None:
        """Let what is under way arrive, all but the share that is late today."""
        if self.silence:
            self.silence -= 1
            return
        late = [one for one in self.waiting if self.rng.random() < self.loss]
        for agency, m in self.waiting:
            if (agency, m) not in late:
                self.held[agency].add(m)
        self.waiting = late

    # -- the course of a case ------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Send the first message, and now and then a second root or one that does not fit."""
        kind = "unprepared-return-notice" if self.rng.random() < 0.15 else "assistance-request-notification"
        self.root("a", kind)
        if self.rng.random() < 0.06:
            self.root("a", self.rng.choice((kind, "assistance-request-notification")))
        if self.rng.random() < 0.03:
            self.root(self.rng.choice("bcg"), kind, case_fits=False)

    def root(self, author: str, kind: str, **more: Any) -> None:
        """Send a message with nothing before it."""
        rng, others = self.rng, [a for a in self.agencies if a != author]
        view = self.view(author, [])
        message = self.message(view, [], kind, act_for(view, kind, scenario="1_self_or_close"))
        message |= {
            "role": "requesting"
            if kind.startswith("assistance")
            else rng.choice(("reception", "reception", "requested", "transit"))
        }
        audience = [[others[0], "requested"]] if rng.random() < 0.97 else []
        audience += [[a, rng.choice((*INVITED_AS, "transit"))] for a in others[1:] if rng.random() < 0.2]
        self.send(message | {"audience": sorted(audience)} | more)

    def step(self, chance_of_progress: float) -> None:
        """Let one agency send one message."""
        rng = self.rng
        self.now += timedelta(hours=rng.choice(self.strides))
        if rng.random() < self.storms:
            self.silence = rng.randint(4, 10)
        self.deliver()
        author = rng.choice(self.agencies[:2] if rng.random() < 0.5 else self.agencies)
        heads = self.heads(author)
        if not heads:
            return
        view, message = self.view(author, heads), None
        for _ in range(3):
            message = self._attempt(view, heads, chance_of_progress)
            if rng.random() < self.care + 0.15:
                break
            self.case.add(message)
            lively = self.case.verdict(message["id"])[0] in {"effective", "flagged"}
            self.case.take_back(message["id"])
            if lively:
                break
        if message is None:
            return
        for _ in range(3):
            if rng.random() < self.care:
                self.spoil(message)
        if rng.random() < self.care / 10:  # of a version to come: nobody folds it, yet somebody may name it
            self.side.append(message | {"kind": "kind-to-come"})
            message["after"] = [message["id"]]
            message["id"] += "x"
        self.send(message)

    def _attempt(self, view: View, heads: list[str], chance_of_progress: float) -> Message:
        natural = against_each_other(view) if self.silence and self.rng.random() < 0.7 else onward(view)
        if natural and self.rng.random() < chance_of_progress:
            kind, act = self.rng.choice(natural)
        else:
            kind = self.rng.choice(_core_kinds(self.case.table))
            act = act_for(view, kind)
        return self.message(view, heads, kind, act)

    def go_straight(self, depth: int) -> None:
        """Go the straight way of a referral for some steps, everything arriving at once."""
        loss, self.loss = self.loss, 0.0
        third = self.rng.choice("aac")  # who plans the journey
        for author, kind, chosen in STRAIGHT[:depth]:
            self._scripted(third if kind == "travel-itinerary" else author, kind, chosen)
        self.loss = loss

    def clash(self) -> None:
        """Let some messages be sent without knowing of one another, then let everything arrive."""
        moves = self.rng.sample(CLASHES, self.rng.randint(3, 7))
        if self.rng.random() < 0.5:  # the removal of c against what c does and others say of it
            moves = [CLASHES[0], *(one for one in CLASHES[1:] if "c" in {one[0], *one[2].values()})]
            self.rng.shuffle(moves)
        self.silence = len(moves) + 1
        for author, kind, chosen in moves:
            self._scripted(author, kind, chosen)
        loss, self.loss, self.silence = self.loss, 0.0, 0
        self.deliver()
        self.loss = loss

    def _scripted(self, author: str, kind: str, chosen: dict[str, str]) -> None:
        heads = self.heads(author)
        if author in self.agencies and heads:
            view = self.view(author, heads)
            self.send(self.message(view, heads, kind, act_for(view, kind, **chosen)))

    def whisper(self) -> None:
        """Send a side message to one other agency; no core message names it but by mistake."""
        author = self.rng.choice(self.agencies)
        heads = self.heads(author)
        if heads:
            view = self.view(author, heads)
            kind = self.rng.choice(("consent", "life-risk-disclosure"))
            named = {name: value for name, value in {"case": "case"}.items() if kind == "consent"}
            message = self.message(view, heads, kind, act_for(view, kind, **named))
            self.side.append(message | {"audience": message["audience"][:1]})


def draw(rng: Random, table: Table, longest: int = LONGEST) -> list[Message]:
    """Return a history of at most `longest` messages."""
    drawing = Drawing(rng, table)
    drawing.open()
    if rng.random() < 0.5:
        drawing.go_straight(rng.choice((rng.randint(3, len(STRAIGHT)), 10, 11, 12)))
        if rng.random() < 0.6:
            drawing.clash()
    size, calm = rng.randint(8, longest), rng.randint(0, 22)
    for n in range(3 * size):
        if len(drawing.case.messages) >= size:
            break
        drawing.step(0.95 if n < calm else rng.choice((0.2, 0.5, 0.8)))
        if rng.random() < 0.04:
            drawing.whisper()
    return [*drawing.case.messages.values(), *drawing.side]


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _core_kinds(table: Table) -> list[str]:
    return sorted(kind for kind, entry in table["kind"].items() if "side" not in entry)
