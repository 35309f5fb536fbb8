"""`join request` and `join finish`: how an agency comes into a network whose governors sit elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from referral.cli.call import AsJson, NodeDir, call

joining = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Come into a network: request, then finish.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(joining, name="join")


@joining.command()
def request(
    context: typer.Context,
    *,
    network: Annotated[Path, typer.Option(metavar="FILE", help="The network's root file, from its governors.")],
    digest: Annotated[str, typer.Option(help="Its digest, as the governors said it over another way.")],
    agency: Annotated[str, typer.Option(metavar="AGENCY", help="The agency's id, such as be-fp.")],
    title: Annotated[str, typer.Option(help="Its name in words.")],
    country: Annotated[str, typer.Option(metavar="CC", help="Its country (ISO 3166-1).")],
    kind: Annotated[str, typer.Option(help="ngo, state_body, international_organisation, shelter …")],
    role: Annotated[list[str], typer.Option(help="A role it can take; several times for several.")],
    zone: Annotated[str, typer.Option(help="Its time zone, such as Europe/Brussels.")],
    language: Annotated[list[str] | None, typer.Option(help="A language it works in (ISO 639); en if none.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="A service it gives.")] = None,
    place: Annotated[list[str] | None, typer.Option(help="A place of arrival where it can meet a person.")] = None,
    subdivision: Annotated[str | None, typer.Option(help="The part of its country whose holidays it keeps.")] = None,
    closed_on: Annotated[list[int] | None, typer.Option(help="A weekday off, 1 Monday to 7 Sunday [6, 7].")] = None,
    closed_day: Annotated[list[str] | None, typer.Option(metavar="DAY", help="A further day off, 2026-12-24.")] = None,
    phone_24h: Annotated[str | None, typer.Option("--phone-24h", help="Answered day and night (E.164).")] = None,
    identity_key: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the identity key is made: it stays on this machine.")
    ] = Path("identity.key"),
    out: Annotated[Path, typer.Option(metavar="FILE", help="The request, for the governors.")] = Path("request.json"),
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Lock the vault by one, not by a key file.")] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask to be let in: make the identity key, the node's folder with its signing key, and a request for the governors.

    Run it on the machine where the identity key stays; it needs no network. Then give the request to the governors
    (`notary admit`), and carry the node's folder, without the identity key, to the machine that will run it.

    Example: referral join request --network network.json --digest DIGEST --node ro-ngo --agency ro-ngo
    --title "Shelter of Cluj" --country RO --kind shelter --role reception --zone Europe/Bucharest
    """
    asked = call(context, node, as_json)
    from referral.cli import entering  # noqa: PLC0415 - loaded when it is asked for

    declared = entering.declared(
        title=title,
        country=country,
        kind=kind,
        roles=tuple(role),
        zone=zone,
        languages=tuple(language or ("en",)),
        services=tuple(service or ()),
        places=tuple(place or ()),
        subdivision=subdivision,
        weekend=tuple(closed_on or (6, 7)),
        closed_days=entering.days(closed_day or []),
        phone_24h=phone_24h,
    )
    entering.ask(asked, entering.Wanted(network, digest, agency, declared, identity_key, out, passphrase))


@joining.command()
def finish(
    context: typer.Context,
    *,
    broker_path: Annotated[Path, typer.Option(metavar="FILE", help="The embedded broker.")] = Path("broker.sqlite"),
    bootstrap: Annotated[str, typer.Option(metavar="HOST:PORT", help="A Kafka of this machine instead.")] = "",
    store: Annotated[
        str, typer.Option(metavar="ADDRESS", envvar="REFERRAL_STORE", help="PostgreSQL: postgresql://user@host/base.")
    ] = "",
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Come in: find in the notary's log that the governors let us in, publish epoch keys, make the inbox and a token.

    Exits 1 while the log does not let us in; run it again then. The epoch keys are made here and never leave.

    Example: referral join finish --node ro-ngo
    """
    asked = call(context, node, as_json)
    from referral.cli import entering  # noqa: PLC0415 - loaded when it is asked for

    entering.finish(asked, broker_path, bootstrap, store)
