"""`case`: the cases of a node, one of them, what happened in it, where it stands; and a new one."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - a row of the answer is typed by it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.signing import Verdict
from referral.cli import output
from referral.cli.call import AsJson, Key, NodeDir, call, moment, new_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from referral.api.shapes import StandingOut
    from referral.erasing import ErasedCase
    from referral.queries import CaseRow, Silent, TimelineItem, Told

CaseName = Annotated[str, typer.Argument(metavar="CASE", help="The case's id, or its spoken reference.")]
ERASED = "erased"  # as the queries say it of a section
SHORT = 12  # characters of an id or digest that a person compares by eye

commands = typer.Typer(no_args_is_help=True, help="The cases of this node.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(commands, name="case")


@commands.command("list")
def list_cases(context: typer.Context, *, node: NodeDir = None, as_json: AsJson = False) -> None:
    """List the cases, by what is due first; two agencies with the same messages show the same digest.

    Example: referral case list --node build/demo/nodes/be-fp
    """
    asked = call(context, node, as_json)
    from referral.api.shapes import CasesOut  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, queries):
        rows, gone, training = queries.cases(), queries.erased_cases(), opened.network.training
    document = CasesOut(cases=rows, erased=gone).model_dump(mode="json")
    head = ("CASE", "SPOKEN", "ROLE", "CASE IS", "REFERRAL", "DUE", "WAITS FOR", "DIGEST")
    lines = output.table(head, map(_row, rows), "There is no case here yet; `referral case open` makes one.")
    lines += [_erased(one) for one in gone]
    output.answer(document, lines, as_json=asked.as_json, training=training)


@commands.command("show")
def show_case(context: typer.Context, *, case: CaseName, node: NodeDir = None, as_json: AsJson = False) -> None:
    """Show one case: where it stands, who is in it, what is due, and what this agency may send next.

    Example: referral case show 4K7M2QXP
    """
    asked = call(context, node, as_json)
    from referral.api.shapes import CasesOut, StandingOut  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import named_case, reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, queries):
        name, training = named_case(queries, case), opened.network.training
        found = queries.case(name)
        standing = StandingOut.of(name, queries.standing(name), opened.agency, opened.now())
    document = CasesOut(cases=[found], erased=[]).model_dump(mode="json")["cases"][0]
    output.answer(document, _shown(found, standing), as_json=asked.as_json, training=training)


@commands.command("timeline")
def show_timeline(context: typer.Context, *, case: CaseName, node: NodeDir = None, as_json: AsJson = False) -> None:
    """Show every message of a case: who said what to whom, who has stored it, and what this agency may read of it.

    Example: referral case timeline 4K7M2QXP --node build/demo/nodes/hu-iom
    """
    asked = call(context, node, as_json)
    from contracts.spoken import spoken_reference  # noqa: PLC0415 - loaded when it is asked for
    from referral.api.shapes import TimelineOut  # noqa: PLC0415 - the same
    from referral.cli.folder import named_case, reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, queries):
        name, training = named_case(queries, case), opened.network.training
        items = queries.timeline(name)
    page = TimelineOut(case=name, spoken=spoken_reference(name), training=training, messages=items)
    lines = [f"case {name} ({spoken_reference(name)})", *_told(items)]
    output.answer(page.model_dump(mode="json"), lines, as_json=asked.as_json, training=training)


@commands.command("standing")
def show_standing(
    context: typer.Context,
    *,
    case: CaseName,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="As this node knew it then.")] = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Show every register of a case with the messages it rests on, the verdicts, and what is contested or missing.

    Example: referral case standing 4K7M2QXP --at 2026-05-03T09:00:00Z
    """
    asked = call(context, node, as_json)
    when = moment(at, "--at")
    from referral.api.shapes import StandingOut  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import named_case, reading  # noqa: PLC0415 - the same

    with reading(asked.folder) as (opened, queries):
        name, training = named_case(queries, case), opened.network.training
        found = StandingOut.of(name, queries.standing(name, when), opened.agency, when or opened.now())
    output.answer(found.model_dump(mode="json"), _standing(found), as_json=asked.as_json, training=training)


