"""`log`: the notary's log as this node sees it, what partners see otherwise, and what convicts a log."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - the command line is made from these types
from typing import TYPE_CHECKING, Annotated

import typer

from referral.cli import output
from referral.cli.call import AsJson, NodeDir, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.api.shapes import LogOut

commands = typer.Typer(no_args_is_help=True, help="The notary's log as this node sees it.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(commands, name="log")


@commands.command("show")
def show(context: typer.Context, *, node: NodeDir = None, as_json: AsJson = False) -> None:
    """Show how far the log is mirrored, under which signed checkpoint, and which partners see another log.

    Example: referral log show --node build/demo/nodes/be-fp
    """
    asked = call(context, node, as_json)
    from referral.api.shapes import LogOut  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, queries):
        found, training = LogOut.of(queries.log()), opened.network.training
    output.answer(found.model_dump(mode="json"), _lines(found), as_json=asked.as_json, training=training)


@commands.command("judge")
def judge(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file, such as convictions/NAME.json of a node.")],
    network: Annotated[
        Path, typer.Option(metavar="FILE", help="The network's root file as you got it from people you trust.")
    ],
    as_json: AsJson = False,
) -> None:
    """Check a conviction offline: does it show that the network's log signed two histories? Exits 1 if it does not.

    Example: referral log judge convictions/NAME.json --network network.json
    """
    asked = call(context, None, as_json)
    from referral.audit.log import convicted  # noqa: PLC0415 - loaded when it is asked for

    found = convicted(file, network)
    lines = [
        f"The log {found.origin} is convicted: it signed two histories.",
        f"Its first {found.size} entries have the root {found.signed} in the checkpoint of that size,",
        f"and the root {found.committed} in the checkpoint of size {found.larger}; both carry its signature.",
    ]
    output.answer(output.of(found), lines, as_json=asked.as_json)


def _lines(found: LogOut) -> Iterator[str]:
    yield f"log         {found.origin}"
    yield f"mirrored    {found.size} entries, root {found.root}"
    yield f"settled     {found.settled} entries under the quorum that the policy asks for"
    for one in found.waiting:
        shown = "shown with the log's signature" if one.signed else "named, not shown"
        yield f"not here    {one.agency}: size {one.size}, root {one.root}, {shown}, since {output.moment(one.since)}"
    for end in found.ends:
        about = f": {end.detail}" if end.detail else ""
        yield f"{end.end:11} {end.agency}, {output.moment(end.at)}{about}"
    yield from found.checkpoint.splitlines()
