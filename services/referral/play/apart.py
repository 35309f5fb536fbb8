"""A node in a process of its own: commands over its HTTP API, its work turn by turn, its files read beside it.

The process is `python -m referral.play.process`: what `referral up` runs, but for two things that exist for journeys
alone. Its clock is a file, and its worker takes a turn when the journey says so, over its standard input; so a story
takes no longer than its work, and a node can be killed at any line of it. A kill is SIGKILL.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from contracts.encoding import instant
from contracts.refusal import Refusal
from referral.desk import Sent
from referral.opening import open_node
from referral.play.account import account_of, checked_bundle, digest_from_events
from referral.play.cast import proofs_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from referral.audit.report import Report
    from referral.desk import ConsentForm
    from referral.erasing import Erasure
    from referral.node import Node
    from referral.play.account import Account
    from referral.play.clock import StageClock
    from referral.play.lines import Trouble
    from referral.vault import Unlock

SECONDS: Final = 60.0
STOP: Final = 20.0
MANY: Final = 400  # HTTP: from here on it is a refusal or a failure


class NodeDied(Refusal):
    """The process of a node ended by itself; its log says why."""

    code = "node-died"


class RefusedThere(Refusal):
    """The node refused this."""

    def __init__(self, code: str, rule: str, sentence: str) -> None:
        """Keep the code and the rule that the problem document names."""
        super().__init__(sentence)
        self.code = code  # type: ignore[misc]  # another process's refusal has the code that it was given there
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node's process finds what it needs: its folder, the clock's file, the file for its log."""

    folder: Path
    clock: Path
    log: Path
    skew: timedelta


