"""`init`, `up`, `doctor`: make a node, run it, ask what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def add_to(app: typer.Typer) -> None:
    """Add the commands of this room."""
    for command in ():
        app.command()(command)
