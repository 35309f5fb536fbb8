"""Three agencies of a training network with keys made from their names, and a first message from one to another.

`be-fp` asks, `hu-fp` is asked, `hu-iom` is the mission beside it. Everything here is real: statements are signed and
replayed, contents are composed by the table that ships. Seeds come from names, so every run has the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from contracts import envelope, labels
from contracts.content import Content, Erased, Recipient, Section, Seen, case_id, compose, sign
from contracts.encoding import b64, blake
from contracts.envelope import Addressee, EnvelopeRefused, EpochKey, Parked, key_id, open_envelope, seal
from contracts.network import Brokers, Governors, Log, Network
from contracts.procedure import procedure
from contracts.signing import MESSAGE, agree, encrypt, fingerprint, public_epoch, public_signing
from contracts.statements import (
    Body,
    Calendar,
    Capabilities,
    Entry,
    EpochKeys,
    Link,
    Membership,
    NewSigningKey,
    make,
    new_topic,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from contracts.directory import Directory

NAME: Final = "training"
NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY: Final = NOW.date()
DAYS: Final = 3
TABLE: Final = procedure("icp.v1")
SALT: Final = b"s" * 32
EMPTY: Final = Seen(0, b64(hashlib.sha256(b"").digest()))
FIRST_ACT: Final[dict[str, Any]] = {
    "scenario": "2_police_or_ngo",
    "solution": "return",
    "majority": "adult",
    "preliminary_risk": "high",
    "services": ["shelter", "medical"],
    "reason": "AdditionalServicesRequired",
    "dependants": "0",
    "interpreter": True,
}
AGENCIES: Final = {
    "be-fp": ("BE", "state_body", ("requesting",), "Europe/Brussels"),
    "hu-fp": ("HU", "state_body", ("requested",), "Europe/Budapest"),
    "hu-iom": ("HU", "international_organisation", ("mission_origin",), "Europe/Budapest"),
}


def seed(*names: str) -> bytes:
    """Return the 32 bytes that belong to these names."""
    return hashlib.blake2b("/".join(names).encode(), digest_size=32).digest()


def drawing(*names: str) -> Callable[[int], bytes]:
    """Return a source of bytes that gives the same sequence each time it is made."""
    numbers = count()

    def draw(size: int) -> bytes:
        return hashlib.shake_256(seed(*names, str(next(numbers)))).digest(size)

    return draw


def identity(agency: str) -> str:
    """Return the fingerprint of an agency's identity key."""
    return fingerprint(public_signing(seed(agency, "identity")))


def epoch(agency: str, day: date = TODAY) -> EpochKey:
    """Return an agency's epoch pair of a day."""
    return EpochKey.of(seed(agency, "epoch", day.isoformat()))


GOVERNORS: Final = Governors(2, tuple(public_signing(seed("governor", str(n))) for n in range(3)))


@dataclass
class Chain:
    """Writes one subject's statements, each naming the one before."""

    subject: str
    entries: list[Entry]
    previous: str | None = None

    def state(self, body: Body, *seeds: bytes, made_at: datetime = NOW) -> Entry:
        """Add a statement signed by these seeds."""
        entry = make(Link(NAME, self.subject, self.previous, made_at), body, seeds)
        self.entries.append(entry)
        self.previous = entry.id
        return entry


def governors_seeds(many: int = 2) -> tuple[bytes, ...]:
    """Return the seeds of the first governors."""
    return tuple(seed("governor", str(n)) for n in range(many))


def capabilities(agency: str, **changes: Any) -> Capabilities:
    """Return what an agency declares."""
    country, _kind, roles, zone = AGENCIES[agency]
    known: dict[str, Any] = {
        "roles": roles,
        "countries": (country,),
        "languages": ("en",),
        "services": ("shelter",),
        "places": ("BUD",) if country == "HU" else ("BRU",),
        "calendar": Calendar(country, None, (6, 7), (date(2026, 12, 24),), zone),
        "phone_24h": "+3212345678",
        "suites": (1,),
        "topic": new_topic(seed(agency, "topic")[:16]),
    }
    return Capabilities(**(known | changes))


def joining(agency: str, entries: list[Entry]) -> Chain:
    """Add the four statements by which an agency joins."""
    country, kind, _roles, _zone = AGENCIES[agency]
    chain = Chain(agency, entries)
    own, signing = seed(agency, "identity"), seed(agency, "signing")
    membership = Membership(f"The agency {agency}", country, kind, public_signing(own))
    chain.state(membership, own, *governors_seeds())
    chain.state(NewSigningKey(public_signing(signing), NOW), own, signing)
    days = [TODAY + timedelta(days=n) for n in range(DAYS)]
    chain.state(EpochKeys(tuple((day, epoch(agency, day).public) for day in days)), signing)
    chain.state(capabilities(agency), signing)
    return chain


