"""Runs one command and turns however it ends into an exit code: no traceback, no word of what was read or typed."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.exceptions import TyperException

from contracts.refusal import Refusal
from referral.cli.alarm import add_to as add_alarms
from referral.cli.audit import add_to as add_audit
from referral.cli.backup import add_to as add_backups
from referral.cli.broker import add_to as add_brokers
from referral.cli.call import USED_WRONGLY, AsJson, Asked, Misused, NodeDir
from referral.cli.case import add_to as add_cases
from referral.cli.consent import add_to as add_consents
from referral.cli.declaring import add_to as add_declaring
from referral.cli.join import add_to as add_joining
from referral.cli.keys import add_to as add_keys
from referral.cli.log import add_to as add_log
from referral.cli.message import add_to as add_messages
from referral.cli.node import add_to as add_node
from referral.cli.output import FAILED, plain
from referral.cli.play import add_to as add_plays
from referral.cli.recovery import add_to as add_recovery
from referral.cli.running import NodeRefused
from referral.errors import DiskRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

HYPHENED: Final = re.compile(r"-[A-Za-z0-9_-]{21}")
TAKES_AN_ID: Final = ("--case", "--message", "--key")
STOPPED: Final = 130  # what a shell gives a program that was interrupted

app = typer.Typer(
    name="referral",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    suggest_commands=False,
    help=(
        "Landfall carries the referral of a trafficked person between countries. This is one agency's node.\n\n"
        "Begin with: referral demo\n\n"
        "Exit codes: 0 done, 1 refused or a check failed, 2 called wrongly."
    ),
)
for _add in (
    add_node,
    add_joining,
    add_keys,
    add_brokers,
    add_declaring,
    add_cases,
    add_messages,
    add_consents,
    add_alarms,
    add_log,
    add_audit,
    add_backups,
    add_recovery,
    add_plays,
):
    _add(app)


def _version(asked: bool) -> None:
    if asked:
        from referral import __version__  # noqa: PLC0415 - asked for seldom

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    folder: NodeDir = None,
    *,
    as_json: AsJson = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the release and end.")
    ] = False,
) -> None:
    """Keep what stands in front of the command's name."""
    context.obj.node, context.obj.as_json = folder, as_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = _hyphened(list(sys.argv[1:] if arguments is None else arguments))
    asked = Asked()
    try:
        return int(app(given, prog_name="referral", standalone_mode=False, obj=asked) or 0)
    except TyperException as error:
        # The line could not be taken apart, so nothing has said yet how to answer.
        asked.as_json = asked.as_json or "--json" in given
        return _misused(_usage(error), asked)
    except Misused as error:
        return _misused(error.sentence, asked)
    except NodeRefused as error:
        return _refused(error.code, error.sentence, error.rule, asked)
    except Refusal as error:
        return _refused(error.code, str(error), str(getattr(error, "rule", "")), asked)
    except (KeyboardInterrupt, typer.Abort):
        return STOPPED
    except BrokenPipeError:
        # Whoever read our answer has gone. Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        why = DiskRefused(os.strerror(error.errno) + "." if error.errno else "")  # never its file's name
        return _refused(why.code, str(why), "", asked)
    except Exception as error:  # noqa: BLE001 - whatever it is, a person reads a sentence and no traceback
        sentence = f"Something went wrong that nobody foresaw ({type(error).__name__}); `referral doctor` may say what."
        return _refused("internal", sentence, "", asked)


def _hyphened(given: list[str]) -> list[str]:
    """Let no case id pass for an option: one in 64 begins with a hyphen, and goes last, behind `--`.

    `disclose` has several ids in an order that counts, and sees to it by itself.
    """
    cases = [
        place
        for place, text in enumerate(given)
        if HYPHENED.fullmatch(text) and (not place or given[place - 1] not in TAKES_AN_ID)
    ]
    if not cases or "--" in given or "disclose" in given:
        return given
    return [*(text for place, text in enumerate(given) if place not in cases), "--", *(given[one] for one in cases)]


def _refused(code: str, sentence: str, rule: str, asked: Asked) -> int:
    found: dict[str, Any] = {"error": code, "detail": sentence, **({"rule": rule} if rule else {})}
    if asked.as_json:
        typer.echo(json.dumps(found))
    typer.echo(f"referral: {plain(sentence)} [{code}]", err=True)
    return FAILED


def _misused(sentence: str, asked: Asked) -> int:
    if asked.as_json:
        typer.echo(json.dumps({"error": "usage", "detail": sentence}))
    typer.echo(f"referral: {sentence}", err=True)
    return USED_WRONGLY


def _usage(error: TyperException) -> str:
    """Say what is wrong with a command line by the names that it has, never by what was typed."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "referral"
    kind = type(error).__name__
    parameter = getattr(error, "param", None)
    if kind == "NoArgsIsHelpError":
        return f"Name a command; `{path} --help` lists them."
    if parameter is not None:
        wrong = "is missing" if kind == "MissingParameter" else "is not in its form"
        return f"{_name(parameter)} {wrong}; see `{path} --help`."
    if kind == "NoSuchOption":
        near = ", ".join(f"`{one}`" for one in getattr(error, "possibilities", None) or ())
        return f"There is no such option{f' (but {near})' if near else ''}; see `{path} --help`."
    return f"The command line is not right; see `{path} --help`."


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "option":
        return f"`{parameter.opts[0]}`"
    return f"{(parameter.metavar or parameter.name or '').upper()}"