@commands.command("open")
def open_case(context: typer.Context, *, key: Key = None, node: NodeDir = None, as_json: AsJson = False) -> None:
    """Make a new case here and print its id, so that consents can name it; nothing is sent.

    Example: referral case open --node be-fp
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands as commands_of  # noqa: PLC0415 - loaded when it is asked for

    with commands_of(asked.folder) as desk:
        found, training = desk.open_case(key or new_key()), desk.training
    lines = [f"case {found['case']} ({found['spoken']})"]
    output.answer(found, lines, as_json=asked.as_json, training=training)


@commands.command("erase")
def erase_case(
    context: typer.Context,
    *,
    case: CaseName,
    ground: Annotated[str, typer.Option(help="On which ground, such as no_longer_needed or legal_obligation.")],
    function: Annotated[str, typer.Option(help="The function of who decides, such as focal-point; never a name.")],
    second: Annotated[str, typer.Option(help="The function of the second person, such as case-manager.")],
    key: Key = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase a whole case here: nothing opens it again, and only leaves, receipts' leaves and proofs stay.

    Partners keep what they hold: withdraw the consent first where they are to erase too.

    Example: referral case erase 4K7M-2QXP --ground no_longer_needed --function focal-point --second case-manager
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands as commands_of  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import case_of  # noqa: PLC0415 - the same

    named = case_of(asked.folder, case)
    value = {"ground": ground, "function": function, "second": second}
    with commands_of(asked.folder) as desk:
        found, training = desk.erase_case(named, value, key or new_key()), desk.training
    lines = [f"case {found['case']} ({found['spoken']}) is erased; only its leaves and proofs stay"]
    output.answer(found, lines, as_json=asked.as_json, training=training)


def _erased(one: ErasedCase) -> str:
    when = output.moment(one.erased_at or one.decided_at)
    return f"{one.case}  {one.spoken}  erased whole {when}: {one.ground}, by {one.function} and {one.second}"


def _row(row: CaseRow) -> tuple[str, ...]:
    due = f"{output.moment(row.due_at)} {row.due_what}" if row.due_at else ""
    return (
        row.case,
        row.spoken,
        row.role,
        row.state,
        row.referral,
        due,
        ", ".join(row.waiting_on),
        row.digest[:SHORT],
    )


def _shown(row: CaseRow, standing: StandingOut) -> Iterator[str]:
    facts: dict[str, Any] = {
        "case": f"{row.case} ({row.spoken})",
        "role here": row.role,
        "opened": output.moment(row.opened_at),
        "changed": output.moment(row.changed_at),
        "case is": row.state,
        "referral is": row.referral,
        "travelling": row.travelling,
        "risk": row.risk,
        "hold": row.hold,
        "members": ", ".join(f"{agency} ({role})" for agency, role in row.members.items()),
        "responsible": row.responsible,
        "due": _due(row.due_at, row.due_what, row.waiting_on),
        "contested": ", ".join(row.contested),
        "missing": str(row.missing) if row.missing else "",
        "may send": ", ".join(standing.next),
        "digest": row.digest,
    }
    yield from (f"{name:12} {value or output.NOTHING}" for name, value in facts.items())


def _due(at: datetime | None, what: str, waiting_on: list[str]) -> str:
    return "" if at is None else f"{output.moment(at)} {what}, waits for {', '.join(waiting_on)}"


def _told(items: Iterable[TimelineItem]) -> Iterator[str]:
    for item in items:
        rule = f" ({item.rule})" if item.rule else ""
        flags = f", flagged {', '.join(item.flags)}" if item.flags else ""
        doubt = "" if item.signature == Verdict.VALID else f", signature {item.signature}"
        yield f"{output.moment(item.sent_at)}  {item.kind}: {item.verdict}{rule}{flags}{doubt}"
        yield f"    from {item.sender} ({item.role}, {item.function}) to {', '.join(item.recipients) or output.NOTHING}"
        yield f"    message {item.message}, {_logging(item.log)}"
        yield from (f"    {_receipt(told)}" for told in item.receipts)
        yield from (f"    {_silence(said)}" for said in item.silences)
        if item.sections:
            yield "    sections " + ", ".join(_section(name, state) for name, state in item.sections.items())


def _logging(word: str) -> str:
    """Say what the log says of a message."""
    words = {
        "witnessed": "witnessed, proof kept",
        "logged": "logged, proof kept",
        "unlogged": "unlogged: no proof for a day",
        "none": "not logged",
    }
    return words.get(word, "no proof yet")


def _section(name: str, state: str) -> str:
    """Say what may be read; of what was erased only the commitment is left."""
    return f"[erased, commitment {name}]" if state == ERASED else f"{name}: {state}"


def _silence(said: Silent) -> str:
    until, warned = output.moment(said.respond_by), output.moment(said.warned_at)
    return f"silence: no decision of {said.silent} by {until}, warned at {warned}, says {said.agency}"


def _receipt(told: Told) -> str:
    words = {"R1": "stored by", "R3": "opened by"}
    late = " late, after it was refused or lost" if told.late else ""
    said = f"{words.get(told.stage, told.stage)} {told.agency} {output.moment(told.at)}{late}"
    return said if not told.reason else f"{said}: {told.reason}"


def _standing(found: StandingOut) -> Iterator[str]:
    yield f"case {found.case}, digest {found.digest}"
    rows = [(name, one.value, ", ".join(tip[:SHORT] for tip in one.tips)) for name, one in found.registers.items()]
    yield from output.table(("REGISTER", "VALUE", "RESTS ON"), rows, "No message has set anything yet.")
    for name in ("contested", "overtaken", "against", "missing"):
        ids = getattr(found, name)
        if ids:
            yield f"{name}: {', '.join(ids)}"
    if found.flags:
        yield "flags: " + "; ".join(f"{name[:SHORT]} {', '.join(flags)}" for name, flags in found.flags.items())
    yield f"may send next: {', '.join(found.next) or output.NOTHING}"
