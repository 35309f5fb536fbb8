"""`declare`: what the agency says of itself, changed: its working calendar, its 24 h telephone, what it can do."""

from __future__ import annotations

from typing import Annotated

import typer

from referral.cli.call import AsJson, Misused, NodeDir, call


def add_to(app: typer.Typer) -> None:
    """Add the command of this room."""
    app.command()(declare)


def declare(
    context: typer.Context,
    *,
    phone_24h: Annotated[str | None, typer.Option("--phone-24h", help="Answered day and night (E.164).")] = None,
    closed_on: Annotated[list[int] | None, typer.Option(help="A weekday off, 1 Monday to 7: all of them.")] = None,
    closed_day: Annotated[list[str] | None, typer.Option(metavar="DAY", help="A further day off, 2026-12-24.")] = None,
    zone: Annotated[str | None, typer.Option(help="Its time zone, such as Europe/Brussels.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role it can take: all of them.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="A language it works in (ISO 639): all of them.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="A service it gives: all of them.")] = None,
    place: Annotated[list[str] | None, typer.Option(help="A place of arrival where it can meet: all of them.")] = None,
    node: NodeDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what partners read about this agency; what is not given stays as it is, further days off are added.

    The running node publishes it in the log.

    Example: referral declare --node ro-ngo --phone-24h +40264550199 --closed-day 2026-12-24
    """
    asked = call(context, node, as_json)
    from zoneinfo import available_timezones  # noqa: PLC0415 - loaded when it is asked for

    from contracts.encoding import day  # noqa: PLC0415 - loaded when it is asked for
    from contracts.refusal import FormatRefused  # noqa: PLC0415 - the same
    from referral.cli import output  # noqa: PLC0415 - the same
    from referral.cli.folder import reading  # noqa: PLC0415 - the same
    from referral.stating import Stating, redeclared  # noqa: PLC0415 - the same

    if zone is not None and zone not in available_timezones():
        raise Misused("`--zone` takes a name of the tz database, such as Europe/Brussels.")
    try:
        days = tuple(day(text) for text in closed_day or ())
    except FormatRefused:
        raise Misused("`--closed-day` takes a day such as 2026-12-24.") from None
    given = {"roles": role, "languages": language, "services": service, "places": place}
    changes = {name: tuple(words) for name, words in given.items() if words}
    with reading(asked.folder) as (held, _queries):
        body = redeclared(
            held.me.capabilities, changes, phone_24h=phone_24h, weekend=tuple(closed_on or ()), days=days, zone=zone
        )
        entry = Stating(held.own, held.network.name, held.agency, held.vault).declare(held.directory, body, held.now())
        training = held.network.training
    lines = [f"capabilities {entry.id}", "It is published by the running node."]
    output.answer({"statement": entry.id, "type": "capabilities"}, lines, as_json=asked.as_json, training=training)
