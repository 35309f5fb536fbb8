"""`recovery`: what waits after a restore, and the word of two people that ends the waiting."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - options are typed by it
from typing import TYPE_CHECKING, Annotated

import typer

from referral.cli import output
from referral.cli.call import AsJson, Key, NodeDir, call, new_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from referral.api.shapes import RecoveryOut

Function = Annotated[str, typer.Option(help="The function of who decides, such as focal-point; never a name.")]
Second = Annotated[str, typer.Option(help="The function of the second person.")]

commands = typer.Typer(no_args_is_help=True, help="What waits after a backup was put back.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(commands, name="recovery")


@commands.command("show")
def show(context: typer.Context, *, node: NodeDir = None, as_json: AsJson = False) -> None:
    """Show which hours may be missing, which cases wait for which partners, and whether a copy of the node was found.

    Example: referral recovery show --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.api.shapes import RecoveryOut  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import reading  # noqa: PLC0415 - the same
    from referral.exchange.recovery import report  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, _):
        found, training = RecoveryOut.of(report(opened)), opened.network.training
    output.answer(found.model_dump(mode="json"), _lines(found), as_json=asked.as_json, training=training)


@commands.command("open")
def open_case(
    context: typer.Context,
    *,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case's id, or its spoken reference.")],
    function: Function,
    second: Second,
    key: Key = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Let two people send in a case before its partners have said what they hold.

    What this node said in the lost hours may then be contradicted: telephone the partners first.

    Example: referral recovery open 4K7M2QXP --function focal-point --second case-manager
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands as commands_of  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import case_of  # noqa: PLC0415 - the same

    named = case_of(asked.folder, case)
    with commands_of(asked.folder) as desk:
        value = {"function": function, "second": second}
        found, training = desk.open_waiting(named, value, key or new_key()), desk.training
    lines = [f"case {found['case']} is open for sending, by {found['function']} and {found['second']}"]
    output.answer(found, lines, as_json=asked.as_json, training=training)


@commands.command("resume")
def resume(
    context: typer.Context,
    *,
    function: Function,
    second: Second,
    key: Key = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Let two people say that the copy of this node, which was found, is off and stays off.

    What the copy sent is compared with the partners first, as after a restore.

    Example: referral recovery resume --function focal-point --second case-manager
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands as commands_of  # noqa: PLC0415 - loaded when it is asked for

    with commands_of(asked.folder) as desk:
        value = {"function": function, "second": second}
        found, training = desk.say_copy_is_off(value, key or new_key()), desk.training
    lines = [f"the node goes on, by {found['function']} and {found['second']}; its cases wait for their partners"]
    output.answer(found, lines, as_json=asked.as_json, training=training)


@commands.command("give-up")
def give_up(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be given up, and change nothing.")] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Give up what a vault that is older than its events cannot open; its senders hear so and send it again.

    The start refuses such a vault and names the cases. Look for the newest vault first: what is given up here comes
    back from partners alone. This agency's own messages come back too; purely local notes of those cases do not.

    Example: referral recovery give-up --dry-run --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.cli.folder import unlock  # noqa: PLC0415 - loaded when it is asked for
    from referral.opening import machine_clock  # noqa: PLC0415 - the same
    from referral.unreceipting import give_up as given_up  # noqa: PLC0415 - the same

    lost = given_up(asked.folder, unlock(asked.folder), machine_clock, dry=dry_run)
    document = {
        "cases": list(lost.cases),
        "messages": [{"case": case, "message": message} for case, message in lost.messages],
        "receipts": lost.receipts,
        "dry": dry_run,
    }
    word = "would be given up" if dry_run else "given up"
    lines = [f"{word}: case {case}" for case in lost.cases]
    lines += [f"{word}: sections of {message} in {case}" for case, message in lost.messages]
    if not lines:
        lines = ["The vault opens everything; nothing is given up."]
    elif not dry_run:
        lines.append(f"{lost.receipts} times a sender hears that a message was lost, and sends it again")
    output.answer(document, lines, as_json=asked.as_json)


@commands.command("rebuild")
def rebuild(
    context: typer.Context,
    *,
    network: Annotated[Path, typer.Option(metavar="FILE", help="The network's root file.")],
    digest: Annotated[str, typer.Option(help="Its digest, as a partner says it over another way.")],
    agency: Annotated[str, typer.Option(metavar="AGENCY", help="The agency's id, such as be-fp.")],
    identity_key: Annotated[Path, typer.Option(metavar="FILE", help="The identity key, kept apart from the node.")],
    erased: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The register of what was erased, if it is left.")
    ] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Lock the vault by one, not by a key file.")] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a node anew where nothing is left but its identity key: no backup, no vault, no store.

    The identity key states a new signing key in the log. Go on with `referral join finish` and `referral up`; partners
    then give back what they hold of the cases that both are in, sealed anew.

    Example: referral recovery rebuild --network network.json --digest DIGEST --agency be-fp
    --identity-key identity.key --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.cli import making  # noqa: PLC0415 - loaded when it is asked for
    from referral.opening import Settings, machine_clock  # noqa: PLC0415 - the same
    from referral.rebuilding import Rebuilding, begin, state  # noqa: PLC0415 - the same
    from referral.vault import KeyFile, Passphrase  # noqa: PLC0415 - the same
    from referral.wiring import notary_client  # noqa: PLC0415 - the same

    locked = Passphrase.kind if passphrase else KeyFile.kind
    settings = Settings(agency, locked, erased="" if erased is None else str(erased.resolve()))
    wish = Rebuilding(network, digest, asked.folder, settings, identity_key)
    opener = begin(wish, lambda: making.new_unlock(settings, asked.folder), machine_clock)
    found = asyncio.run(state(wish, opener, machine_clock, notary_client))
    document = {"agency": agency, "fingerprint": found.fingerprint, "statement": found.statement}
    lines = [
        f"node        {asked.folder} of {agency}, empty, under the identity key {found.fingerprint}",
        f"statement   {found.statement}: a new signing key, in the log",
        f"next        referral join finish --node {asked.folder}, then referral up --node {asked.folder}",
    ]
    output.answer(document, lines, as_json=asked.as_json)


def _lines(found: RecoveryOut) -> Iterator[str]:
    yield found.sentence
    if found.stopped_since is not None:
        since = output.moment(found.stopped_since)
        yield f"A copy of this node was found at {since} by the message {found.stopped_by}; nothing goes out."
    if found.recovering:
        rows = [(one.case, _open_partners(one.partners, one.answered), ", ".join(one.named)) for one in found.cases]
        yield from output.table(("CASE", "WAITS FOR", "AND FOR MESSAGES"), rows, "No case waits any more.")
        yield f"Whoever has not answered by {output.moment(found.until)} is not waited for; one must have answered."


def _open_partners(partners: list[str], answered: list[str]) -> str:
    return ", ".join(one for one in partners if one not in answered)
