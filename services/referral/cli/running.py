"""The commands of a node whose store another process holds: through the API of `referral up` on this machine.

`up.json` in the node's folder says where it listens while it runs; `token` is what `referral init` left for this.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from referral.errors import ReferralRefusal
from referral.store.errors import StoreInUse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UP_FILE: Final = "up.json"
TOKEN_FILE: Final = "token"  # noqa: S105 - the name of a file
SECONDS: Final = 60.0


class NodeNotAnswering(ReferralRefusal):
    """The running node did not answer, so it is not known whether it did this; try again with the same `--key`."""

    code = "node-not-answering"


class TokenMissing(ReferralRefusal):
    """The node is running, and its token is not in the file `token` of its folder; put it back, mode 0600."""

    code = "token-missing"


class NodeRefused(Exception):  # noqa: N818 - a refusal is an ordinary outcome
    """The running node refused a command, with the code and the sentence that it would have had here."""

    def __init__(self, code: str, sentence: str, rule: str) -> None:
        """Keep what the problem document said."""
        super().__init__(sentence)
        self.code, self.sentence, self.rule = code, sentence, rule


@dataclass(frozen=True, slots=True)
class Running:
    """A running node: where it listens and the token that it takes."""

    address: str
    token: str
    later: bool = False

    @classmethod
    def of(cls, folder: Path) -> Running:
        """Return the way to the node that runs in `folder`, or raise `StoreInUse` where another program holds it."""
        try:
            address = str(json.loads((folder / UP_FILE).read_text(encoding="utf-8"))["url"])
        except (OSError, ValueError, KeyError, TypeError):
            raise StoreInUse from None
        try:
            token = (folder / TOKEN_FILE).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise TokenMissing from None
        return cls(address, token)

    @property
    def training(self) -> bool:
        """Say whether the node's network is for training."""
        return bool(self._ask("GET", "/v1/state")["training"])

    def open_case(self, key: str) -> dict[str, Any]:
        """Create a case."""
        return self._ask("POST", "/v1/cases", key=key)

    def send(self, case: str, kind: str, value: object, key: str) -> dict[str, Any]:
        """Send a message."""
        return self._ask("POST", f"/v1/cases/{_step(case)}/messages/{_step(kind)}", value, key=key)

    def give_consent(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Record a consent."""
        return self._ask("POST", f"/v1/cases/{_step(case)}/consents", value, key=key)

    def withdraw_consent(self, case: str, agency: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Withdraw a consent."""
        return self._ask("POST", f"/v1/cases/{_step(case)}/consents/{_step(agency)}/withdrawal", value, key=key)

    def read_section(self, case: str, message: str, section: str, function: str, purpose: str) -> dict[str, Any]:
        """Read a section."""
        query = urlencode({"function": function, "purpose": purpose})
        return self._ask("GET", f"/v1/cases/{_step(case)}/messages/{_step(message)}/sections/{_step(section)}?{query}")

    def arrivals(self) -> dict[str, Any]:
        """List who has to be met."""
        return self._ask("GET", "/v1/arrivals")

    def erase_case(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Erase a whole case."""
        return self._ask("POST", f"/v1/cases/{quote(case)}/erasure", value, key=key)

    def open_waiting(self, case: str, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Open a case for sending."""
        return self._ask("POST", f"/v1/cases/{quote(case)}/opening", value, key=key)

    def say_copy_is_off(self, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Go on after a copy was found and ended."""
        return self._ask("POST", "/v1/recovery/resumption", value, key=key)

    def acknowledge(self, alarm: int, value: Mapping[str, Any], key: str) -> dict[str, Any]:
        """End an alarm."""
        return self._ask("POST", f"/v1/alarms/{alarm}/acknowledgement", value, key=key)

    def _ask(self, method: str, path: str, value: object = None, *, key: str = "") -> dict[str, Any]:
        # Loaded here, because a process that replays may hold nothing that could send (reliability.md I13).
        from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - the same

        where = urlsplit(self.address)
        connection = HTTPConnection(where.hostname or "", where.port or 0, timeout=SECONDS)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        body = None if value is None else json.dumps(value).encode()
        try:
            connection.request(method, path, body, headers)
            answered = connection.getresponse()
            found: dict[str, Any] = json.loads(answered.read())
        except (OSError, HTTPException, ValueError):
            raise NodeNotAnswering from None
        finally:
            connection.close()
        if answered.status >= 400:  # noqa: PLR2004 - HTTP's own number
            sentence = f"{found.get('title', '')} {found.get('detail', '')}".strip()
            raise NodeRefused(str(found.get("code", "http")), sentence, str(found.get("rule", "")))
        return found


def announce(folder: Path, url: str, admin: str = "") -> None:
    """Write where the node that runs in `folder` listens, and where its admin port is."""
    passing = folder / f"{UP_FILE}.part"
    file = os.open(passing, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as kept:
        json.dump({"pid": os.getpid(), "url": url, "admin": admin}, kept)
        kept.write("\n")
    # If we stop here nobody finds the node; after the next line a file may outlive it, which the writer's lock tells.
    passing.replace(folder / UP_FILE)


def withdraw(folder: Path) -> None:
    """Remove what `announce` wrote."""
    (folder / UP_FILE).unlink(missing_ok=True)


def _step(text: str) -> str:
    return quote(text, safe="")
