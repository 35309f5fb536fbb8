"""The commands of a node that nobody runs: carried out here; what is sent goes out when `referral up` runs.

Lists are brought up to date at once, broker and notary are not called. A command is kept under the name of the token's
holder, so that a retry through the API is the same command.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from referral.api import tokens
from referral.api.refusals import misshapen
from referral.api.shapes import (
    AcknowledgementIn,
    AlarmOut,
    ArrivalsOut,
    ConsentIn,
    ErasureIn,
    OpenedOut,
    OpeningIn,
    SectionOut,
    SentOut,
    WithdrawalIn,
)
from referral.casework.intent import Intent
from referral.cli.folder import unlock
from referral.cli.running import TOKEN_FILE, Running
from referral.erasing import ErasedCase
from referral.exchange.broker import BrokerAway
from referral.joining import refresh
from referral.opening import open_node
from referral.resuming import Decided
from referral.store.errors import StoreInUse
from referral.store.sqlite import WriterLock
from referral.wiring import wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from referral.desk import Sent
    from referral.exchange.broker import Record
    from referral.wiring import Wired

NOBODY: Final = "command-line"
_Form = TypeVar("_Form", bound=BaseModel)


class Commands(Protocol):
    """What can be asked of a node, whoever holds its store; answers are JSON as the API gives it."""

    @property
    def later(self) -> bool:
        """Say whether what is sent waits for `referral up`."""

    @property
    def training(self) -> bool:
        """Say whether the node's network is for training."""

    def open_case(self, key: str) -> dict[str, Any]:
        """Create a case."""

    def erase_case(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Erase a whole case."""

    def send(self, case: str, kind: str, value: object, key: str) -> dict[str, Any]:
        """Send a message."""

    def give_consent(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Record a consent."""

    def withdraw_consent(self, case: str, agency: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Withdraw a consent."""

    def read_section(self, case: str, message: str, section: str, function: str, purpose: str) -> dict[str, Any]:
        """Read a section; the read is logged first."""

    def arrivals(self) -> dict[str, Any]:
        """List who has to be met; each time that is shown is logged as a read first."""

    def open_waiting(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Open a case for sending that waits after a restore."""

    def say_copy_is_off(self, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Go on after a copy of the node was found and ended."""

    def acknowledge(self, alarm: int, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """End an alarm."""


@contextmanager
def commands(folder: Path) -> Iterator[Commands]:
    """Give the commands of the node in `folder`: through its API while it runs, else carried out here."""
    try:
        WriterLock(folder).release()
    except StoreInUse:
        yield Running.of(folder)
        return
    refresh(folder)
    node = open_node(folder, unlock(folder))
    try:
        yield AtHand(wire(folder, node, Uncalled(), None), _holder(folder))
    finally:
        node.store.close()
        node.vault.close()


@dataclass(frozen=True, slots=True)
class AtHand:
    """A node opened here for one command."""

    wired: Wired
    principal: str
    later: bool = True

    @property
    def training(self) -> bool:
        """Say whether the node's network is for training."""
        return self.wired.node.network.training

    def open_case(self, key: str) -> dict[str, Any]:
        """Create a case."""
        opened = self.wired.desk.open_case(key=key, principal=self.principal)
        self.wired.worker.follow()
        return _json(OpenedOut(**asdict(opened)))

    def erase_case(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Erase a whole case."""
        wish = _read(ErasureIn, value).wish(case)
        self.wired.worker.follow()  # what is in the lists goes with the case; nothing may be written there after it
        found = self.wired.desk.erase_case(wish, key=key, principal=self.principal)
        return dict(TypeAdapter(ErasedCase).dump_python(found, mode="json"))

    def send(self, case: str, kind: str, value: object, key: str) -> dict[str, Any]:
        """Send a message."""
        intent = Intent.from_json(kind, value)
        return self._sent(self.wired.desk.send(case, intent, key=key, principal=self.principal))

    def give_consent(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Record a consent."""
        form = _read(ConsentIn, value).form()
        return self._sent(self.wired.desk.give_consent(case, form, key=key, principal=self.principal))

    def withdraw_consent(self, case: str, agency: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Withdraw a consent."""
        form = _read(WithdrawalIn, value)
        sent = self.wired.desk.withdraw_consent(
            case, agency, key=key, principal=self.principal, person=form.person, function=form.function
        )
        return self._sent(sent)

    def read_section(self, case: str, message: str, section: str, function: str, purpose: str) -> dict[str, Any]:
        """Read a section."""
        body = self.wired.queries.read_section(
            case, message, section, function=function, purpose=purpose, principal=self.principal
        )
        return _json(SectionOut(case=case, message=message, section=section, body=body))

    def arrivals(self) -> dict[str, Any]:
        """List who has to be met."""
        return _json(ArrivalsOut(arrivals=self.wired.queries.arrivals(principal=self.principal)))

    def open_waiting(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Open a case for sending."""
        opening = _read(OpeningIn, value).opening()
        found = self.wired.desk.open_waiting(case, opening, key=key, principal=self.principal)
        return dict(TypeAdapter(Decided).dump_python(found, mode="json"))

    def say_copy_is_off(self, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Go on after a copy was found and ended."""
        found = self.wired.desk.say_copy_is_off(_read(OpeningIn, value).opening(), key=key, principal=self.principal)
        return dict(TypeAdapter(Decided).dump_python(found, mode="json"))

    def acknowledge(self, alarm: int, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """End an alarm."""
        function = _read(AcknowledgementIn, value).function
        found = self.wired.desk.acknowledge(alarm, key=key, principal=self.principal, function=function)
        return _json(AlarmOut.of(found, self.wired.queries.telephones(found)))

    def _sent(self, sent: Sent) -> dict[str, Any]:
        self.wired.worker.follow()
        return _json(SentOut(**asdict(sent)))


class Uncalled:
    """The broker of a node that nobody runs: it is not called."""

    async def append(self, topic: str, records: Sequence[bytes]) -> None:
        """Refuse: nothing goes out now."""
        raise BrokerAway(f"{topic}: {len(records)} wait.")

    async def read(self, topic: str, partition: int, after: int, limit: int, *, wait: float = 0.0) -> Sequence[Record]:
        """Refuse: nothing comes in now."""
        raise BrokerAway(f"{topic}/{partition}: nobody reads {limit} after {after} within {wait} s.")

    async def end(self, topic: str, partition: int) -> int:
        """Refuse: nobody asks."""
        raise BrokerAway(f"{topic}/{partition}.")

    async def close(self) -> None:
        """Have nothing to close."""


def _holder(folder: Path) -> str:
    """Return the name under which the holder of the token commands through the API."""
    try:
        token = (folder / TOKEN_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return NOBODY
    return tokens.known(folder, token) or NOBODY


def _json(shape: BaseModel) -> dict[str, Any]:
    found: dict[str, Any] = shape.model_dump(mode="json")
    return found


def _read(model: type[_Form], value: Mapping[str, Any]) -> _Form:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise misshapen(error.errors(include_input=False, include_context=False), skip=0) from None
