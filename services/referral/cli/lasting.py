"""What a node lives by and how long it lasts: its signing key (90 days), epoch keys (30 ahead), certificates.

Each is told in time for people to do something: a key by a person in a week, a certificate by two organisations in 30
days.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from contracts.signing import UnknownKey
from referral.cli.check import Check
from referral.exchange.certificates import CERTIFICATE_FILE, NoCertificate, ends
from referral.following.rotation import BEFORE_ITS_END, SIGNING_LIFE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from referral.node import Node

ENOUGH_DAYS: Final = 7
CERTIFICATE_TIME: Final = timedelta(days=30)
A_DAY: Final = timedelta(days=1)


def lasting(folder: Path, node: Node) -> Iterator[Check]:
    """Look at everything that ends."""
    yield _signing_key(node)
    yield _epoch_keys(node)
    yield _partners_keys(node)
    if node.network.brokers.ca is not None:
        yield _certificate("brokers' authority", node.network.brokers.ca, node, "the governors sign a new root file")
    if (folder / CERTIFICATE_FILE).is_file():
        text = (folder / CERTIFICATE_FILE).read_text(encoding="ascii", errors="replace")
        yield _certificate("broker certificate", text, node, "ask the broker's operator, then `referral broker login`")


def _signing_key(node: Node) -> Check:
    try:
        skid, key = node.directory.current_signing(node.agency, node.now())
    except UnknownKey:
        return Check("signing key", False, "none signs now", "`referral key recover`")
    if key not in node.vault.signing_keys():
        return Check("signing key", False, "the vault lacks the one that is stated", "`referral key recover`")
    since = node.directory.signing[skid].since
    left = since + SIGNING_LIFE - node.now()
    said = f"{max(left // A_DAY, 0)} days left of {SIGNING_LIFE // A_DAY}"
    if left >= BEFORE_ITS_END:
        return Check("signing key", True, said)
    if node.network.notary is None:
        return Check("signing key", True, f"{said}; a network without a log keeps it")
    do = "the running node changes it: see that it runs and reaches the notary"
    if node.vault.identity() is None:
        do = "`referral key rotate --identity-key FILE`"
    return Check("signing key", False, said, do)


def _epoch_keys(node: Node) -> Check:
    """Look at the keys that today's and the next days' envelopes to us are sealed to."""
    today = node.now().astimezone(UTC).date()
    published = [day for day in node.directory.epoch_days(node.agency) if day >= today]
    lacking = set(published) - set(node.vault.epoch_days())
    if lacking:
        sentence = f"{len(lacking)} published ones are not in the vault"
        return Check("epoch keys", False, sentence, "partners' envelopes of those days stay shut: renew, and tell them")
    if len(published) > ENOUGH_DAYS:
        return Check("epoch keys", True, f"{len(published)} days left")
    do = "referral init --renew, then start it again"
    if node.network.notary is not None:
        do = "the running node publishes more: see that it runs and reaches the notary"
    return Check("epoch keys", False, f"{len(published)} days left", do)


def _partners_keys(node: Node) -> Check:
    today = node.now().astimezone(UTC).date()
    partners = [name for name, one in node.directory.agencies.items() if name != node.agency and one.active]
    without = sorted(name for name in partners if node.directory.epoch_key(name, today) is None)
    if without:
        names = ", ".join(without)
        return Check("partners' keys", False, f"none for today: {names}", "ask them to renew; what is for them waits")
    return Check("partners' keys", True, f"{len(partners)} partners have one for today")


def _certificate(name: str, pem: str, node: Node, do: str) -> Check:
    try:
        until = ends(pem)
    except NoCertificate:
        return Check(name, False, "it is no certificate", do)
    left = until - node.now()
    said = f"until {until:%Y-%m-%d}, {max(left // A_DAY, 0)} days"
    return Check(name, left >= CERTIFICATE_TIME, said, "" if left >= CERTIFICATE_TIME else do)
