"""`found`, `admit`, `restrict`, `policy`, `governor-key`: the governors' commands, run where their keys are.

Exit codes: 0 signed (and submitted, where that was possible), 1 refused, 2 called wrongly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from contracts.refusal import Refusal
from contracts.statements import Restriction
from notary import governing
from notary.founding import Founding
from notary.founding import found as found_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from notary.governing import Governed

FAILED = 1

Network = Annotated[Path, typer.Option(metavar="FILE", help="The network's root file.")]
Keys = Annotated[
    list[Path], typer.Option("--governor-key", metavar="FILE", help="A governor's key file; several times for several.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(found)
    app.command()(admit)
    app.command()(restrict)
    app.command()(policy)
    app.command(name="governor-key")(governor_key)


def found(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The network's name.")],
    *,
    log_key: Annotated[str, typer.Option(metavar="VKEY", help="What `notary init` printed.")],
    notary: Annotated[str, typer.Option(metavar="URL", help="Where the notary answers.")],
    governor: Annotated[
        list[str], typer.Option(metavar="KEY", help="What `notary governor-key` printed; once for each governor.")
    ],
    must_agree: Annotated[int, typer.Option(metavar="M", help="How many of them must sign.")],
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="A tlog-policy with witnesses [none].")] = None,
    broker: Annotated[list[str] | None, typer.Option(metavar="HOST:PORT", help="A broker; several times.")] = None,
    ca: Annotated[Path | None, typer.Option(metavar="FILE", help="The brokers' CA, in PEM.")] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The root file.")] = Path("network.json"),
    as_json: AsJson = False,
) -> None:
    """Found a training network: write its root file, of nobody yet, and print the digest that people compare.

    Every agency comes in by `referral join request`, the first one too: as many governors as must agree admit it.

    Example: notary found corridor --log-key VKEY --notary https://log.example.org --governor KEY --governor KEY
    --governor KEY --must-agree 2
    """

    def founded() -> str:
        return found_network(
            Founding(
                name,
                log_key,
                notary,
                governor,
                must_agree,
                "" if policy is None else _text(policy),
                broker or (),
                None if ca is None else _text(ca),
            ),
            out,
        )

    digest = _or_exit(founded)
    typer.echo(json.dumps({"network": name, "root": digest}) if as_json else f"root file   {digest}")


def admit(
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="What `referral join request` wrote.")],
    network: Network,
    governor_key: Keys,
    *,
    as_json: AsJson = False,
) -> None:
    """Sign a request as a governor and write it back; with enough signatures, submit it to the network's notary.

    Compare the fingerprint with the agency over another way first. Where governors sit in different places each runs
    this and passes the file on. Run it again where the notary did not answer.
    """
    found = _or_exit(lambda: governing.admit(request, network, governor_key))
    _say(found, as_json)


def restrict(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="Whom it is about.")],
    network: Network,
    governor_key: Keys,
    *,
    reason: Annotated[str, typer.Option(metavar="CODE", help="Such as under_review or key_stolen.")],
    key: Annotated[str | None, typer.Option(metavar="FINGERPRINT", help="One of its keys, not the agency.")] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="For the next governor.")] = Path("restriction.json"),
    revoke: Annotated[bool, typer.Option("--revoke", help="For good: it comes back with new keys only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Suspend an agency, or revoke it or one of its keys, as governors; it acts as soon as it is seen in the log.

    The next governor signs the file that it wrote with `notary admit`.
    """
    kind: Literal["revocation", "suspension"] = "revocation" if revoke or key is not None else "suspension"
    body = Restriction(kind, None if key is not None else agency, key, reason)
    _say(_or_exit(lambda: governing.restrict(agency, body, network, governor_key, out)), as_json)


def policy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy, as in the root file.")],
    network: Network,
    governor_key: Keys,
    *,
    previous: Annotated[
        str | None, typer.Option(metavar="ID", help="The policy statement before it; none for the first one.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="For the next governor.")] = Path("policy.json"),
    as_json: AsJson = False,
) -> None:
    """Change which witnesses the network asks for, and how many are enough, as governors.

    The notary that runs and every node go by it from the first checkpoint on that covers it. The next governor signs
    the file that it wrote with `notary admit`.
    """
    _say(_or_exit(lambda: governing.change_policy(file, previous, network, governor_key, out)), as_json)


def governor_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key is made, mode 0600.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a governor's key and print its public half, which goes into the root file (governors.keys)."""
    public = _or_exit(lambda: governing.make_key(file))
    typer.echo(json.dumps({"key": public}) if as_json else public)


def _say(found: Governed, as_json: bool) -> None:
    if as_json:
        document = {
            "agency": found.agency,
            "fingerprint": found.fingerprint,
            "indices": list(found.indices),
            "last": found.last,
            "missing": found.missing,
            "statements": list(found.says),
        }
        typer.echo(json.dumps(document, sort_keys=True))
        return
    typer.echo(f"agency      {found.agency}{f', {found.title}' if found.title else ''}")
    if found.fingerprint:
        typer.echo(f"fingerprint {found.fingerprint}")
    typer.echo(f"statements  {', '.join(found.says)}")
    typer.echo(f"last        {found.last}")
    if found.missing:
        typer.echo(f"missing     {found.missing} more governors: pass the file on")
    else:
        typer.echo(f"logged at   {', '.join(map(str, found.indices))}")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise governing.FileRefused("There is no such text file, or it may not be read.") from None


def _or_exit(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Refusal as refused:
        _complain(refused)


def _complain(refused: Refusal) -> NoReturn:
    typer.echo(f"notary: {refused}", err=True)
    raise typer.Exit(FAILED)
