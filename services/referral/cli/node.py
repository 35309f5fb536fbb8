"""`init`, `up`, `doctor`: make a node, run it, ask what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from referral.cli import output
from referral.cli.call import AsJson, Misused, NodeDir, call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from referral.log_lines import LogFormat

NETWORK: Final = "network.json"
GOVERNOR: Final = "governor.key"
BROKER: Final = "broker.sqlite"
MAX_PORT: Final = 65_535
LOG_FORMATS: Final[Mapping[str, LogFormat]] = {"json": "json", "console": "console"}

Text = str | None


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    for command in (init, up, doctor):
        app.command()(command)


def init(
    context: typer.Context,
    *,
    agency: Annotated[Text, typer.Option(metavar="AGENCY", help="The agency's id, such as be-fp.")] = None,
    title: Annotated[Text, typer.Option(help="Its name in words.")] = None,
    country: Annotated[Text, typer.Option(metavar="CC", help="Its country (ISO 3166-1).")] = None,
    kind: Annotated[Text, typer.Option(help="ngo, state_body, international_organisation, shelter …")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role it can take; several times for several.")] = None,
    zone: Annotated[Text, typer.Option(help="Its time zone, such as Europe/Brussels.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="A language it works in (ISO 639); en if none.")] = None,
    place: Annotated[list[str] | None, typer.Option(help="A place of arrival where it can meet a person.")] = None,
    phone_24h: Annotated[Text, typer.Option("--phone-24h", help="The number answered day and night (E.164).")] = None,
    network: Annotated[Path, typer.Option(metavar="FILE", help="The network's root file.")] = Path(NETWORK),
    governor: Annotated[Path | None, typer.Option(metavar="FILE", help="A governor's key file [beside FILE].")] = None,
    found: Annotated[bool, typer.Option("--found", help="Make the network too: FILE and its governor's key.")] = False,
    name: Annotated[str, typer.Option(help="With --found: the network's name.")] = "training",
    log_key: Annotated[str, typer.Option(help="With --found: what `notary init` printed.")] = "",
    notary: Annotated[Text, typer.Option(metavar="URL", help="With --found: where the notary answers.")] = None,
    broker_path: Annotated[Path | None, typer.Option(metavar="FILE", help="The embedded broker [beside FILE].")] = None,
    bootstrap: Annotated[str, typer.Option(metavar="HOST:PORT", help="A Kafka of this machine instead.")] = "",
    broker_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --found: who certifies --bootstrap (PEM); TLS and logins then."),
    ] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Lock the vault by one, not by a key file.")] = False,
    store: Annotated[
        str, typer.Option(metavar="ADDRESS", envvar="REFERRAL_STORE", help="PostgreSQL: postgresql://user@host/base.")
    ] = "",
    renew: Annotated[bool, typer.Option("--renew", help="Without a log: epoch keys for 30 days more.")] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a node: vault, keys, store, token; and bring its agency into the network.

    On one machine the network's file grows: --found makes a training network and a governor's key, every further init
    with that key adds its agency; what runs learns of it when it is started again. Into a network whose governors sit
    elsewhere an agency comes by `referral join`. Epoch keys last for 30 days: the running node publishes more in the
    log; where there is none `referral init --renew` adds more to the file, once a month.

    The history is a file in the node's folder, or with --store a schema of PostgreSQL; the vault stays a file. The
    password of the database stands in PGPASSFILE or PGPASSWORD, never in the address.

    The token of the API is printed once; the file `token` keeps it for this command line, mode 0600.

    Example: referral init --node be-fp --agency be-fp --title "Focal point of Belgium" --country BE --kind ngo
    --role requesting --zone Europe/Brussels --found
    """
    asked = call(context, node, as_json)
    from referral.cli import making  # noqa: PLC0415 - loaded when it is asked for

    if renew:
        making.renew(asked)
        return
    needed = {"agency": agency, "title": title, "country": country, "kind": kind, "role": role, "zone": zone}
    _check_given(needed, founded=found, logged=bool(log_key), witnessed=bool(notary))
    if broker_ca is not None and not (found and bootstrap):
        raise Misused("`--broker-ca` is the network's, and goes with `--found` and `--bootstrap`.")
    given = making.Given(
        agency=str(agency),
        declared=making.declared(
            title=str(title),
            country=str(country),
            kind=str(kind),
            roles=role or [],
            zone=str(zone),
            languages=language or [],
            places=place or [],
            phone_24h=phone_24h,
        ),
        network=network,
        governor=governor or network.parent / GOVERNOR,
        broker_path=broker_path or network.parent / BROKER,
        bootstrap=bootstrap,
        passphrase=passphrase,
        store=store,
        founding=making.founding(name, log_key, notary, bootstrap, broker_ca) if found else None,
    )
    making.make(asked, given)


def _check_given(needed: Mapping[str, object], *, founded: bool, logged: bool, witnessed: bool) -> None:
    missing = [f"`--{name}`" for name, value in needed.items() if not value]
    if missing:
        raise Misused(f"Missing: {', '.join(missing)}; see `referral init --help`.")
    if (logged or witnessed) and not founded:
        raise Misused("`--log-key` and `--notary` are the network's, and go with `--found`.")
    if logged != witnessed:
        raise Misused("`--log-key` and `--notary` go together.")


def up(
    context: typer.Context,
    *,
    bind: Annotated[str, typer.Option(metavar="HOST:PORT", help="Port 0 takes a free one.")] = "127.0.0.1:8080",
    admin: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where /livez, /readyz and /metrics are; for who runs the node.")
    ] = "127.0.0.1:0",
    log_format: Annotated[str, typer.Option(metavar="FORMAT", help="json or console: lines for people.")] = "json",
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Serve the API and do the work of the exchange in one process, until SIGTERM or Ctrl-C.

    When requests are answered, one JSON line on standard output says where. Broker and notary may be away: commands are
    stored, and what is to be sent waits.

    Whoever runs the node asks its admin port: is it alive (/livez), can it serve (/readyz), its figures (/metrics). It
    listens on this machine alone and on a free port unless --admin says otherwise. The log goes to standard error.

    Example: referral up --node be-fp --bind 127.0.0.1:8081
    """
    asked = call(context, node, as_json)
    api, own = _address(bind, "--bind"), _address(admin, "--admin")
    form = LOG_FORMATS.get(log_format)
    if form is None:
        raise Misused("`--log-format` takes json or console.")
    from referral.cli.serving import serve  # noqa: PLC0415 - loaded when it is asked for

    serve(asked.folder, api, own, form)


def doctor(context: typer.Context, *, node: NodeDir = None, as_json: AsJson = False) -> None:
    """Check everything a node stands on, one line each, with what to do where something is wrong; exits 1 then.

    Library, vault and file modes, store, directory, log, epoch keys, broker, notary, clock, deliveries, lists, disk.

    Example: referral doctor --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.cli.examination import examine  # noqa: PLC0415 - loaded when it is asked for

    with output.progress() as progress:
        found = examine(asked.folder, progress)
    output.report(found, as_json=asked.as_json, training=found.training)


def _address(given: str, option: str) -> tuple[str, int]:
    host, colon, port = given.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) <= MAX_PORT):
        raise Misused(f"`{option}` takes HOST:PORT, such as 127.0.0.1:8080.")
    return host, int(port)
