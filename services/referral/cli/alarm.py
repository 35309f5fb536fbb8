"""`alarm`: what a person must look at, and the word of a person that ends what no machine can see the end of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from referral.cli import output
from referral.cli.call import AsJson, Key, NodeDir, call, new_key

if TYPE_CHECKING:
    from referral.api.shapes import AlarmOut

commands = typer.Typer(no_args_is_help=True, help="What a person must look at.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(commands, name="alarm")


@commands.command("list")
def list_alarms(
    context: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", help="What has ended too, and who acknowledged it.")] = False,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """List what a person must look at, the oldest first.

    Example: referral alarm list --node build/demo/nodes/be-fp
    """
    asked = call(context, node, as_json)
    from referral.api.shapes import AlarmOut, AlarmsOut  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, queries):
        found = queries.all_alarms() if every else queries.alarms()
        page = AlarmsOut(alarms=[AlarmOut.of(one, queries.telephones(one)) for one in found])
        training = opened.network.training
    more = ("ENDED", "ACKNOWLEDGED BY") if every else ("TELEPHONE",)
    empty = "Nothing has needed a person yet." if every else "Nothing needs a person now."
    rows = [_row(one, every=every) for one in page.alarms]
    lines = output.table(("ALARM", "SINCE", "WHAT", "CASE", "ABOUT", *more), rows, empty)
    standing = {one.runbook for one in page.alarms if one.ended_at is None}
    lines += [f"What to do: {page}" for page in sorted(standing)]
    output.answer(page.model_dump(mode="json"), lines, as_json=asked.as_json, training=training)


@commands.command("acknowledge")
def acknowledge(
    context: typer.Context,
    *,
    alarm: Annotated[int, typer.Argument(metavar="ALARM", min=1, help="The alarm's number, as the list has it.")],
    function: Annotated[str, typer.Option(help="Your function, such as focal-point; never a name.")] = "focal-point",
    key: Key = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """End an alarm that only a person can end; who did so, as what and when is kept.

    An alarm that its cause ends is refused with what that is (exit code 1).

    Example: referral alarm acknowledge 3 --function focal-point
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands as commands_of  # noqa: PLC0415 - loaded when it is asked for

    with commands_of(asked.folder) as desk:
        found, training = desk.acknowledge(alarm, {"function": function}, key or new_key()), desk.training
    lines = [f"{found['code']} acknowledged as {found['acknowledged']['function']}"]
    output.answer(found, lines, as_json=asked.as_json, training=training)


def _row(alarm: AlarmOut, *, every: bool) -> tuple[str, ...]:
    cells = (str(alarm.alarm), output.moment(alarm.since), alarm.code, alarm.case, alarm.subject)
    if not every:
        return (*cells, ", ".join(f"{agency} {number}" for agency, number in alarm.telephones.items()))
    by = alarm.acknowledged
    return (*cells, output.moment(alarm.ended_at), f"{by.who} as {by.function}" if by is not None else "")
