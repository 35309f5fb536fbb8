"""Walks a journey: moves the clock, lets each step happen, turns every node until all are quiet, looks.

Time moves only here. On its way to a later step it stops wherever a clock of a node rings, so that a timer fires at its
time and not when somebody happens to look; then everything that follows is worked off before it moves on.
A step that must be refused is held to it: the refusal by its code or rule, no event stored, no envelope appended.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import instant_text
from contracts.refusal import Refusal
from referral.desk import ConsentForm
from referral.erasing import Erasure
from referral.play import bodies
from referral.play.account import cases_held, messages_named
from referral.play.expectations import Names, differences
from referral.play.journey import CASE, EVERYONE, Journey, Step, span
from referral.play.lines import Withholding
from referral.play.outcome import CaseOutcome, Done, Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from referral.desk import Sent
    from referral.play.account import Account
    from referral.play.cast import Player
    from referral.play.journey import Consent, Erase, Expectation, Fault, Open, Read, Send, Wait, Withdraw, Withheld
    from referral.play.stage import Stage

ROUNDS: Final = 10_000  # turns of all nodes in one step: beyond it they answer each other for ever
CONSENT_LASTS: Final = timedelta(days=90)
PROOF_SECONDS: Final = 30.0
PROOF_PAUSE: Final = 0.02
NOTHING: Final = "accepted"


class NotAsExpected(Exception):  # noqa: N818 - a journey that fails is an ordinary outcome
    """Carries a failure to the end of the journey."""

    def __init__(self, failure: Failure) -> None:
        """Keep what failed."""
        super().__init__(failure.what)
        self.failure = failure


class NeverQuiet(RuntimeError):  # noqa: N818 - it says what is so
    """The nodes did not come to rest: they answer each other without end."""


class Director:
    """Plays one journey on one stage."""

    def __init__(
        self,
        journey: Journey,
        stage: Stage,
        told: Callable[[Done], None] = lambda _done: None,
        *,
        accounts: bool = False,
    ) -> None:
        """Play `journey` on an open `stage`; `told` hears of every step, and with `accounts` where all stand then."""
        self.journey = journey
        self.stage = stage
        self.names = Names()
        self.cases: dict[str, str] = {}
        self._told = told
        self._with_accounts = accounts
        self._case = CASE
        self._down: set[str] = set()
        self._number = 0
        self._step: Step = journey.step[0]
        self._done: list[Done] = []
        self._named_upto = -1
        self._run = f"journey-{secrets.token_hex(8)}"

    async def play(self) -> Outcome:
        """Return what came of the journey, at its end or at the first thing that is not as expected."""
        failure = None
        try:
            await self.quiet()
            for number, step in enumerate(self.journey.step, start=1):
                self._number, self._step = number, step
                await self._take(step)
        except NotAsExpected as failed:
            failure = failed.failure
        return self._outcome(failure)

    async def _take(self, step: Step) -> None:
        if step.at is not None:
            await self.until(step.at)
        self._case = step.case or (CASE if step.choice == "open" else self._case)
        part = getattr(step, step.choice)
        line = await self._acts()[step.choice](part)
        line += f", which is refused: {step.refused}" if step.refused else ""
        await self.quiet()
        self._name_messages()
        accounts = dict(self._accounts(self._case)) if self._with_accounts else {}
        done = Done(self._number, self.stage.clock(), line, step.says or "", accounts)
        self._done.append(done)
        self._told(done)

    def _acts(self) -> Mapping[str, Callable[[Any], Awaitable[str]]]:
        return {
            "open": self._open,
            "consent": self._consent,
            "withdraw": self._withdraw,
            "erase": self._erase,
            "send": self._send,
            "wait": self._wait,
            "fault": self._fault,
            "read": self._read,
            "expect": self._expect,
        }

    def _outcome(self, failure: Failure | None) -> Outcome:
        cases = tuple(CaseOutcome(label, case, dict(self._accounts(label))) for label, case in self.cases.items())
        names = {
            message.id: self.names.shown(message.id)
            for case in cases
            for one in case.accounts.values()
            for message in one.messages
        }
        return Outcome(self.journey.journey.title, tuple(self._done), cases, names, failure)

    # -- time ----------------------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Turn every node until none has anything left to do."""
        for _ in range(ROUNDS):
            if sum([await player.turn() for player in self._up()]) == 0:
                return
        raise NeverQuiet

    async def until(self, moment: datetime) -> None:
        """Let time go by until `moment`, hearing every clock at its time."""
        while True:
            ringing = [at for at in self._ringing() if self.stage.clock() < at <= moment]
            if not ringing:
                break
            self.stage.clock.move(min(ringing))
            await self.quiet()
        self.stage.clock.move(moment)
        await self.quiet()

    def _ringing(self) -> Iterator[datetime]:
        """Yield when each node's next clock rings, in true time."""
        for player in self._up():
            at = player.next_at()
            if at is not None:
                yield at - self.journey.skew(player.agency)

    def _up(self) -> list[Player]:
        return [player for name, player in self.stage.players.items() if name not in self._down]

    # -- what happens --------------------------------------------------------------------------------------------------

    async def _open(self, opened: Open) -> str:
        case = await self._asked(opened.by, lambda: self.stage.players[opened.by].open_case(self._key()))
        if case is not None:
            self.cases[self._case] = case
        return f"{opened.by} opens a case"

    async def _consent(self, given: Consent) -> str:
        player, case = self.stage.players[given.by], self._case_id()
        answer = await self._asked(given.by, lambda: player.give_consent(case, self._form(given), self._key()))
        self._name(given.label, answer)
        return f"{given.by} records a consent ({given.state}) that names {given.agency}"

    def _form(self, given: Consent) -> ConsentForm:
        today = (self.stage.clock() + self.journey.skew(given.by)).date()
        return ConsentForm(
            agency=given.agency,
            role=given.role or self.journey.agencies[given.agency].roles[0],
            purposes=given.purposes,
            classes=tuple(given.classes),
            valid_from=given.valid_from or today,
            expires_at=given.expires_at or today + CONSENT_LASTS,
            person=given.person,
            given_by=given.given_by,
            state=given.state,
            body=bodies.body_of(self.journey, "consent", given.body),
        )

    async def _withdraw(self, taken: Withdraw) -> str:
        player, case = self.stage.players[taken.by], self._case_id()
        answer = await self._asked(
            taken.by, lambda: player.withdraw_consent(case, taken.agency, taken.person, self._key())
        )
        self._name(taken.label, answer)
        return f"{taken.by} records that the consent for {taken.agency} is withdrawn"

    async def _erase(self, wanted: Erase) -> str:
        player, case = self.stage.players[wanted.by], self._case_id()
        await self._asked(
            wanted.by,
            lambda: player.erase_case(Erasure(case, wanted.ground, wanted.function, wanted.second), self._key()),
        )
        return f"{wanted.by} erases the whole case: {wanted.ground}"

    async def _send(self, sent: Send) -> str:
        player, case, said = self.stage.players[sent.from_], self._case_id(), self._intent(sent)
        answer = await self._asked(sent.from_, lambda: player.send(case, sent.kind, said, self._key()))
        self._name(sent.label, answer)
        if answer is not None:
            self._compare(sent.from_, "send.warned", sent.warned, tuple(one.rule for one in answer.warnings))
            self._compare(sent.from_, "send.flagged", sent.flagged, answer.flags)
        return f"{sent.from_} sends {sent.kind}" + (f" (@{sent.label})" if sent.label else "")

    def _compare(self, agency: str, what: str, wanted: Iterable[str] | None, said: Iterable[str]) -> None:
        if wanted is not None and sorted(set(wanted)) != sorted(set(said)):
            self._fail(what, sorted(set(wanted)), sorted(set(said)), agency)

    def _intent(self, sent: Send) -> dict[str, Any]:
        """Return the JSON form of what is sent; what the step leaves out, the node fills in."""
        said: dict[str, Any] = {
            "act": sent.act,
            "sections": {
                name: {"readers": list(part.readers), "body": bodies.body_of(self.journey, name, part.body)}
                for name, part in sent.sections.items()
            },
            "function": sent.function,
            "basis": sent.basis,
            "priority": sent.priority,
            "reasons": [reason.model_dump(exclude_none=True) for reason in sent.reasons],
            "attested": [word.model_dump(mode="json") for word in sent.attested],
        }
        left_out = {
            "role": sent.role,
            "to": sent.to or None,
            "respond_by": sent.respond_by and instant_text(sent.respond_by),
            "in_reply_to": sent.in_reply_to,
            "supersedes": sent.supersedes,
            "occurred_at": sent.occurred_at and instant_text(sent.occurred_at),
        }
        said |= {name: value for name, value in left_out.items() if value is not None}
        named = {name: said[name] for name in ("act", "in_reply_to", "supersedes") if name in said}
        return {**said, **self.names.resolved(named)}

    async def _wait(self, wait: Wait) -> str:
        moment = wait.until or self.stage.clock() + span(wait.for_ or "0s")
        await self.until(moment)
        return f"time goes by until {instant_text(moment)}"

    async def _read(self, opened: Read) -> str:
        player, case, message = self.stage.players[opened.by], self._case_id(), self.names.resolved(opened.message)
        body = await self._asked(
            opened.by, lambda: player.read_section(case, message, opened.section, opened.function, opened.purpose)
        )
        for field, wanted in opened.holds.items():
            if body is not None and body.get(field) != wanted:
                self._fail(f"read.holds.{field}", wanted, body.get(field, "no such field"), opened.by)
        return f"{opened.by} opens {opened.section} of {opened.message}"

    # -- asked, and refused --------------------------------------------------------------------------------------------

    async def _asked(self, agency: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Return what a node answers; None where it refuses and the journey says that it must."""
        wanted = self._step.refused
        before = (self.stage.trouble.appended, self.stage.players[agency].node.store.last_position())
        try:
            answer = await ask()
        except Refusal as refused:
            codes = [code for code in (refused.code, getattr(refused, "rule", "")) if code]
            if wanted is None or wanted not in codes:
                self._fail("refused", wanted or NOTHING, " / ".join([*codes, refused.detail]), agency)
            await self.quiet()
            after = (self.stage.trouble.appended, self.stage.players[agency].node.store.last_position())
            if before != after:
                self._fail("refused", "nothing stored, nothing sent", "something was", agency)
            return None
        if wanted is not None:
            self._fail("refused", wanted, NOTHING, agency)
        return answer

    def _fail(self, what: str, expected: Any, actual: Any, agency: str = "") -> None:
        shown = self.names.shown
        raise NotAsExpected(Failure(self._number, what, shown(expected), shown(actual), agency, self._step.says or ""))

    def _key(self) -> str:
        """Return the idempotency key of this step: a node that died over it does it once."""
        return f"{self._run}-step-{self._number}"

    def _case_id(self) -> str:
        return self.cases[self._case]

    def _name(self, label: str | None, answer: Sent | None) -> None:
        if label is not None and answer is not None:
            self.names.give(label, answer.message)
            self._look_again_at_withheld()

    def _name_messages(self) -> None:
        """Name what nodes sent by themselves, from the union of what they hold."""
        position = sum(player.node.store.last_position() for player in self._up())
        if position == self._named_upto:
            return
        self._named_upto = position
        for case in self.cases.values():
            self.names.take_in({one for player in self._up() for one in messages_named(player.node, case)})
        self._look_again_at_withheld()

    def _accounts(self, label: str) -> Iterator[tuple[str, Account]]:
        if label not in self.cases:
            return
        for player in self._up():
            account = player.account(self.cases[label])
            if account is not None:
                yield player.agency, account

    # -- faults --------------------------------------------------------------------------------------------------------

    async def _fault(self, fault: Fault) -> str:
        trouble = self.stage.trouble
        match fault.choice:
            case "broker":
                nodes = set(fault.nodes or self.stage.players)
                trouble.away = trouble.away | nodes if fault.broker == "away" else trouble.away - nodes
            case "notary":
                self._notary(away=fault.notary == "away")
            case "duplicate" if fault.duplicate is not None:
                trouble.doubled[fault.duplicate.from_] += fault.duplicate.records
            case "lose" if fault.lose is not None:
                trouble.lost[fault.lose.from_] += fault.lose.records
            case "withhold" if fault.withhold is not None:
                trouble.withheld.append(self._withholding(fault.withhold))
            case "release" if fault.release is not None:
                await self._release(fault.release)
            case "kill" if fault.kill is not None:
                await self.stage.players[fault.kill].kill()
                self._down.add(fault.kill)
            case "restart" if fault.restart is not None:
                await self.stage.players[fault.restart].start()
                self._down.discard(fault.restart)
        return _fault_line(fault)

    def _notary(self, *, away: bool) -> None:
        if away:
            self.stage.notary.stop(signal.SIGKILL)
        else:
            self.stage.notary.start()

    def _withholding(self, withheld: Withheld) -> Withholding:
        named = tuple(one.removeprefix("@") for one in withheld.messages)
        ids = frozenset(self.names.id(one) for one in named)
        return Withholding(frozenset(withheld.from_), ids, named)

    def _look_again_at_withheld(self) -> None:
        """A message that is withheld may have got its id only now."""
        trouble = self.stage.trouble
        trouble.withheld = [
            Withholding(one.agencies, frozenset(map(self.names.id, one.named)), one.named) for one in trouble.withheld
        ]

    async def _release(self, released: Withheld | str) -> None:
        trouble = self.stage.trouble
        if isinstance(released, str):
            trouble.withheld = []
        else:
            gone = self._withholding(released)
            trouble.withheld = [
                one for one in trouble.withheld if (one.agencies, one.named) != (gone.agencies, gone.named)
            ]
        for topic, envelope in trouble.released():
            trouble.appended += 1
            await self.stage.broker.append(topic, [envelope])

    # -- looking -------------------------------------------------------------------------------------------------------

    async def _expect(self, expected_of: Mapping[str, Expectation]) -> str:
        for agency, expected in expected_of.items():
            looked_at = self._looked_at(agency)
            if not looked_at:
                self._fail(f"expect.{agency}", "a case", "no agency holds it", agency)
            for name in looked_at:
                await self._hold(name, expected)
            self._compare_digests(agency, expected, looked_at)
        return f"looked at {', '.join(expected_of)}"

    def _looked_at(self, agency: str) -> list[str]:
        """Return the agencies that an expectation is about; everyone: who carries the referral by its own account."""
        if agency != EVERYONE:
            return [agency]
        return [name for name, account in self._accounts(self._case) if name in account.members]

    async def _hold(self, agency: str, expected: Expectation) -> None:
        player = self.stage.players[agency]
        if expected.cases is not None:
            held = cases_held(player.node)
            if held != expected.cases:
                self._fail("cases", expected.cases, held, agency)
        if expected.proven:
            await self._wait_for_proofs(player)
        account = player.account(self._case_id(), expected.known_at)
        if account is None:
            if expected.model_dump(exclude_defaults=True, exclude={"cases"}):
                self._fail("case", "held", "not held", agency)
            return
        for difference in differences(agency, expected, account, self.names):
            self._fail(difference.what, difference.expected, difference.actual, agency)
        if expected.replays and (again := player.replayed(self._case_id())) != account.digest:
            self._fail("replays", account.digest, again, agency)
        if expected.verifies:
            await self._wait_for_proofs(player)
            self._check_bundle(player)

    def _check_bundle(self, player: Player) -> None:
        with TemporaryDirectory(prefix="referral-bundle-") as made:
            found = player.checked_bundle(self._case_id(), Path(made) / "bundle")
            if not found.ok:
                self._fail("verifies", "a bundle that verifies", found.lines[-1], player.agency)

    def _compare_digests(self, agency: str, expected: Expectation, looked_at: list[str]) -> None:
        if expected.digests is None:
            return
        digests = {name: account.digest for name, account in self._accounts(self._case) if name in looked_at}
        if (len(set(digests.values())) == 1) is not (expected.digests == "equal"):
            self._fail("digests", expected.digests, digests, agency)

    async def _wait_for_proofs(self, player: Player) -> None:
        """The notary signs on its own: wait for it, not longer than half a minute of the machine's time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PROOF_SECONDS
        while True:
            account = player.account(self._case_id())
            waiting = [message.id for message in account.messages if not message.proven] if account is not None else []
            if not waiting:
                return
            if loop.time() > until:
                self._fail("proven", "a proof of every message", f"none of {self.names.shown(waiting)}", player.agency)
            await asyncio.sleep(PROOF_PAUSE)
            await self.quiet()


def _fault_line(fault: Fault) -> str:
    said = fault.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return "fault: " + ", ".join(f"{name} {_words(value)}" for name, value in said.items())


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_words(inner)}" for name, inner in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