@cache
def network() -> Network:
    """Return the root file of the three agencies."""
    entries: list[Entry] = []
    for agency in AGENCIES:
        joining(agency, entries)
    log = Log("training.example/log", "training.example/log+0badc0de+" + "A" * 44)
    return Network(NAME, True, log, "quorum none\n", GOVERNORS, Brokers(), "http://127.0.0.1:8750", tuple(entries))


@cache
def directory() -> Directory:
    """Return the directory of the three agencies."""
    return network().directory()


def profile(*readers: str) -> Section:
    """Return the one section that a first step carries."""
    return Section("profile", tuple(sorted(readers)), b'{"age_band":"21-23"}', seed("section", "profile"))


def first_step(
    sections: Iterable[Section | Erased] = (),
    *,
    sender: str = "be-fp",
    audience: Sequence[str] = ("hu-fp",),
    **changes: Any,
) -> bytes:
    """Return the content of a step 1 of `sender`."""
    roles = {name: roles[0] for name, (_country, _kind, roles, _zone) in AGENCIES.items()}
    known: dict[str, Any] = {
        "network": NAME,
        "procedure": TABLE,
        "kind": "assistance-request-notification",
        "case": case_id(identity(sender), SALT),
        "sender": sender,
        "role": "requesting",
        "function": "focal-point",
        "audience": [Recipient(name, identity(name), roles[name]) for name in audience],
        "act": FIRST_ACT,
        "basis": "consent",
        "seen": EMPTY,
        "salt": SALT,
        "sent_at": NOW,
        "sections": [section.commitment for section in sections],
        "draw": drawing("padding"),
    }
    return compose(**(known | changes))


def skid(agency: str) -> str:
    """Return the id of an agency's signing key statement."""
    return directory().current_signing(agency)[0]


def signature(agency: str, raw: bytes, kind: int = MESSAGE) -> bytes:
    """Return an agency's signature on a content or a node statement."""
    return sign(seed(agency, "signing"), kind, NAME, skid(agency), raw)


def sealed(raw: bytes, sections: Sequence[Section | Erased] = (), **changes: Any) -> bytes:
    """Return the envelope of a signed content from be-fp to hu-fp."""
    kind = changes.get("kind", MESSAGE)
    known: dict[str, Any] = {
        "network": NAME,
        "recipient": "hu-fp",
        "epoch_public": epoch("hu-fp").public,
        "kind": kind,
        "skid": skid("be-fp"),
        "signature": signature("be-fp", raw, kind),
        "content": raw,
        "sections": sections,
        "draw": drawing("ephemeral"),
    }
    return seal(**(known | changes))


def nothing_owed(_content: Content) -> frozenset[str]:
    """Owe nothing."""
    return frozenset()


def nobody_entitled(_content: Content) -> bool:
    """Entitle nobody."""
    return False


def addressee(agency: str = "hu-fp", **changes: Any) -> Addressee:
    """Return an agency that opens what comes in."""
    pairs = {key_id(pair.public): pair for pair in (epoch(agency, TODAY + timedelta(days=n)) for n in range(DAYS))}
    known: dict[str, Any] = {
        "network": NAME,
        "agency": agency,
        "identities": frozenset({identity(agency)}),
        "procedure": TABLE,
        "epoch_key": pairs.get,
        "signing_key": directory().signing_key,
        "judge": lambda name, _content: directory().judge(name, None),
        "entitled": nobody_entitled,
        "owed": nothing_owed,
    }
    return Addressee(**(known | changes))


def sealed_inner(plain: bytes, recipient: str = "hu-fp", network_name: str = NAME) -> bytes:
    """Return an envelope of be-fp around any inner bytes: what a faulty or hostile agency could send."""
    secret, public = seed("hostile ephemeral"), epoch(recipient).public
    head = b"LFE1\x00\x01\x00\x00" + key_id(public) + public_epoch(secret)
    root = envelope._extract(agree(secret, public), head, public, network_name, recipient)
    header = head + blake(labels.ENVELOPE_COMMIT, head, key=root)
    key, nonce = envelope._key_and_nonce(root)
    return header + encrypt(key, nonce, plain, header)


def opened_inner(raw: bytes, recipient: str = "hu-fp") -> bytes:
    """Return the inner bytes of an envelope."""
    return envelope._unseal(raw, addressee(recipient))


def step(raw: bytes, to: Addressee | None = None) -> str:
    """Return the step at which an envelope is refused, `parked` or `opened`."""
    try:
        open_envelope(raw, to or addressee())
    except EnvelopeRefused as refused:
        return refused.step
    except Parked:
        return "parked"
    return "opened"
