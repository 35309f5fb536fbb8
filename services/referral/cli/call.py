"""How every command is called: `--node DIR` and `--json`, before or after the command's name, and times as people type.

What is typed wrongly is `Misused`: exit code 2 and one sentence that repeats nothing of it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from contracts.encoding import instant
from contracts.refusal import FormatRefused

USED_WRONGLY: Final = 2

NodeDir = Annotated[
    Path | None,
    typer.Option(
        "--node",
        metavar="DIR",
        envvar="REFERRAL_NODE",
        show_envvar=False,
        help="The node's folder [$REFERRAL_NODE, .].",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
CaseOption = Annotated[str, typer.Option("--case", metavar="CASE", help="The case's id, or its spoken reference.")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="Name of this request: a retry under it is no second message."),
]


class Misused(Exception):  # noqa: N818 - it says what the caller did
    """The command was called wrongly."""

    def __init__(self, sentence: str) -> None:
        """Say what to do, and repeat nothing of what was typed."""
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(slots=True)
class Asked:
    """What was asked for before the command's name."""

    node: Path | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the node's folder, and how to answer."""

    folder: Path
    as_json: bool


def call(context: typer.Context, node: Path | None, as_json: bool) -> Call:
    """Return how this command was called; what stands behind its name goes before what stands in front."""
    asked = context.find_root().obj
    asked.as_json = asked.as_json or as_json
    return Call(node or asked.node or Path(), asked.as_json)


def moment(text: str | None, option: str) -> datetime | None:
    """Return a time given as 2026-05-03T09:00:00Z or 2026-05-03 (its first second, UTC), or None."""
    if text is None:
        return None
    try:
        return instant(text if "T" in text else f"{text}T00:00:00Z").astimezone(UTC)
    except FormatRefused:
        raise Misused(f"`{option}` takes a time such as 2026-05-03T09:00:00Z.") from None


def new_key() -> str:
    """Return a name for one request, drawn anew: without `--key` every call is a request of its own."""
    return f"cli-{secrets.token_urlsafe(16)}"
