"""`key list`, `rotate`, `recover`, `revoke`: the agency's own keys, seen and changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from referral.cli.call import AsJson, NodeDir, call

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.statements import Entry
    from referral.cli.call import Call
    from referral.node import Node
    from referral.stating import Signer, Stating

keys = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The agency's keys: list, rotate, recover, revoke."
)

PUBLISHED: Final = "It is published by the running node; see `referral key list`."
IdentityKey = Annotated[
    Path | None,
    typer.Option("--identity-key", metavar="FILE", help="The identity key's file, where the vault does not hold it."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(keys, name="key")


@keys.command(name="list")
def list_keys(context: typer.Context, *, node: NodeDir = None, as_json: AsJson = False) -> None:
    """List the agency's identity and signing keys by fingerprint, since when, and whether they count."""
    asked = call(context, node, as_json)
    from contracts.signing import fingerprint  # noqa: PLC0415 - the same
    from referral.cli import output  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (held, _queries):
        directory = held.directory
        stated = [one for one in directory.signing.values() if one.agency == held.agency]
        found = [
            {
                "counts": directory.in_force(one),
                "fingerprint": fingerprint(one.key),
                "since": one.since.isoformat(),
                "use": "signing",
            }
            for one in stated
        ]
        identity = {"counts": held.me.active, "fingerprint": held.fingerprint, "since": None, "use": "identity"}
        waiting = len(held.own.waiting(directory))
        training = held.network.training
    lines = [
        f"{one['use']:<9} {one['fingerprint']} {one['since'] or '':<26} {'counts' if one['counts'] else 'revoked'}"
        for one in (identity, *found)
    ]
    lines += [f"{waiting} statements wait to be logged"] if waiting else []
    document = {"keys": [identity, *found], "waiting": waiting}
    output.answer(document, lines, as_json=asked.as_json, training=training)


@keys.command()
def rotate(
    context: typer.Context, *, identity_key: IdentityKey = None, node: NodeDir = None, as_json: AsJson = False
) -> None:
    """Make a new signing key and publish it; it signs once the log's witnesses have seen it.

    A node whose vault holds the identity key does so by itself a week before the key is 90 days old.
    """
    _state(
        call(context, node, as_json),
        identity_key,
        lambda stating, held, identity: stating.rotate(held.directory, held.now(), identity),
    )


@keys.command()
def recover(
    context: typer.Context, *, identity_key: IdentityKey = None, node: NodeDir = None, as_json: AsJson = False
) -> None:
    """Make a signing key in the place of one that was lost, and publish it. Revoke the lost one too."""
    _state(
        call(context, node, as_json),
        identity_key,
        lambda stating, held, identity: stating.recover(held.directory, held.now(), identity),
    )


@keys.command()
def revoke(
    context: typer.Context,
    *,
    key: Annotated[str, typer.Option(metavar="FINGERPRINT", help="Which key; see `referral key list`.")],
    reason: Annotated[str, typer.Option(metavar="CODE", help="Such as key_lost or key_stolen.")],
    identity_key: IdentityKey = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Take one of the agency's keys out for good: everybody who sees it in the log stops relying on the key at once."""
    _state(
        call(context, node, as_json),
        identity_key,
        lambda stating, held, identity: stating.revoke(held.directory, key, reason, held.now(), identity),
    )


def _state(asked: Call, identity_key: Path | None, make: Callable[[Stating, Node, Signer], Entry]) -> None:
    from contracts.statements import read_statement  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli import output  # noqa: PLC0415 - the same
    from referral.cli.folder import reading  # noqa: PLC0415 - the same
    from referral.stating import Stating, file_identity, vault_identity  # noqa: PLC0415 - the same

    with reading(asked.folder) as (held, _queries):
        identity = vault_identity(held.vault) if identity_key is None else file_identity(identity_key)
        entry = make(Stating(held.own, held.network.name, held.agency, held.vault), held, identity)
        training = held.network.training
    statement = read_statement(entry.statement)
    document = {"statement": entry.id, "type": statement.type}
    output.answer(document, [f"{statement.type} {entry.id}", PUBLISHED], as_json=asked.as_json, training=training)
