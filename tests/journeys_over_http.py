"""Walks a journey file over the HTTP interface of running nodes, knowing nothing of the player that ships.

Steps that command are carried out, each under a key of its own; steps that must be refused are held to it; what a
journey expects in between is looked at elsewhere. Between two steps everything settles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from contracts.encoding import instant_text
from processes import NodeAway, Running, until
from referral.play import bodies
from referral.play.references import replaced

if TYPE_CHECKING:
    from collections.abc import Callable

    from referral.play.journey import Consent, Journey, Send, Step


@dataclass(frozen=True)
class Command:
    """One POST: to whom, where, what, under which key."""

    agency: str
    path: str
    body: Any
    key: str
    label: str | None
    refused: str | None


@dataclass
class Errand:
    """One journey on its way: its case, and the ids that its labels stand for."""

    journey: Journey
    it: Running
    case: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    prefix: str = ""

    def commands(self) -> list[tuple[int, Step]]:
        """Return the steps that command a node, by their number."""
        return [(number, step) for number, step in enumerate(self.journey.step) if step.choice in COMMANDS]

    def walk(self, carry_out: Callable[[Errand, Command], Any] | None = None) -> None:
        """Take every step; `carry_out` sends a command, however often it must, and returns the answer."""
        for number, step in self.commands():
            if step.at is not None:
                self.it.clock.move(step.at)
            command = self.command(number, step)
            answer = (carry_out or Errand.carry_out)(self, command)
            if step.refused is not None:
                continue
            if step.choice == "open":
                self.case = answer["case"]
                continue
            if command.label is not None:
                self.ids[command.label] = answer["message"]
            self.it.settle(self.case)

    def carry_out(self, command: Command) -> Any:
        """Send a command and return its answer."""
        answer = self.it.nodes[command.agency].ask("POST", command.path, command.body, command.key)
        if command.refused is None:
            assert answer.is_success, (command.key, answer.text)
        else:
            assert (answer.is_client_error, command.refused in answer.text) == (True, True), answer.text
        return answer.json()

    def again(self, command: Command) -> Any:
        """Send a command until its node, which may be on its way back, answers."""

        def attempt() -> Any:
            try:
                return self.carry_out(command)
            except NodeAway:
                return None

        return until(attempt, f"{command.agency} answers again")

    def command(self, number: int, step: Step) -> Command:
        """Return what a step commands."""
        part = getattr(step, step.choice)
        agency, path, body = COMMANDS[step.choice](self, part)
        label = getattr(part, "label", None)
        return Command(agency, path, body, f"{self.prefix}step-{number}", label, step.refused)

    def _open(self, part: Any) -> tuple[str, str, Any]:
        return part.by, "/v1/cases", None

    def _consent(self, given: Consent) -> tuple[str, str, Any]:
        today = self.it.clock().date()
        valid_from, expires_at = given.valid_from or today, given.expires_at or today + timedelta(days=90)
        form = {
            "agency": given.agency,
            "role": given.role or self.journey.agencies[given.agency].roles[0],
            "purposes": list(given.purposes),
            "classes": [str(one) for one in given.classes],
            "valid_from": valid_from.isoformat(),
            "expires_at": expires_at.isoformat(),
            "section": bodies.body_of(self.journey, "consent", given.body),
            "person": given.person,
            "given_by": given.given_by,
            "state": given.state,
        }
        return given.by, f"/v1/cases/{self.case}/consents", form

    def _send(self, sent: Send) -> tuple[str, str, Any]:
        body = sent.model_dump(mode="json", exclude_none=True, exclude={"from_", "kind", "label", "warned", "flagged"})
        body["sections"] = {
            name: {"readers": list(part.readers), "body": bodies.body_of(self.journey, name, part.body)}
            for name, part in sent.sections.items()
        }
        for name in ("respond_by", "occurred_at"):
            moment = getattr(sent, name)
            if moment is not None:
                body[name] = instant_text(moment)
        named = {name: body[name] for name in ("act", "in_reply_to", "supersedes") if name in body}
        body |= replaced(named, self.ids.__getitem__)
        return sent.from_, f"/v1/cases/{self.case}/messages/{sent.kind}", body


COMMANDS: dict[str, Callable[[Errand, Any], tuple[str, str, Any]]] = {
    "open": Errand._open,
    "consent": Errand._consent,
    "send": Errand._send,
}
