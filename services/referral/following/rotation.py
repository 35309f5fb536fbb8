"""What keeps an agency's keys alive: epoch keys published ahead, the signing key changed in time, statements sent out.

Statements wait as files (`stating.py`) and are submitted in the order of their chain until the directory holds them;
the log keeps one entry, however often they come. Epoch keys are published for at least 30 days ahead, a week's more at
once. A signing key is changed a week before it is 90 days old where the identity key is in the vault; where it is not,
a person is told in time. A statement that the log does not take is let go and made anew, or a person is told.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from contracts.directory import ROOT
from contracts.signing import UnknownKey
from contracts.statements import EpochKeys, logged_bytes, read_statement
from referral.exchange.alarms import end_alarm, raise_alarm
from referral.exchange.riders import SQL as RIDERS
from referral.exchange.riders import proof_finder
from referral.following.mirror import prove_entry
from referral.following.proofs import NotaryRefused
from referral.stating import IdentityElsewhere, Stating, vault_identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from contracts.directory import Directory
    from contracts.statements import Entry
    from referral.following.proofs import LogClient
    from referral.node import Node

AHEAD: Final = timedelta(days=30)  # epoch keys are published at least this far ahead (evidence.md 4)
AT_ONCE: Final = timedelta(days=7)
SIGNING_LIFE: Final = timedelta(days=90)  # sealing.md 3
BEFORE_ITS_END: Final = timedelta(days=7)
KEPT: Final = timedelta(days=1)  # a replaced signing key, for what is being signed meanwhile
PAUSE: Final = timedelta(hours=1)
SIGNING_KEY_ENDING: Final = "signing-key-ending"
STATEMENT_REFUSED: Final = "statement-refused"


class Rotation:
    """Publishes for one node; `turn` says how many statements went out."""

    def __init__(self, node: Node, client: LogClient | None) -> None:
        """Publish through `client`; without one the keys are those of the root file."""
        self._node = node
        node.is_proven = proof_finder(node.store)
        self._client = client
        self._stating = Stating(node.own, node.network.name, node.agency, node.vault)
        self._looked: datetime | None = None
        self._judged: Directory | None = None
        self._proven = ROOT
        self._sent = set[str]()  # what the log has taken and the directory does not show yet

    async def turn(self) -> int:
        """Make what is due, and submit what the directory does not hold yet; raises `NotaryAway`."""
        if self._client is None or self._node.agency not in self._node.directory.agencies:
            return 0
        now = self._node.now()
        directory = self._node.directory
        if directory is not self._judged or self._looked is None or not self._looked <= now < self._looked + PAUSE:
            self._make_due(now)
            self._looked, self._judged = now, directory
        await self._prove_key(self._client, now)
        waiting = [entry for entry in self._node.own.waiting(self._node.directory) if entry.id not in self._sent]
        if not waiting:
            return 0
        await self._submit(self._client, waiting)
        return len(waiting)

    def _make_due(self, now: datetime) -> None:
        """Make new keys where they are due; a node that is suspended or has no signing key left makes none."""
        directory, agency = self._node.directory, self._node.agency
        if not directory.agency(agency).active:
            return
        skid = self._usable_key(now)
        if skid is None:
            return  # it was lost or revoked: `referral key recover` makes another one
        missing = self._missing_days(now)
        if missing:
            self._stating.epoch_keys(directory, missing, now)
        self._look_at_signing_key(skid, now)
        self._destroy_replaced(skid, now)

    def _usable_key(self, now: datetime) -> str | None:
        """Return the statement of the signing key that signs now, None where there is none or the vault lacks it."""
        try:
            skid, signing = self._node.directory.current_signing(self._node.agency, now)
        except UnknownKey:
            return None
        return skid if signing in self._node.vault.signing_keys() else None

    def _missing_days(self, now: datetime) -> list[date]:
        """Return the days to publish: none while 30 days are there, else what is missing until a week further."""
        today = now.astimezone(UTC).date()
        known = set(self._node.directory.epoch_days(self._node.agency))
        held = set(self._node.vault.epoch_days())  # a restored vault has none: its keys are published anew
        for entry in self._node.own.waiting(self._node.directory):
            body = read_statement(entry.statement).body
            known |= {day for day, _ in body.keys} if isinstance(body, EpochKeys) else set()
        days = [today + timedelta(days=number) for number in range((AHEAD + AT_ONCE).days + 1)]
        missing = [day for day in days if day not in known & held]
        return missing if missing and missing[0] <= today + AHEAD else []

    def _look_at_signing_key(self, skid: str, now: datetime) -> None:
        """Change a signing key that ends soon, or tell a person whose identity key is elsewhere."""
        ends_soon = self._node.directory.signing[skid].since + SIGNING_LIFE - BEFORE_ITS_END <= now
        waiting = self._node.own.waiting(self._node.directory)
        changing = any(read_statement(entry.statement).type in {"signing-key", "recovery"} for entry in waiting)
        with_person = False
        if ends_soon and not changing:
            try:
                self._stating.rotate(self._node.directory, now, vault_identity(self._node.vault))
            except IdentityElsewhere:
                with_person = True
        with self._node.store.transaction() as cursor:
            if with_person:
                raise_alarm(cursor, SIGNING_KEY_ENDING, "", skid, now)
            elif not ends_soon:
                for one in self._node.directory.signing.values():
                    if one.agency == self._node.agency:
                        end_alarm(cursor, SIGNING_KEY_ENDING, "", one.skid, now)

    def _destroy_replaced(self, skid: str, now: datetime) -> None:
        """A signing key that was replaced signs nothing more: what is not there cannot be stolen."""
        keys = self._node.directory.signing
        if keys[skid].since + KEPT > now or not (keys[skid].index == ROOT or self._node.is_proven(keys[skid].index)):
            return
        stated = {one.key for one in keys.values() if one.agency == self._node.agency and one.since < keys[skid].since}
        for public in stated & set(self._node.vault.signing_keys()):
            self._node.vault.destroy_signing_key(public)

    async def _prove_key(self, client: LogClient, now: datetime) -> None:
        """Make the proof of our signing key's statement once the quorum stands over it: it rides to partners."""
        skid = self._usable_key(now)
        index = ROOT if skid is None else self._node.directory.signing[skid].index
        if index in {ROOT, self._proven}:
            return
        with self._node.store.reading() as cursor:
            found = cursor.execute(RIDERS["statement_proof"], {"log_index": index}).fetchone()
        if found is None:
            entry = next(raw for at, raw in self._node.replay.taken if at == index)
            proof = await prove_entry(self._node, client, index, entry)
            if proof is None:
                return
            with self._node.store.transaction() as cursor:
                cursor.execute(RIDERS["keep_statement_proof"], {"log_index": index, "proof": proof})
        self._proven = index

    async def _submit(self, client: LogClient, waiting: Sequence[Entry]) -> None:
        """Submit the chain; where it is refused, one after the other, and let go of what the log does not take."""
        try:
            await client.state([logged_bytes(entry) for entry in waiting])
        except NotaryRefused:
            for entry in waiting:
                await self._submit_alone(client, entry)
        else:
            self._sent |= {entry.id for entry in waiting}

    async def _submit_alone(self, client: LogClient, entry: Entry) -> None:
        try:
            await client.state([logged_bytes(entry)])
        except NotaryRefused:
            self._node.own.let_go(entry.id)
            self._looked = None
            if not isinstance(read_statement(entry.statement).body, EpochKeys):
                with self._node.store.transaction() as cursor:
                    raise_alarm(cursor, STATEMENT_REFUSED, "", entry.id, self._node.now())
        else:
            self._sent.add(entry.id)
