"""`send`, `section`, `register`, `arrivals`: messages out, texts read, and who has to be met."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from referral.cli import output
from referral.cli.call import AsJson, CaseOption, Key, Misused, NodeDir, call, new_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from referral.queries import RegisterItem

STANDARD_INPUT: Final = "-"
MAX_FILE: Final = 512 * 1024
LATER: Final = "Stored; it goes out when `referral up` runs."

section_commands = typer.Typer(no_args_is_help=True, help="The texts of messages; every read is logged first.")

JsonFile = Annotated[str, typer.Option("--file", metavar="F", help="A JSON file; - reads standard input.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(send)
    app.add_typer(section_commands, name="section")
    for command in (register, arrivals):
        app.command()(command)


def send(
    context: typer.Context,
    *,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind of message, as the reference of kinds has it.")],
    case: CaseOption,
    file: JsonFile,
    key: Key = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Send one message; audience, past and deadline follow from the case.

    The file holds {"act": {...}, "sections": {NAME: {"body": {...}, "readers": [AGENCY]}}, ...} as the API takes it.
    A rule that warns wants a coded reason in "reasons". With the same --key a retry is no second message.

    Example: referral send arrival-confirmation --case 4K7M2QXP --file arrival.json
    """
    asked = call(context, node, as_json)
    value = read_json(file)
    from referral.cli.at_hand import commands  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import case_of  # noqa: PLC0415 - the same

    name = case_of(asked.folder, case)
    with commands(asked.folder) as desk:
        found = desk.send(name, kind, value, key or new_key())
        later, training = desk.later, desk.training
    answer_sent(found, later, as_json=asked.as_json, training=training)


@section_commands.command("read")
def read_section(
    context: typer.Context,
    *,
    section: Annotated[str, typer.Argument(metavar="SECTION", help="The section's name, such as needs.")],
    case: CaseOption,
    message: Annotated[str, typer.Option(metavar="MESSAGE", help="The message's content id: 43 characters.")],
    function: Annotated[str, typer.Option(help="Your function, such as case-manager; never a name.")],
    purpose: Annotated[str, typer.Option(help="What you read it for, a code such as arrival.")],
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the text of one section, after the read is in the log; its author learns that it was opened.

    Example: referral section read needs --case 4K7M2QXP --message ID --function case-manager --purpose arrival
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import case_of  # noqa: PLC0415 - the same

    name = case_of(asked.folder, case)
    with commands(asked.folder) as desk:
        found, training = desk.read_section(name, message, section, function, purpose), desk.training
    output.answer(found, _tree(found["body"]), as_json=asked.as_json, training=training)


def register(
    context: typer.Context,
    *,
    case: Annotated[str | None, typer.Option("--case", metavar="CASE", help="Of this case alone.")] = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """List every message sent, received or refused, with its receipts, and what the log says of it.

    LOG is witnessed or logged by the proof that is kept, waiting without one, unlogged after 24 hours of a notary that
    was there, none where nothing is logged. A receipt is late where it came after a refusal or a loss; silent is an
    agency whose decision did not come, as it was stated and logged.

    Example: referral register --case 4K7M2QXP
    """
    asked = call(context, node, as_json)
    from referral.api.shapes import RegisterPage  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import named_case, reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, queries):
        rows = queries.register(None if case is None else named_case(queries, case))
        training = opened.network.training
    head = ("RECORDED", "", "KIND", "FROM", "TO", "RECEIPTS", "LOG", "MESSAGE")
    lines = output.table(head, map(_registered, rows), "No message has been sent or received yet.")
    document = RegisterPage(messages=rows).model_dump(mode="json")
    output.answer(document, lines, as_json=asked.as_json, training=training)


def arrivals(context: typer.Context, *, node: NodeDir = None, as_json: AsJson = False) -> None:
    """List who has to be met or looked for, by the local time of the place of arrival; the read is in the log.

    Example: referral arrivals --node build/demo/nodes/hu-iom
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands  # noqa: PLC0415 - loaded when it is asked for

    with commands(asked.folder) as desk:
        found, training = desk.arrivals(), desk.training
    head = ("LOCAL TIME", "ZONE", "PLACE", "STATE", "CASE", "SPOKEN")
    fields = ("zone", "place", "state", "case", "spoken")
    cells = [(one["local"].replace("T", " "), *(one[name] for name in fields)) for one in found["arrivals"]]
    lines = output.table(head, cells, "Nobody is expected.")
    output.answer(found, lines, as_json=asked.as_json, training=training)


def read_json(file: str) -> Any:
    """Return the JSON of a file or of standard input, or raise `Misused` or `FormatRefused`."""
    from contracts.encoding import parse  # noqa: PLC0415 - loaded when it is asked for

    try:
        if file == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(MAX_FILE + 1)
        else:
            with Path(file).open("rb") as source:
                raw = source.read(MAX_FILE + 1)
    except OSError:
        raise Misused("`--file` cannot be read; name a JSON file, or - for standard input.") from None
    return parse(raw, MAX_FILE)


def answer_sent(found: Mapping[str, Any], later: bool, *, as_json: bool, training: bool) -> None:
    """Print what became of a message, and say on standard error if it waits for `referral up`."""
    output.answer(found, _sent(found), as_json=as_json, training=training)
    if later:
        output.notice(LATER)


def _sent(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['kind']} {found['message']}"
    for one in found["also"]:
        yield f"with it went {one}"
    for one in found["warnings"]:
        yield f"rule {one['rule']} ({one['severity']}): {one['sentence']}"
    if found["flags"]:
        yield f"flagged: {', '.join(found['flags'])}"


def _registered(item: RegisterItem) -> tuple[str, ...]:
    receipts = [f"{told.stage} {told.agency}{' late' if told.late else ''}" for told in item.receipts]
    silent = [f"silent {agency}" for agency in dict.fromkeys(one.silent for one in item.silences)]
    direction = item.direction if not item.reason else f"{item.direction} ({item.reason})"
    return (
        output.moment(item.recorded_at),
        direction,
        item.kind,
        item.sender,
        ", ".join(item.recipients),
        ", ".join(receipts + silent),
        item.log,
        item.message,
    )


def _tree(value: Any, indent: str = "") -> Iterator[str]:
    """Yield a section's fields, one a line, what is inside another one indented."""
    pairs = value.items() if isinstance(value, dict) else ((f"{number}.", one) for number, one in enumerate(value, 1))
    for name, inner in pairs:
        if isinstance(inner, (dict, list)) and inner:
            yield f"{indent}{name}"
            yield from _tree(inner, indent + "  ")
        else:
            yield f"{indent}{name}: {_word(inner)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return output.NOTHING if value in ([], {}, None) else str(value).replace("\n", " / ")
