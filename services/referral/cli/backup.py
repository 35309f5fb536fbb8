"""`backup`: copies of a node that one key opens: made, looked through, put back, rehearsed, cleared away."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from referral.cli import output
from referral.cli.call import AsJson, NodeDir, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.backup.archive import Manifest
    from referral.backup.restoring import Drill

Backup = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", exists=True, dir_okay=False)]
Shelf = Annotated[Path, typer.Argument(metavar="DIR", help="Where the backups are.")]
KeyPath = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="The key that opens it.", exists=True, dir_okay=False)
]

commands = typer.Typer(no_args_is_help=True, help="Backups of this node, sealed for a key that is kept elsewhere.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(commands, name="backup")


@commands.command("key")
def make_key(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key goes; nothing may stand there.")],
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the key that opens this node's backups; the node keeps the half that only seals.

    Keep the file on an offline machine. Where the vault opens by a key file, whoever has this key and a backup reads
    everything; where it opens by a passphrase, it takes both.

    Example: referral backup key backup.key --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.backup.making import make_key as made  # noqa: PLC0415 - loaded when it is asked for

    public = made(asked.folder, file)
    lines = [f"key     {file}: opens every backup from now on; keep it away from this machine", f"seals   {public}"]
    output.answer({"file": str(file), "public": public}, lines, as_json=asked.as_json)


@commands.command("create")
def create(context: typer.Context, *, shelf: Shelf, node: NodeDir = None, as_json: AsJson = False) -> None:
    """Back up the node, running or not, into a new file in DIR; events before the vault, without the keys of days.

    Example: referral backup create /mnt/backups --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.backup import making  # noqa: PLC0415 - loaded when it is asked for
    from referral.opening import machine_clock  # noqa: PLC0415 - the same

    with output.progress() as progress:
        made = making.create(asked.folder, shelf, machine_clock, progress)
    document = {"file": str(made.file), "size": made.size, **_document(made.manifest)}
    lines = [f"backup  {made.file}, {made.size} bytes", *_lines(made.manifest)]
    output.answer(document, lines, as_json=asked.as_json)


@commands.command("verify")
def verify(context: typer.Context, *, file: Backup, key: KeyPath, as_json: AsJson = False) -> None:
    """Read a backup to its end and hold every file in it against its digest; nothing is put back.

    Example: referral backup verify be-fp-20260901T020000Z.backup --key backup.key
    """
    asked = call(context, None, as_json)
    from referral.backup import making, restoring  # noqa: PLC0415 - loaded when it is asked for

    with output.progress() as progress:
        manifest = restoring.verify(file, making.secret_of(key), progress)
    lines = [f"whole   {file}", *_lines(manifest)]
    output.answer({"file": str(file), **_document(manifest)}, lines, as_json=asked.as_json)


@commands.command("restore")
def restore(
    context: typer.Context,
    *,
    file: Backup,
    key: KeyPath,
    erased: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The register of what was erased [beside DIR, or where it was]."),
    ] = None,
    register_lost: Annotated[
        bool, typer.Option("--register-lost", help="There is no such register any more: what it named comes back.")
    ] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup back into the node's folder, which must be empty or not there.

    What was erased since stays erased: the register of it is followed first. The node then waits, before it sends
    anything in a case, until the partners of that case have said what they hold (`referral recovery show`).

    Example: referral backup restore be-fp-20260901T020000Z.backup --key backup.key --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.backup import making, restoring  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import unlock  # noqa: PLC0415 - the same
    from referral.opening import machine_clock  # noqa: PLC0415 - the same

    register = restoring.Register(erased, lost=register_lost)
    opener = restoring.Opener(making.secret_of(key), unlock, machine_clock)
    with output.progress() as progress:
        manifest = restoring.restore(file, opener, asked.folder, register, progress)
    lines = [
        f"node    {asked.folder} is as it was",
        *_lines(manifest),
        f"next    see that no other copy of this node runs, then: referral up --node {asked.folder}",
    ]
    output.answer({"node": str(asked.folder), **_document(manifest)}, lines, as_json=asked.as_json)


@commands.command("drill")
def drill(
    context: typer.Context,
    *,
    file: Backup,
    key: KeyPath,
    scratch: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the copy is put together [the machine's temporary place].")
    ] = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse a restore: put the backup back elsewhere, open it, fold every case again, hold it against the node.

    It says what would be gone, and removes the copy. The node may run meanwhile. Exits 1 if something does not hold.

    Example: referral backup drill be-fp-20260901T020000Z.backup --key backup.key --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.backup import making, restoring  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import unlock  # noqa: PLC0415 - the same
    from referral.opening import machine_clock  # noqa: PLC0415 - the same

    opener = restoring.Opener(making.secret_of(key), unlock, machine_clock)
    with output.progress() as progress:
        found = restoring.drill(file, opener, asked.folder, scratch, progress)
    document = {
        **_document(found.manifest),
        "ok": found.ok,
        "cases": found.cases,
        "messages": found.messages,
        "faults": list(found.faults),
        "later": found.later,
    }
    output.answer(document, _drilled(found), as_json=asked.as_json)
    if not found.ok:
        raise typer.Exit(output.FAILED)


@commands.command("prune")
def prune(
    context: typer.Context,
    *,
    shelf: Shelf,
    days: Annotated[int, typer.Option(min=1, help="What is older goes.")] = 30,
    most: Annotated[int | None, typer.Option(min=1, help="Of each agency no more than so many stay.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old backups; the newest of each agency always stays.

    What was erased is in backups until the last one from before is gone: keep none for longer than you may.

    Example: referral backup prune /mnt/backups --days 30 --dry-run
    """
    asked = call(context, None, as_json)
    from referral.backup.making import prune as pruned  # noqa: PLC0415 - loaded when it is asked for
    from referral.opening import machine_clock  # noqa: PLC0415 - the same

    stay, gone = pruned(shelf, days, most, machine_clock(), dry=dry_run)
    document = {"removed": [one.file.name for one in gone], "kept": [one.file.name for one in stay], "dry": dry_run}
    word = "would go" if dry_run else "gone"
    lines = [*(f"{word:<9} {one.file.name}" for one in gone), *(f"{'stays':<9} {one.file.name}" for one in stay)]
    output.answer(document, lines or ["There is no backup here."], as_json=asked.as_json)


def _document(manifest: Manifest) -> dict[str, Any]:
    fields = asdict(manifest)
    return {name: fields[name] for name in ("agency", "network", "made_at", "release", "position")} | {
        "files": len(manifest.parts)
    }


def _lines(manifest: Manifest) -> Iterator[str]:
    made = output.moment(manifest.made_at)
    yield f"of      {manifest.agency} in {manifest.network}, {made}, {len(manifest.parts)} files"
    yield f"events  {manifest.position}"


def _drilled(found: Drill) -> Iterator[str]:
    yield from _lines(found.manifest)
    yield f"folded  {found.cases} cases, {found.messages} messages, each with the digest that it has"
    yield from (f"wrong   {fault}" for fault in found.faults)
    events = sum(found.later.values())
    since = output.moment(found.manifest.made_at)
    yield f"since   {events} events in {len(found.later)} histories after {since} would have to come back from partners"
    yield "lost    purely local notes since then: who read what, which alarm was acknowledged"
    yield "result  this backup can be relied on" if found.ok else "result  DO NOT RELY ON THIS BACKUP"
