"""Carries out `referral join`: what was typed becomes a request, and an agency that was let in becomes a node."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts.encoding import day
from contracts.refusal import FormatRefused
from referral import asking
from referral.api import tokens
from referral.cli import making, output
from referral.cli.call import Misused
from referral.cli.folder import unlock
from referral.joining import Declared as declared  # noqa: N813 - it is made here and nothing else is done with it
from referral.opening import Settings, machine_clock
from referral.vault import KeyFile, Passphrase
from referral.wiring import notary_client

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from referral.cli.call import Call

__all__ = ["Wanted", "ask", "days", "declared", "finish"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `referral join request` was told."""

    network: Path
    digest: str
    agency: str
    declared: declared
    identity_key: Path
    out: Path
    passphrase: bool


def days(texts: Sequence[str]) -> tuple[date, ...]:
    """Return days as they were typed."""
    try:
        return tuple(day(text) for text in texts)
    except FormatRefused:
        raise Misused("`--closed-day` takes a day such as 2026-12-24.") from None


def ask(asked: Call, wanted: Wanted) -> None:
    """Make the request, and say what goes where."""
    settings = Settings(wanted.agency, Passphrase.kind if wanted.passphrase else KeyFile.kind)
    wish = asking.Asking(
        wanted.network, wanted.digest, asked.folder, settings, wanted.declared, wanted.identity_key, wanted.out
    )
    made = asking.ask(wish, lambda: making.new_unlock(settings, asked.folder), machine_clock)
    document = {
        "agency": wanted.agency,
        "fingerprint": made.fingerprint,
        "identity_key": str(wanted.identity_key),
        "network": made.network.name,
        "node": str(asked.folder),
        "request": str(made.request),
    }
    lines = [
        f"request     {made.request}: give it to the governors of {made.network.name}",
        f"fingerprint {made.fingerprint}: say it to them over another way",
        f"identity    {wanted.identity_key}: keep it here, offline",
        f"node        {asked.folder}: carry it to the machine that will run it",
        f"next        referral join finish --node {asked.folder}",
    ]
    output.answer(document, lines, as_json=asked.as_json, training=made.network.training)


def finish(asked: Call, broker_path: Path, bootstrap: str, store: str) -> None:
    """Come in, make the inbox and a token, and say how to go on."""
    making.settle_store(asked.folder, store)
    found = asyncio.run(asking.finish(asked.folder, unlock(asked.folder), machine_clock, notary_client))
    settings = asking.settle_broker(
        asked.folder, **making.broker_settings(found.network.brokers, broker_path, bootstrap)
    )
    asyncio.run(making.provision(settings, found.topic))
    token = tokens.new_token(asked.folder)
    making.keep_token(asked.folder, token)
    until = found.until.isoformat() if found.until is not None else None
    document = {
        "agency": settings.agency,
        "broker": settings.broker,
        "epoch_keys_until": until,
        "fingerprint": found.fingerprint,
        "network": found.network.name,
        "node": str(asked.folder),
        "token": token,
    }
    lines = [
        f"node        {asked.folder} of {settings.agency} in network {found.network.name}",
        f"token       {token}",
        f"epoch keys  until {until}" if until else "epoch keys  wait for the witnesses of the log",
        *making.next_lines(asked.folder, found.network.brokers),
    ]
    output.answer(document, lines, as_json=asked.as_json, training=found.network.training)
