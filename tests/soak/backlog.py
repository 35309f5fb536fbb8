"""Drain a backlog after an outage: `python tests/soak/backlog.py [--messages N] [--json FILE]` (L2).

While the broker was away one agency has written N messages: in each case a consent and a first step, every twentieth of
them urgent, each case a second later than the one before. Then both nodes run as programs of their own. Measured is the
time from their start until every message has its receipt; what came to the recipient must be urgent first, newest first
of these and of the others, each message once.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from contracts.examples import example  # noqa: E402 - found only on the path set above
from nodes import AGENCIES, ALL_CLASSES, START  # noqa: E402 - the same
from processes import PAUSE, Running, found, until  # noqa: E402 - the same
from referral.casework.case import Case  # noqa: E402 - the same
from referral.casework.intent import Chosen, Intent  # noqa: E402 - the same
from referral.desk import ConsentForm  # noqa: E402 - the same
from referral.opening import KEY_FILE, open_node  # noqa: E402 - the same
from referral.play.journey import AgencyPart  # noqa: E402 - the same
from referral.vault import KeyFile  # noqa: E402 - the same
from referral.wiring import wire_up  # noqa: E402 - the same
from small_network import FIRST_ACT  # noqa: E402 - the same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from referral.wiring import Wired

SENDER: Final = "be-fp"
READER: Final = "hu-fp"
URGENT_EVERY: Final = 20
SECONDS: Final = 300.0  # L2: so long a backlog of 100,000 may take
PATIENCE: Final = 7_200.0


@dataclass(frozen=True)
class Drained:
    """How long it took, and what is wrong with what came."""

    messages: int
    seconds: float
    faults: tuple[str, ...]


def drain(folder: Path, messages: int) -> Drained:
    """Make the backlog, let it drain, and look at what came."""
    parts = {name: AgencyPart(**AGENCIES[name]) for name in (SENDER, READER)}
    folder.mkdir(parents=True, exist_ok=True)
    it = found(folder, parts, START, START + timedelta(days=1))
    try:
        wanted = write_backlog(it, messages // 2)
        it.start_notary()
        for node in it.nodes.values():
            node.start()
        begun = time.monotonic()
        until(lambda: stored(it.nodes[SENDER].folder) == 2 * len(wanted), "every message has its receipt", PATIENCE)
        took = time.monotonic() - begun
        for node in it.nodes.values():
            node.stop()
        return Drained(2 * len(wanted), took, tuple(look(received(it.nodes[READER].folder), wanted)))
    finally:
        for node in it.nodes.values():
            node.kill()
        it.notary.close()


def write_backlog(it: Running, cases: int) -> list[tuple[str, bool]]:
    """Write so many cases at the sender, which does not run; return each with whether it is urgent, in their order."""
    home = it.nodes[SENDER].folder
    wired = wire_up(home, KeyFile(home / KEY_FILE), now=it.clock)
    written = []
    try:
        for number in range(cases):
            it.clock.move(START + timedelta(seconds=number))
            written.append((write_case(wired, number), number % URGENT_EVERY == 0))
    finally:
        wired.node.store.close()
        wired.node.vault.close()
    return written


def write_case(wired: Wired, number: int) -> str:
    """Write a consent and a first step in a case of their own; return the case."""
    case = wired.desk.open_case(key=f"open-{number}", principal="backlog").case
    form = ConsentForm(
        agency=READER,
        role="requested",
        purposes=("share_agency", "travel"),
        classes=ALL_CLASSES,
        valid_from=date(2026, 9, 1),
        expires_at=date(2027, 3, 1),
        body=example("consent"),
    )
    wired.desk.give_consent(case, form, key=f"consent-{number}", principal="backlog")
    intent = Intent(
        "assistance-request-notification",
        FIRST_ACT,
        {"profile": Chosen(example("profile"), (READER,))},
        to={READER: "requested"},
        priority="urgent" if number % URGENT_EVERY == 0 else "normal",
    )
    wired.desk.send(case, intent, key=f"request-{number}", principal="backlog")
    return case


def stored(home: Path) -> int:
    """Return how many deliveries of a node have their receipt, read beside it."""
    node = open_node(home, KeyFile(home / KEY_FILE), reader=True)
    try:
        with node.store.reading() as cursor:
            row = cursor.execute("SELECT count(*) FROM deliveries WHERE state = 'stored'").fetchone()
    finally:
        node.store.close()
        node.vault.close()
    time.sleep(PAUSE)
    return int(row[0])


def look(came: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, bool]]) -> list[str]:
    """Return what is wrong with what came, by case and id, where these cases were written, urgent or not."""
    faults = []
    if len(came) != 2 * len(wanted) or len({message for _case, message in came}) != len(came):
        faults.append(f"{len(came)} messages came of {2 * len(wanted)}")
    order = list(dict.fromkeys(case for case, _message in came))
    right = [case for urgent in (True, False) for case, one in reversed(wanted) if one is urgent]
    if order != right:
        place = next((n for n, pair in enumerate(zip(order, right, strict=False)) if pair[0] != pair[1]), -1)
        faults.append(f"the cases did not come urgent first and newest first: the first other one has place {place}")
    return faults


def received(home: Path) -> list[tuple[str, str]]:
    """Return case and id of every message that a stopped node has received, in the order of their coming."""
    node = open_node(home, KeyFile(home / KEY_FILE), reader=True)
    came: list[tuple[str, str]] = []
    position = 0
    try:
        while page := node.store.events_after(position, topics=(Case.MessageReceived.TOPIC,)):
            came += [(one.case, one.event.content_id) for one in page if isinstance(one.event, Case.MessageReceived)]
            position = page[-1].position
    finally:
        node.store.close()
        node.vault.close()
    return came


def main() -> int:
    """Drain one backlog and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="takes the figures")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        drained = drain(Path(folder), asked.messages)
    faults = list(drained.faults)
    if drained.seconds > SECONDS:
        faults.append(f"{drained.messages} messages took {drained.seconds:.0f} s, more than {SECONDS:.0f}")
    sys.stdout.write(f"{drained.messages} messages in {drained.seconds:.1f} s; {faults or 'as it should be'}\n")
    if asked.json:
        seen = {"seconds": round(drained.seconds), "messages a second": round(drained.messages / drained.seconds)}
        value = {"ran": drained.messages, "failed": faults, "seen": seen}
        asked.json.write_text(json.dumps(value) + "\n", encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
