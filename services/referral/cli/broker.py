"""`broker login | provision | check`: a node's login to Kafka, and for the operator what a broker holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from referral.cli.call import AsJson, Misused, NodeDir, call

brokers = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Log in to Kafka; or run one for a network: provision, check."
)

PasswordFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The password, one line, mode 0600 [$REFERRAL_BROKER_PASSWORD].")
]
Certificate = Annotated[Path | None, typer.Option(metavar="FILE", help="Log in by this certificate (PEM).")]
PrivateKey = Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its key (PEM), mode 0600.")]
Root = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The network's root file, where no node of ours follows its log.")
]
User = Annotated[str, typer.Option(metavar="NAME", help="The operator's user.")]
Bootstrap = Annotated[str, typer.Option(metavar="HOST:PORT", help="Another way to the brokers than the root file's.")]
Replicas = Annotated[int, typer.Option(help="Copies of an inbox: 1 where one broker is all there is.")]
InSync = Annotated[int, typer.Option(help="Copies that hold a record before it is acknowledged.")]
ByCertificate = Annotated[
    list[str] | None, typer.Option(metavar="AGENCY", help="An agency that has a certificate, no password; several.")
]
Operators = Annotated[list[str] | None, typer.Option("--operator", metavar="NAME", help="A further operator's user.")]
ADMIN: Final = "admin"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(brokers, name="broker")


@brokers.command()
def login(
    context: typer.Context,
    *,
    password_file: PasswordFile = None,
    certificate: Certificate = None,
    key: PrivateKey = None,
    bootstrap: Bootstrap = "",
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a node its login to the brokers of its network: by SCRAM-SHA-512 or by certificate, under TLS 1.3.

    The brokers and their authority are those of the root file; brokers listen for certificates at a port of their own,
    which --bootstrap names where the root file names the one for passwords. The secret is copied into the node's
    folder, mode 0600; a node that runs takes it when it is started again. The user is the agency's id.

    Example: referral broker login --node be-fp --password-file be-fp.password
    """
    asked = call(context, node, as_json)
    if (password_file is None) == (certificate is None) or (certificate is None) != (key is None):
        raise Misused("Give `--password-file`, or `--certificate` with `--key`.")
    from referral.cli import operating  # noqa: PLC0415 - loaded when it is asked for

    operating.log_in(asked, password_file, certificate, key, bootstrap)


@brokers.command()
def provision(
    context: typer.Context,
    *,
    network: Root = None,
    user: User = ADMIN,
    password_file: PasswordFile = None,
    certificate: Certificate = None,
    key: PrivateKey = None,
    bootstrap: Bootstrap = "",
    replicas: Replicas = 3,
    in_sync: InSync = 2,
    by_certificate: ByCertificate = None,
    operator: Operators = None,
    secrets: Annotated[
        Path, typer.Option(metavar="DIR", help="Where new passwords are written, one file each, mode 0600.")
    ] = Path("broker-users"),
    new_password: Annotated[
        list[str] | None, typer.Option(metavar="AGENCY", help="Draw this agency another password; several.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take away rights and users that the directory does not know.")
    ] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Make what a broker lacks for a network: inboxes, users, rights, as the directory says; exits 1 if some is left.

    Each agency writes to its partners' inboxes and reads its own. Passwords of new users are drawn, written to files
    and never shown; hand each to its agency. What is there already stays; run again after each step of the directory.
    The directory is that of the log as the node follows it, or of the root file alone. Where the root file names no
    authority, on a Kafka of this machine, nobody logs in, and inboxes are all there is to make.

    Example: referral broker provision --node be-fp --password-file admin.password --secrets broker-users
    """
    asked = call(context, node, as_json)
    from referral.cli import operating  # noqa: PLC0415 - loaded when it is asked for

    way = operating.Way(network, user, password_file, certificate, key, bootstrap)
    rule = operating.Rule(replicas, in_sync, frozenset(by_certificate or ()), frozenset(operator or ()))
    operating.provision(asked, way, rule, operating.Wish(secrets, frozenset(new_password or ()), remove))


@brokers.command()
def check(
    context: typer.Context,
    *,
    network: Root = None,
    user: User = ADMIN,
    password_file: PasswordFile = None,
    certificate: Certificate = None,
    key: PrivateKey = None,
    bootstrap: Bootstrap = "",
    replicas: Replicas = 3,
    in_sync: InSync = 2,
    by_certificate: ByCertificate = None,
    operator: Operators = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Say in what a broker differs from the directory, one line each with what to do; exits 1 then. Changes nothing.

    Inboxes that lack or have other settings, users and rights that lack, and those that should not be there.

    Example: referral broker check --node be-fp --password-file admin.password
    """
    asked = call(context, node, as_json)
    from referral.cli import operating  # noqa: PLC0415 - loaded when it is asked for

    way = operating.Way(network, user, password_file, certificate, key, bootstrap)
    rule = operating.Rule(replicas, in_sync, frozenset(by_certificate or ()), frozenset(operator or ()))
    operating.check(asked, way, rule)