class ApartPlayer:
    """One agency's node in a process of its own."""

    def __init__(self, agency: str, place: Place, unlock: Unlock, clock: StageClock, trouble: Trouble) -> None:
        """Describe it; nothing is started yet."""
        self.agency = agency
        self._place, self._unlock, self._clock, self._trouble = place, unlock, clock, trouble
        self._process: subprocess.Popen[str] | None = None
        self._url = ""
        self._next_at: datetime | None = None
        self._reader: Node | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """Return the running process."""
        assert self._process is not None  # noqa: S101 - the checks of a journey let nobody ask a node that is down
        return self._process

    @property
    def node(self) -> Node:
        """Return a reader of the node's files."""
        if self._reader is None:
            now = self._clock.behind(self._place.skew)
            self._reader = open_node(self._place.folder, self._unlock, now, reader=True)
        return self._reader

    async def start(self) -> None:
        """Start the process and return when it answers, or raise `NodeDied`."""
        place = self._place
        skew = str(int(place.skew.total_seconds()))
        with place.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program; nothing else runs meanwhile
                [sys.executable, "-m", "referral.play.process", str(place.folder), str(place.clock), skew],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._url = self._said()["url"]

    async def kill(self) -> None:
        """End the process by SIGKILL."""
        self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End the process in order."""
        if self._process is not None:
            self._end(signal.SIGTERM)
        if self._reader is not None:
            self._reader.store.close()
            self._reader.vault.close()
            self._reader = None

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self.process, None
        process.send_signal(how)
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP)
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()

    # -- over the API ------------------------------------------------------------------------------------------------

    async def open_case(self, key: str) -> str:
        """Create a case."""
        return str(self._ask("POST", "/v1/cases", key=key)["case"])

    async def send(self, case: str, kind: str, said: Mapping[str, Any], key: str) -> Sent:
        """Send a message."""
        return Sent.of(self._ask("POST", f"/v1/cases/{case}/messages/{quote(kind, safe='')}", said, key=key))

    async def give_consent(self, case: str, form: ConsentForm, key: str) -> Sent:
        """Record a consent."""
        said = {name: getattr(form, name) for name in ("agency", "role", "person", "given_by", "state")}
        said |= {"purposes": list(form.purposes), "classes": [str(one) for one in form.classes]}
        said |= {"valid_from": form.valid_from.isoformat(), "expires_at": form.expires_at.isoformat()}
        return Sent.of(self._ask("POST", f"/v1/cases/{case}/consents", said | {"section": dict(form.body)}, key=key))

    async def withdraw_consent(self, case: str, agency: str, person: int, key: str) -> Sent:
        """Record that a consent is withdrawn."""
        path = f"/v1/cases/{case}/consents/{agency}/withdrawal"
        return Sent.of(self._ask("POST", path, {"person": person}, key=key))

    async def erase_case(self, wish: Erasure, key: str) -> None:
        """Erase a whole case at this node."""
        said = {"ground": wish.ground, "function": wish.function, "second": wish.second}
        self._ask("POST", f"/v1/cases/{wish.case}/erasure", said, key=key)

    async def read_section(
        self, case: str, message: str, section: str, function: str, purpose: str
    ) -> Mapping[str, Any]:
        """Open a section for a person."""
        query = urlencode({"function": function, "purpose": purpose})
        path = f"/v1/cases/{case}/messages/{quote(message, safe='')}/sections/{quote(section, safe='')}?{query}"
        body: Mapping[str, Any] = self._ask("GET", path)["body"]
        return body

    def _ask(self, method: str, path: str, value: object = None, *, key: str = "") -> dict[str, Any]:
        where = urlsplit(self._url)
        token = (self._place.folder / "token").read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        body = None if value is None else json.dumps(value).encode()
        connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=SECONDS)
        try:
            connection.request(method, path, body, headers)
            answered = connection.getresponse()
            found: dict[str, Any] = json.loads(answered.read())
        except (OSError, HTTPException, ValueError):
            raise NodeDied from None
        finally:
            connection.close()
        if answered.status >= MANY:
            sentence = f"{found.get('title', '')} {found.get('detail', '')}".strip()
            raise RefusedThere(str(found.get("code", "http")), str(found.get("rule", "")), sentence)
        return found

    # -- turn by turn ------------------------------------------------------------------------------------------------

    async def turn(self) -> int:
        """Let the process take one turn."""
        self._tell({"do": "turn", "trouble": self._trouble_here()})
        said = self._said()
        self._next_at = None if said["next_at"] is None else instant(said["next_at"])
        self._trouble.appended += said["appended"]
        return int(said["done"])

    def _trouble_here(self) -> dict[str, Any]:
        """Return what goes wrong on this node's line; faults of single envelopes are handed over once."""
        trouble = self._trouble
        withheld = [
            {"agencies": sorted(one.agencies), "messages": sorted(one.messages), "named": list(one.named)}
            for one in trouble.withheld
        ]
        return {
            "away": self.agency in trouble.away,
            "doubled": trouble.doubled.pop(self.agency, 0),
            "lost": trouble.lost.pop(self.agency, 0),
            "withheld": withheld,
        }

    def _tell(self, what: Mapping[str, Any]) -> None:
        stdin = self.process.stdin
        try:
            if stdin is not None:
                stdin.write(json.dumps(what) + "\n")
                stdin.flush()
        except OSError:
            raise NodeDied from None

    def _said(self) -> dict[str, Any]:
        stdout = self.process.stdout
        line = stdout.readline() if stdout is not None else ""
        if not line:
            raise NodeDied
        found: dict[str, Any] = json.loads(line)
        return found

    def next_at(self) -> datetime | None:
        """Return when something is due by this node's own clock, as its last turn said."""
        return self._next_at

    # -- beside it ---------------------------------------------------------------------------------------------------

    def account(self, case: str, known_at: datetime | None = None) -> Account | None:
        """Return what the agency holds of a case, read from its files."""
        return account_of(self.node, proofs_of(self._place.folder), case, known_at)

    def replayed(self, case: str) -> str:
        """Return the digest of a case that is built again from its stored events."""
        return digest_from_events(self.node, case)

    def checked_bundle(self, case: str, out: Path) -> Report:
        """Export the bundle of a case into `out` and return what checking it found."""
        return checked_bundle(self.node, proofs_of(self._place.folder), case, out)
