"""`consent`: what a person allows towards one agency, and no longer allows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Final

import typer

from contracts.encoding import day
from contracts.refusal import FormatRefused
from referral.cli.call import AsJson, CaseOption, Key, Misused, NodeDir, call, new_key
from referral.cli.message import JsonFile, answer_sent, read_json

commands = typer.Typer(no_args_is_help=True, help="What a person allows, towards one agency at a time.")

Agency = Annotated[str, typer.Option(metavar="AGENCY", help="Towards which agency.")]
Person = Annotated[int, typer.Option(min=0, max=99, help="0 the person, 1 and on the dependants by their place.")]
Function = Annotated[str, typer.Option(help="The function of who records it, never a name.")]
OWN: Final = "focal-point"


class GivenBy(StrEnum):
    """Who has spoken."""

    INDIVIDUAL = "individual"
    GUARDIAN = "guardian"
    CAREGIVER = "caregiver"
    OTHER = "other"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.add_typer(commands, name="consent")


@commands.command("give")
def give(
    context: typer.Context,
    *,
    case: CaseOption,
    agency: Agency,
    role: Annotated[str, typer.Option(help="The role that this agency has or will have in the case.")],
    purpose: Annotated[list[str], typer.Option(help="What it may be used for; several times for several.")],
    classes: Annotated[list[str], typer.Option("--class", help="P0 to P4; several times for several.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="The last day on which one may send under it.")],
    file: JsonFile,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="The first day; today if not given.")
    ] = None,
    given_by: Annotated[GivenBy, typer.Option(help="Who has spoken.")] = GivenBy.INDIVIDUAL,
    narrowed: Annotated[
        bool, typer.Option("--narrowed", help="What is left after the person has narrowed it.")
    ] = False,
    person: Person = 0,
    function: Function = OWN,
    key: Key = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Record a consent, given or narrowed; given anew within 72 hours it undoes a withdrawal.

    The file is the section `consent`: the language, whether an interpreter was there, what the person was told.

    Example: referral consent give --case 4K7M2QXP --agency hu-fp --role requested --purpose share_agency
    --purpose travel --class P1 --class P2 --until 2027-03-01 --file consent.json
    """
    asked = call(context, node, as_json)
    value = {
        "agency": agency,
        "role": role,
        "purposes": purpose,
        "classes": classes,
        "valid_from": _day(since, "--from").isoformat(),
        "expires_at": _day(until, "--until").isoformat(),
        "section": read_json(file),
        "person": person,
        "given_by": given_by.value,
        "state": "narrowed" if narrowed else "given",
        "function": function,
    }
    from referral.cli.at_hand import commands as commands_of  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import case_of  # noqa: PLC0415 - the same

    name = case_of(asked.folder, case)
    with commands_of(asked.folder) as desk:
        found = desk.give_consent(name, value, key or new_key())
        later, training = desk.later, desk.training
    answer_sent(found, later, as_json=asked.as_json, training=training)


@commands.command("withdraw")
def withdraw(
    context: typer.Context,
    *,
    case: CaseOption,
    agency: Agency,
    person: Person = 0,
    function: Function = OWN,
    key: Key = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw what was consented to: shut at once everywhere it reached, erased after 72 hours unless given anew.

    Example: referral consent withdraw --case 4K7M2QXP --agency hu-fp
    """
    asked = call(context, node, as_json)
    from referral.cli.at_hand import commands as commands_of  # noqa: PLC0415 - loaded when it is asked for
    from referral.cli.folder import case_of  # noqa: PLC0415 - the same

    name = case_of(asked.folder, case)
    with commands_of(asked.folder) as desk:
        found = desk.withdraw_consent(name, agency, {"person": person, "function": function}, key or new_key())
        later, training = desk.later, desk.training
    answer_sent(found, later, as_json=asked.as_json, training=training)


def _day(text: str | None, option: str) -> date:
    if text is None:
        return datetime.now(UTC).date()
    try:
        return day(text)
    except FormatRefused:
        raise Misused(f"`{option}` takes a day such as 2026-05-03.") from None
