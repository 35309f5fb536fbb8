from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from referral.exchange.certificates import BEGIN, END, NoCertificate, ends

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker.example")])


def certificate(until: datetime) -> str:
    """Return a certificate that ends then, as PEM."""
    made = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=400))
        .not_valid_after(until)
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("year", [1999, 2026, 2049, 2050, 2120])
def test_the_end_of_a_certificate_is_read_as_the_library_writes_it(year: int) -> None:
    until = datetime(year, 3, 1, 12, 30, 59, tzinfo=UTC)
    assert ends(certificate(until)) == until


def test_of_a_chain_the_first_certificate_counts() -> None:
    first, second = datetime(2027, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    assert ends(f"leaf\n{certificate(first)}authority\n{certificate(second)}") == first


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_a_certificate_that_was_cut_is_no_certificate(cut: int) -> None:
    pem = certificate(datetime(2027, 1, 1, tzinfo=UTC))
    body = pem.removeprefix(BEGIN).split(END)[0].replace("\n", "")[:cut]
    with pytest.raises(NoCertificate):
        ends(f"{BEGIN}\n{body}\n{END}\n")


def test_what_is_no_certificate_is_none() -> None:
    for text in ("", "Maria", f"{BEGIN}\n{END}\n", END + BEGIN):
        with pytest.raises(NoCertificate):
            ends(text)
