"""What `referral play` says of a journey: for people in lines, for programs as one JSON document."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts.encoding import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from referral.play.account import Account
    from referral.play.outcome import CaseOutcome, Done, Failure, Outcome

SHORT: Final = 16  # characters of a digest that people compare
SETS: Final = ("contested", "overtaken", "against", "missing", "overdue", "alarms")


@dataclass(frozen=True, slots=True)
class PlayReport:
    """A journey as it was played on one broker; `verbose` shows where everybody stood after each step."""

    outcome: Outcome
    broker: str
    steps: int
    verbose: bool = False

    @property
    def held(self) -> bool:
        """Say whether everything was as the journey expects."""
        return self.outcome.held

    def document(self) -> Mapping[str, Any]:
        """Return it as `--json` prints it."""
        outcome = self.outcome
        return {
            "journey": outcome.title,
            "broker": self.broker,
            "held": outcome.held,
            "failure": None if outcome.failure is None else asdict(outcome.failure),
            "steps": {"done": len(outcome.steps), "of": self.steps},
            "told": [self._told(done) for done in outcome.steps] if self.verbose else [],
            "cases": [self._case(case) for case in outcome.cases],
            "messages": [self._message(name, label) for name, label in outcome.names.items()],
        }

    def lines(self) -> Iterable[str]:
        """Return it as people read it."""
        yield f"{self.outcome.title} ({self.broker} broker)"
        if self.verbose:
            steps = _Steps(self._named)
            for done in self.outcome.steps:
                yield from steps.lines(done)
        for case in self.outcome.cases:
            yield ""
            yield from self._case_lines(case)
        yield ""
        if self.outcome.failure is None:
            yield f"All {self.steps} steps went as the journey expects."
        else:
            yield from failure_lines(self.outcome.failure)

    def _told(self, done: Done) -> dict[str, Any]:
        digests = {agency: account.digest for agency, account in done.accounts.items()}
        return {
            "step": done.step,
            "at": instant_text(done.at),
            "what": done.line,
            "says": done.says,
            "digests": digests,
        }

    def _case(self, case: CaseOutcome) -> dict[str, Any]:
        agencies = {agency: _account(account) for agency, account in case.accounts.items()}
        return {"label": case.label, "case": case.case, "agencies": agencies}

    def _message(self, content_id: str, label: str) -> dict[str, str]:
        return {"message": content_id, "name": label}

    def _case_lines(self, case: CaseOutcome) -> Iterator[str]:
        """Print each agency's digest, and each standing once for all who share it."""
        yield f"case {case.label}"
        for agency, account in case.accounts.items():
            yield f"  {agency:<12} digest {account.digest[:SHORT]}  {len(account.messages)} messages"
        for agencies in _by_digest(case.accounts).values():
            yield f"  standing of {', '.join(agencies)}:"
            yield from self._standing(case.accounts[agencies[0]])
            for agency in agencies:
                alarms = case.accounts[agency].alarms
                if alarms:
                    yield f"    alarms at {agency}: {', '.join(alarms)}"

    def _standing(self, account: Account) -> Iterator[str]:
        named = self._named
        for register, value in account.registers.items():
            yield f"    {named(register)} = {named(value)}"
        for name in SETS[:-1]:
            found = getattr(account, name)
            if found:
                yield f"    {name}: {', '.join(map(named, found))}"
        for content_id, verdict in account.verdicts.items():
            yield f"    {named(content_id)} is {verdict}"

    def _named(self, text: str) -> str:
        for content_id, label in self.outcome.names.items():
            text = text.replace(content_id, label)
        return text


def failure_lines(failure: Failure) -> Iterator[str]:
    """Yield what was expected and what was so."""
    where = f" at {failure.agency}" if failure.agency else ""
    says = f" ({failure.says})" if failure.says else ""
    yield f"NOT AS EXPECTED: step {failure.step}{says}"
    yield f"  {failure.what}{where}"
    yield f"  expected {failure.expected}"
    yield f"  actual   {failure.actual}"


def _account(account: Account) -> dict[str, Any]:
    plain = ("registers", "wide", "members", "verdicts", "flags")
    return {
        "digest": account.digest,
        "responsible": account.responsible,
        "messages": len(account.messages),
        **{name: dict(getattr(account, name)) for name in plain},
        **{name: list(getattr(account, name)) for name in SETS},
    }


class _Steps:
    """Tells step by step what happened and what it changed, once for agencies that hold the same."""

    def __init__(self, named: Callable[[str], str]) -> None:
        """Say ids by what `named` calls them."""
        self._named = named
        self._before: dict[str, Mapping[str, str]] = {}

    def lines(self, done: Done) -> Iterator[str]:
        """Yield the lines of one step."""
        said = f"  {done.says}" if done.says else ""
        yield f"{done.step:>4}  {done.at:%Y-%m-%d %H:%MZ}  {done.line}{said}"
        for digest, agencies in _by_digest(done.accounts).items():
            account = done.accounts[agencies[0]]
            changed = self._changed(agencies[0], account)
            yield f"      {digest[:SHORT]}  {', '.join(agencies)}" + (f": {changed}" if changed else "")
        self._before = {agency: account.registers for agency, account in done.accounts.items()}

    def _changed(self, agency: str, account: Account) -> str:
        before = self._before.get(agency, {})
        changed = {name: value for name, value in account.registers.items() if before.get(name) != value}
        gone = [name for name in before if name not in account.registers]
        parts = [f"{self._named(name)} = {self._named(value)}" for name, value in changed.items()]
        return ", ".join([*parts, *(f"{self._named(name)} = none" for name in gone)])


def _by_digest(accounts: Mapping[str, Account]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for agency, account in accounts.items():
        found.setdefault(account.digest, []).append(agency)
    return found
