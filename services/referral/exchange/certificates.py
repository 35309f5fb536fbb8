"""When a certificate ends: the two times of an X.509 certificate's validity are read, and nothing else of it.

Nothing is trusted because of what is read here: the library of TLS judges certificates, this only counts days.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CERTIFICATE_FILE: Final = "broker.crt"  # where `referral broker login` keeps it
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
SEQUENCE, VERSION, UTC_TIME, GENERAL_TIME = 0x30, 0xA0, 0x17, 0x18
VALIDITY_PLACE: Final = 3  # serial, algorithm and issuer stand before it (RFC 5280, 4.1)
LONG_FORM: Final = 0x80


class NoCertificate(ValueError):  # noqa: N818 - it says what is so
    """This is not a certificate in PEM."""


def certificates(folder: Path, authority: str | None) -> Iterator[tuple[str, datetime]]:
    """Yield when those of a node end: of who certifies the brokers, and of its own login if it has one.

    What cannot be read is left out: `referral doctor` names it.
    """
    own = folder / CERTIFICATE_FILE
    texts = {"broker-authority": authority or ""}
    texts |= {"broker-login": own.read_text(encoding="ascii", errors="replace")} if own.is_file() else {}
    for name, text in texts.items():
        with suppress(NoCertificate):
            yield name, ends(text)


def ends(pem: str) -> datetime:
    """Return when the first certificate of a PEM text ends, or raise `NoCertificate`."""
    start = pem.find(BEGIN)
    stop = pem.find(END, start)
    if start < 0 or stop < 0:
        raise NoCertificate
    try:
        return _end(ssl.PEM_cert_to_DER_cert(f"{pem[start:stop]}{END}\n"))
    except (ValueError, IndexError):
        raise NoCertificate from None


def _end(der: bytes) -> datetime:
    (_, certificate), *_ = _parts(der)
    (_, inner), *_ = _parts(certificate)
    tag, validity = [one for one in _parts(inner) if one[0] != VERSION][VALIDITY_PLACE]
    if tag != SEQUENCE:
        raise NoCertificate
    _, (kind, text) = _parts(validity)
    return _time(kind, text.decode("ascii"))


def _parts(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element of DER that stands beside the others."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise NoCertificate
        tag, length, at = der[at], der[at + 1], at + 2
        if length >= LONG_FORM:
            size = length - LONG_FORM
            length, at = int.from_bytes(der[at : at + size]), at + size
        if at + length > len(der):
            raise NoCertificate
        yield tag, der[at : at + length]
        at += length


def _time(kind: int, text: str) -> datetime:
    """Return a time as certificates write it: with two digits of the year they mean 1950 to 2049."""
    if kind == UTC_TIME:
        text = f"{'20' if text[:2] < '50' else '19'}{text}"
    elif kind != GENERAL_TIME:
        raise NoCertificate
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
