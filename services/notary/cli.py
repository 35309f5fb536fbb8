"""`notary`: make a log, serve it, look at it, check every byte of it, copy another one, end it and go on in a new one.

Exit codes: 0 it holds, 1 something in the log does not, 2 it was called wrongly. `--json` gives one JSON document on
standard output, a refusal too (`error`, `detail`); complaints and the progress of long work go to standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from contracts import tlog
from contracts.network import NetworkRefused, read_network
from contracts.refusal import Refusal
from notary import inspection, retirement
from notary.config import settings
from notary.errors import (
    DiskRefused,
    LogAway,
    LogDamaged,
    LogForked,
    LogMissing,
    LogRolledBack,
    MirrorRefused,
    ServedRefused,
    SettingRefused,
)
from notary.governing_commands import add_to as add_governing
from notary.http_client import LogClient
from notary.log import fresh_seed, make_log, read_key, read_signer
from notary.log_lines import log_to_standard_error
from notary.mirror import Mirrored
from notary.mirror import mirror as mirror_log
from notary.progress import Progress
from notary.server import print_ready
from notary.server import serve as serve_log
from notary.witness import read_cosigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAILED, MISUSED = 1, 2
DOES_NOT_HOLD: Final = (LogAway, LogDamaged, LogForked, LogRolledBack, ServedRefused, tlog.CheckpointRefused)

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
    succeeds: Annotated[
        Path | None, typer.Option(help="The folder of a retired log, or of a copy, that the new log goes on from.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a log of no entries and print its public key, which goes into the network's root file (log.key).

    The private key is DIR/log.key, readable by its owner only. Keep a copy offline: without it the log cannot go on.

    With --succeeds the first entry is the last checkpoint of the log before, cosigned where it was, and after it come
    the entries that were answered for there and do not stand under that checkpoint.
    """
    seed = fresh_seed()

    def make() -> tlog.NoteSigner:
        if succeeds is None:
            return make_log(folder, origin, seed)
        return retirement.succeed(folder, origin, seed, succeeds)

    signer = _or_exit(make, as_json=as_json)
    cosigner = _or_exit(lambda: read_cosigner(folder, signer.key.name), as_json=as_json)
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
    *,
    admin: Annotated[
        str | None, typer.Option(help="HOST:PORT of /livez, /readyz and /metrics, for who runs the notary.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(metavar="FORMAT", help="json or console: lines for people.")] = None,
) -> None:
    """Take entries and sign checkpoints until SIGTERM.

    Nothing is signed before every file of the log has been read and agrees with the rest; a damaged one is named. Up to
    65,536 entries are read before requests are answered, the rest of a larger log while entries are taken already.

    When requests are answered, one JSON line on standard output says so, with the URL. Options that are not given come
    from NOTARY_BIND, NOTARY_NETWORK, NOTARY_INTERVAL, NOTARY_WITNESS_OF, NOTARY_ADMIN and NOTARY_LOG_FORMAT; else
    127.0.0.1:8750, 1 second and no log, a free port of this machine for the admin port, and json.

    Where the policy names witnesses, each of them is asked first, and nothing is signed before as many have answered as
    the quorum asks for; /readyz says how each of them stands. The policy is the last one of the log, else the root
    file's; one that governors state while this runs is taken up at once.
    """
    given = {"bind": bind, "network": network, "interval": interval, "witness_of": witness_of}
    chosen = _or_exit(lambda: settings(**given, admin=admin, log_format=log_format))
    log_to_standard_error(chosen.log_format)
    with _progress("reading") as progress:
        _or_exit(lambda: serve_log(folder, chosen, print_ready, progress.tell))


@app.command("witness-key")
def witness_key(folder: Folder, *, as_json: AsJson = False) -> None:
    """Print the public key with which this notary cosigns other logs; it goes into the policies of their networks.

    It is made where there is none yet. The private key is DIR/witness.key, readable by its owner only.
    """
    signer = _or_exit(lambda: read_cosigner(folder, read_signer(folder).key.name), as_json=as_json)
    _print({"name": signer.key.name, "vkey": str(signer.key)}, as_json, f"{signer.key}")


@app.command()
def status(folder: Folder, *, as_json: AsJson = False) -> None:
    """Print what a log or a copy says about itself, running or not; exits 1 where its checkpoint is damaged.

    kind (log or copy), origin, vkey (its public key), size and root that readers see, witnessed (the size of the last
    checkpoint that a quorum of witnesses cosigned), pending (entries answered for and under no checkpoint yet),
    running, retired, and conflicts (pairs of contradicting checkpoints that a copy keeps). /readyz says more of a
    running one.
    """
    found = asdict(_or_exit(lambda: inspection.status(folder), as_json=as_json))
    _print(found, as_json, "\n".join(f"{name}: {_word(value)}" for name, value in found.items()))


@app.command()
def fsck(folder: Folder, *, as_json: AsJson = False) -> None:
    """Recompute the published log from every stored entry and name each damaged file; exits 1 if there is one.

    Works on a running log and on a copy too. A damaged file is replaced by the same file of any copy of the log: tiles
    are public.
    """
    with _progress("checking") as progress:
        found = _or_exit(lambda: inspection.fsck(folder, progress.tell), as_json=as_json)
    lines = [f"damaged: {name}" for name in found.damaged] or [f"sound: {found.size} entries under root {found.root}"]
    _print(asdict(found) | {"sound": found.sound}, as_json, "\n".join(lines))
    if not found.sound:
        raise typer.Exit(FAILED)


@app.command()
def mirror(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the log's checkpoint and tiles are served.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the copy; absent or empty at first.")],
    vkey: Annotated[str | None, typer.Option(help="The log's public key.")] = None,
    network: Annotated[Path | None, typer.Option(help="The network's root file, which names the log's key.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Copy a log whole, or bring a copy up to date; every piece is verified before it is kept.

    The first time --vkey or --network says whose log it is; DIR remembers it. Run it again to go on, also after it was
    cut off. A log that shows two histories, or an older checkpoint than before, is refused with exit code 1, and both
    signed checkpoints are kept in DIR/conflicts. `notary fsck DIR` checks every byte of the copy.
    """
    with _progress("copying") as progress:
        found = _or_exit(lambda: _mirror(url, folder, _mirrored_key(folder, vkey, network), progress), as_json=as_json)
    root = tlog.note.encode(found.root)
    text = f"copied: {found.size} entries under root {root}, {found.new} of them new"
    _print(asdict(found) | {"root": root}, as_json, text)


@app.command()
def retire(folder: Folder, *, as_json: AsJson = False) -> None:
    """End a stopped log for good: it takes and signs nothing more, whoever starts it. There is no way back.

    For a log that is damaged beyond repair. Its checkpoint and tiles can be served as before; then open its successor:
    notary init NEW --origin example.org/log-2 --succeeds DIR
    """
    ending = _or_exit(lambda: retirement.retire(folder), as_json=as_json)
    last = ending.checkpoint
    found = {
        "origin": last.origin,
        "size": last.size,
        "root": tlog.note.encode(last.root),
        "beyond": len(ending.beyond),
    }
    text = (
        f"retired: {last.origin} ends with {last.size} entries under root {found['root']}; "
        f"{len(ending.beyond)} entries that were answered for go on in its successor"
    )
    _print(found, as_json, text)


def _mirrored_key(folder: Path, vkey: str | None, network: Path | None) -> tlog.NoteKey:
    """Return the key that was given, or else the one that the folder remembers."""
    if vkey is not None and network is not None:
        raise SettingRefused("Give --vkey or --network, not both.")
    if vkey is not None:
        return tlog.read_key(vkey)
    if network is not None:
        try:
            return tlog.read_key(read_network(network.read_bytes()).log.key)
        except OSError:
            raise SettingRefused("network names no file that can be read.") from None
        except NetworkRefused as refused:
            raise SettingRefused(f"network is no root file. {refused.detail}") from None
    try:
        return read_key(folder)
    except LogMissing:
        raise MirrorRefused("Say whose log it is: --vkey or --network.") from None


def _mirror(url: str, folder: Path, key: tlog.NoteKey, progress: Progress) -> Mirrored:
    async def copy() -> Mirrored:
        client = LogClient(url)
        try:
            return await mirror_log(folder, key, client, progress.tell)
        finally:
            await client.close()

    return asyncio.run(copy())


@contextmanager
def _progress(what: str) -> Iterator[Progress]:
    progress = Progress(what, sys.stderr, time.monotonic)
    try:
        yield progress
    finally:
        progress.end()


def _word(value: Any) -> str:
    words: dict[Any, str] = {None: "-", True: "yes", False: "no"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _or_exit(call: Callable[[], Any], *, as_json: bool = False) -> Any:
    """Return what `call` returns; a refusal is said on standard error, and ends the program."""
    try:
        return call()
    except Refusal as refused:
        _complain(refused, FAILED if isinstance(refused, DOES_NOT_HOLD) else MISUSED, as_json=as_json)
    except OSError as error:
        _complain(DiskRefused(f"{os.strerror(error.errno)}." if error.errno else ""), FAILED, as_json=as_json)


def _complain(refused: Refusal, code: int, *, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"detail": str(refused), "error": refused.code}))
    typer.echo(f"notary: {refused}", err=True)
    raise typer.Exit(code)


def _print(found: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(found, sort_keys=True) if as_json else text)


add_governing(app)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
