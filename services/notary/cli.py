"""`notary`: make a log, serve it, look at it, check every byte of it.

Exit codes: 0 it holds, 1 something in the log does not, 2 it was called wrongly. `--json` gives one JSON document on
standard output; complaints go to standard error.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from contracts.refusal import Refusal
from notary import inspection
from notary.config import settings
from notary.errors import LogDamaged
from notary.log import fresh_seed, make_log, read_signer
from notary.server import print_ready
from notary.server import serve as serve_log
from notary.witness import read_cosigner

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED, MISUSED = 1, 2

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=(
        "The notary keeps one log that only grows. Agencies enter the ids of their messages, which say nothing to it; "
        "anybody can fetch the signed checkpoint and the tiles and prove offline what was entered, and where.\n\n"
        "Begin with: notary init DIR --origin example.org/log"
    ),
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the log; it holds the log's private key.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]


@app.command()
def init(
    folder: Folder,
    origin: Annotated[str, typer.Option(help="The log's name for ever, such as example.org/log; no spaces, no plus.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a log of no entries and print its public key, which goes into the network's root file (log.key).

    The private key is DIR/log.key, readable by its owner only. Keep a copy offline: without it the log cannot go on.
    """
    signer = _or_exit(lambda: make_log(folder, origin, fresh_seed()))
    cosigner = _or_exit(lambda: read_cosigner(folder, signer.key.name))
    found = {"origin": signer.key.name, "vkey": str(signer.key), "witness": str(cosigner.key)}
    _print(found, as_json, f"{signer.key}")


@app.command()
def serve(
    folder: Folder,
    bind: Annotated[str | None, typer.Option(help="HOST:PORT to listen on; port 0 takes a free one.")] = None,
    network: Annotated[Path | None, typer.Option(help="The network's root file: who may submit.")] = None,
    interval: Annotated[float | None, typer.Option(help="Seconds between two checkpoints, 0.02 to 3600.")] = None,
    witness_of: Annotated[
        Path | None, typer.Option(help="A file of public keys of other logs, one a line, that this notary witnesses.")
    ] = None,
) -> None:
    """Take entries and sign checkpoints until SIGTERM; the whole log is checked first.

    When requests are answered, one JSON line on standard output says so, with the URL. Options that are not given come
    from NOTARY_BIND, NOTARY_NETWORK, NOTARY_INTERVAL and NOTARY_WITNESS_OF; else 127.0.0.1:8750, 1 second and no log.

    Where the root file's policy names witnesses, each of them is asked first, and nothing is signed before as many have
    answered as the quorum asks for; /readyz says how each of them stands.
    """
    chosen = _or_exit(lambda: settings(bind=bind, network=network, interval=interval, witness_of=witness_of))
    _or_exit(lambda: serve_log(folder, chosen, print_ready))


@app.command("witness-key")
def witness_key(folder: Folder, *, as_json: AsJson = False) -> None:
    """Print the public key with which this notary cosigns other logs; it goes into the policies of their networks.

    It is made where there is none yet. The private key is DIR/witness.key, readable by its owner only.
    """
    signer = _or_exit(lambda: read_cosigner(folder, read_signer(folder).key.name))
    _print({"name": signer.key.name, "vkey": str(signer.key)}, as_json, f"{signer.key}")


@app.command()
def status(folder: Folder, *, as_json: AsJson = False) -> None:
    """Print the log's name, public key, size and root, how many entries wait for a checkpoint, and whether it runs."""
    found = asdict(_or_exit(lambda: inspection.status(folder)))
    _print(found, as_json, "\n".join(f"{name}: {value}" for name, value in found.items()))


@app.command()
def fsck(folder: Folder, *, as_json: AsJson = False) -> None:
    """Recompute the published log from every stored entry and name each damaged file; exits 1 if there is one.

    Works on a running log too. A damaged file is replaced by the same file of any copy of the log: tiles are public.
    """
    found = _or_exit(lambda: inspection.fsck(folder))
    lines = [f"damaged: {name}" for name in found.damaged] or [f"sound: {found.size} entries under root {found.root}"]
    _print(asdict(found) | {"sound": found.sound}, as_json, "\n".join(lines))
    if not found.sound:
        raise typer.Exit(FAILED)


def _or_exit(call: Callable[[], Any]) -> Any:
    """Return what `call` returns; a refusal is said on standard error and ends the program."""
    try:
        return call()
    except LogDamaged as refused:
        _complain(refused, FAILED)
    except Refusal as refused:
        _complain(refused, MISUSED)


def _complain(refused: Refusal, code: int) -> NoReturn:
    typer.echo(f"notary: {refused}", err=True)
    raise typer.Exit(code)


def _print(found: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(found, sort_keys=True) if as_json else text)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
