"""`replay`, `export`, `disclose`, `verify`, `audit check`: what was known when, and the evidence; no network."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - the command line is made from these types
from typing import Annotated

import typer

from referral.cli import output
from referral.cli.call import AsJson, Misused, NodeDir, call, moment

PRINCIPAL = "command-line"

commands = typer.Typer(no_args_is_help=True, help="What an auditor does with a node's folder, or a copy of it.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    for command in (replay, export, verify):
        app.command()(command)
    app.command(context_settings={"ignore_unknown_options": True})(disclose)
    app.add_typer(commands, name="audit")


def replay(
    context: typer.Context,
    *,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="What this node knew then, as 2026-05-03T09:00:00Z.")
    ] = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild every case and list from the events, and compare digests with what the node shows; needs no network.

    Exits 1 if a digest differs, and names the case. With --at, the cases as this node knew them at that time.

    Example: referral replay --node build/demo/nodes/hu-fp --at 2026-05-03T09:00:00Z
    """
    asked = call(context, node, as_json)
    when = moment(at, "--at")
    from referral.audit import command  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, _), output.progress() as progress:
        found = command.replay(opened, at=when, progress=progress)
        training = opened.network.training
    output.report(found, as_json=asked.as_json, training=training)


def export(
    context: typer.Context,
    *,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case's id, or its spoken reference.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; it must not be there yet.")],
    with_sections: Annotated[
        bool, typer.Option("--with-sections", help="Add the sections that this agency may read; each read is logged.")
    ] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Write the evidence about one case as a bundle that anybody can verify offline.

    Without --with-sections the bundle holds signed messages, receipts and proofs, and no text about the person.

    Example: referral export 4K7M-2QXP --out case-bundle
    """
    asked = call(context, node, as_json)
    from referral.audit import command  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli import folder  # noqa: PLC0415 - the same
    from referral.store.errors import StoreInUse  # noqa: PLC0415 - the same

    opening = folder.writing if with_sections else folder.reading
    try:
        with opening(asked.folder) as (opened, queries), output.progress() as progress:
            found = command.export(
                opened,
                asked.folder,
                folder.named_case(queries, case),
                out,
                sections=with_sections,
                principal=PRINCIPAL,
                progress=progress,
            )
            training = opened.network.training
    except StoreInUse:
        raise command.ReadsNotLogged from None
    output.report(found, as_json=asked.as_json, training=training)


def disclose(
    context: typer.Context,
    *,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case's id, or its spoken reference.")],
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The content id of the message.")],
    section: Annotated[str, typer.Argument(metavar="SECTION", help="The section's name, such as needs.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; it must not be there yet.")],
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Write one section of one message for a court, with what proves it, and nothing else; the read is logged.

    Check it with `referral verify DIR`. End `referral up` on this node first: reads are logged by whoever writes.

    Example: referral disclose 4K7M-2QXP MESSAGE needs --out for-the-court
    """
    asked = call(context, node, as_json)
    if any(given.startswith("--") for given in (case, message, section)):
        raise Misused("There is no such option; see `referral disclose --help`.")
    from referral.audit import command  # noqa: PLC0415 - loaded when it is asked for
    from referral.audit.bundle import OneSection  # noqa: PLC0415 - the same
    from referral.cli import folder  # noqa: PLC0415 - the same
    from referral.store.errors import StoreInUse  # noqa: PLC0415 - the same

    try:
        with folder.writing(asked.folder) as (opened, queries):
            named = folder.named_case(queries, case)
            one = OneSection(named, message, section)
            found = command.disclose(opened, asked.folder, one, out, principal=PRINCIPAL)
            training = opened.network.training
    except StoreInUse:
        raise command.ReadsNotLogged from None
    output.report(found, as_json=asked.as_json, training=training)


def verify(
    context: typer.Context,
    *,
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="The bundle.")],
    network: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The network's root file as you got it from people you trust.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle offline: ids, signatures, receipts, proofs, and the standing folded anew; exits 1 if one fails.

    Without --network the root file inside the bundle is used, and the answer says so.

    Example: referral verify build/demo/bundle
    """
    asked = call(context, None, as_json)
    from referral.audit import command  # noqa: PLC0415 - loaded when it is asked for

    with output.progress() as progress:
        found = command.verify(bundle, network=network, progress=progress)
    output.report(found, as_json=asked.as_json)


@commands.command("check")
def check(
    context: typer.Context,
    *,
    network: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The network's root file as you got it from people you trust.")
    ] = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Hold what a node has stored against its hourly anchors: nothing added, changed or taken out; exits 1 if not.

    It needs no key and no network, and reads beside a running node or in a copy of its folder.

    Example: referral audit check --node build/demo/nodes/be-fp
    """
    asked = call(context, node, as_json)
    from referral.audit import command  # noqa: PLC0415 - loaded when it is asked for

    with output.progress() as progress:
        found = command.check(asked.folder, network=network, progress=progress)
    output.report(found, as_json=asked.as_json)
