"""Pages that come from the code: refusals with their codes, limits with their constants, the command line, the API."""

from __future__ import annotations

import ast
import importlib
import json
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

import contracts
import notary
import referral
from docs.marks import DOCS, HEAD, coded, read_toml, table
from notary.api import problems as notary_problems
from notary.cli import app as notary_app
from referral.api import problems
from referral.api.described import openapi_text
from referral.cli.run import app

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH: Final = 100  # columns of a help text in the reference, whatever terminal it is written from
ROOMS: Final = {"contracts": contracts, "referral": referral, "notary": notary}
FOR_ALL: Final = 422  # what an API answers to a refusal that its table does not name
UNITS: Final = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))
WITHOUT_A_CLASS: Final = {
    "http": ("api/problems.py", "The API has nothing at this address, or the address does not take that method."),
    "internal": ("api/problems.py", "Nobody foresaw this; the node's log has the name of the error, not its text."),
    "usage": ("cli/run.py", "The command line was wrong; `--help` says how it is called. The exit code is 2."),
}


def refusals_page() -> str:
    """Return the reference of refusals: every code with its sentences, where it is raised, and its HTTP status."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, package in ROOMS.items():
        for place, code, says in _refusals(Path(str(package.__file__)).parent):
            found[code].add((f"{name}/{place}", says))
    for code, (place, says) in WITHOUT_A_CLASS.items():
        found[code].add((f"referral/{place}", says))
    lines = [
        HEAD,
        "# Refusals",
        "",
        "Every refusal has a stable code: API and command line answer with it, and a journey can expect it.",
        "The sentence says what to do; it never repeats what was read.",
        "Where a refusal leaves through an API, its status is the one named.",
        f"The `type` of a problem is `{problems.DOCS}/CODE`; its page is the heading of that code below.",
        "How the base is set stands under [errors](errors.md#type).",
        "",
    ]
    for code in sorted(found):
        status = _status(code, {place.partition("/")[0] for place, _ in found[code]})
        lines += [f"## {code}", ""]
        lines += [f"- {says} (`{place}`)" for place, says in sorted(found[code])]
        lines += [f"- HTTP {status}." if status else "- Not an answer of the API.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _status(code: str, rooms: Iterable[str]) -> str:
    """Return the status that the APIs of these rooms answer a code with; none where it never leaves as a problem."""
    if code in {"http", "usage"}:
        return "404 or 405" if code == "http" else ""
    if code == "internal":
        return "500"
    of_node, of_notary = problems.STATUS.get(code, FOR_ALL), notary_problems.STATUS.get(code, notary_problems.MALFORMED)
    answers = {"contracts": {of_node, of_notary}, "referral": {of_node}, "notary": {of_notary}}
    found = set[int]().union(*(answers[room] for room in rooms))
    if "contracts" in rooms and of_node != of_notary:
        return f"{of_node} of a node, {of_notary} of the notary"
    return " or ".join(str(one) for one in sorted(found))


def _refusals(folder: Path) -> Iterable[tuple[str, str, str]]:
    """Yield file, code and first sentence of the refusals that are written in a folder, read from the source."""
    found = [
        (path, node)
        for path in sorted(folder.rglob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    classes = {node.name: node for _, node in found}
    for path, node in found:
        code = _code(node)
        if code and _is_refusal(node, classes):
            says = (ast.get_docstring(node) or "").partition("\n")[0]
            yield path.relative_to(folder).as_posix(), code, says


def _is_refusal(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> bool:
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    known = {"Refusal", "FormatRefused"}
    return any(base in known or (base in classes and _is_refusal(classes[base], classes)) for base in bases)


def _code(node: ast.ClassDef) -> str | None:
    for line in node.body:
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "code" for target in targets):
            value = getattr(line, "value", None)
            return str(value.value) if isinstance(value, ast.Constant) else None
    return None


def limits_page() -> str:
    """Return the reference of limits: each with the constant that holds it and what happens beyond it."""
    listed = read_toml(DOCS / "limits.toml")
    lines = [
        HEAD,
        "# Limits",
        "",
        "Each value is read from the constant that is named beside it.",
        "",
    ]
    for title, rows in listed.items():
        lines += [f"## {title}", ""]
        lines += table(
            ("what", "limit", "beyond it", "constant"),
            ((row["what"], _limit(row), row["beyond"], f"`{row['in']}.{row['name']}`") for row in rows),
        )
    return "\n".join(lines).rstrip() + "\n"


def _limit(row: Mapping[str, str]) -> str:
    value = getattr(importlib.import_module(row["in"]), row["name"])
    unit = row.get("unit", "")
    if isinstance(value, timedelta):
        return f"{value / timedelta(hours=1):g} hours" if unit == "hours" else _span(value)
    if isinstance(value, (tuple, list)):
        return (
            ", ".join(_span(one) if isinstance(one, timedelta) else f"{one:,}" for one in value) + f" {unit}".rstrip()
        )
    return f"{value:,} {unit}".rstrip()


def _span(value: timedelta) -> str:
    for size, name in UNITS:
        if value % size == timedelta(0):
            count = value // size
            return f"{count} {name}{'s' if count != 1 else ''}"
    return f"{value.total_seconds():g} seconds"


def api_page() -> str:
    """Return the reference of the API: every operation with what it asks for and answers, from its description."""
    described = json.loads(openapi_text())
    lines = [
        HEAD,
        "# API",
        "",
        "What `referral up` serves, from `contracts/schema/openapi.json` (OpenAPI 3.1).",
        "A node serves the same document at `/v1/openapi.json`.",
        "",
        "- Every request but those under *health* carries `Authorization: Bearer …` with the token of `referral init`.",
        "- Every POST carries an `Idempotency-Key`: a retry under it gets the same answer and is no second message.",
        "- Every answer that is no success is a [problem](errors.md#http), and repeats nothing of the request.",
        "- Addresses hold ids only; times are RFC 3339 in UTC.",
        "",
    ]
    for tag in described["tags"]:
        rows = [
            (f"`{method.upper()} {path}`", operation["summary"], _asked(operation), _answers(operation))
            for path, operations in described["paths"].items()
            for method, operation in operations.items()
            if tag["name"] in operation["tags"]
        ]
        lines += [f"## {tag['name']}", "", tag["description"], ""]
        lines += table(("operation", "what it does", "asks for", "answers"), rows)
    lines += [
        "## problem",
        "",
        *described["components"]["schemas"]["Problem"]["description"].replace(". ", ".\n").splitlines(),
        "",
    ]
    fields = described["components"]["schemas"]["Problem"]["properties"]
    lines += table(("field", "what"), ((f"`{name}`", one["description"]) for name, one in fields.items()))
    return "\n".join(lines).rstrip() + "\n"


def _asked(operation: Mapping[str, Any]) -> str:
    asked = [one["name"] for one in operation.get("parameters", ()) if one["in"] != "path"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    model = body.get("$ref", "").rsplit("/", 1)[-1]
    return coded(asked) + (f"{', ' if asked else ''}body `{model}`" if model else "")


def _answers(operation: Mapping[str, Any]) -> str:
    return ", ".join(sorted(operation["responses"]))


def command_line_page() -> str:
    """Return the reference of the command line: what each command says with `--help`."""
    root = typer.main.get_command(app)
    lines = [
        HEAD,
        "# Command line",
        "",
        "`referral` is the node's command line, `notary` the log's; here stands what each command says with `--help`.",
        "",
        "A node is named by its folder: `--node DIR`, else `$REFERRAL_NODE`, else the folder one stands in.",
        "A case is named by its id or by its spoken reference.",
        "",
        "## Exit codes",
        "",
        *table(
            ("code", "meaning"),
            (
                ("0", "done, and everything that was checked holds"),
                ("1", "refused, or a check failed: one sentence on standard error says what to do, with the code"),
                ("2", "the command line was wrong, or a journey file is none"),
            ),
        ),
        "## Output",
        "",
        "Answers go to standard output, with `--json` as one JSON document.",
        "A refusal is such a document too, with `error`, `detail` and, where a rule refused, `rule`.",
        "Complaints go to standard error, progress too and only where that is a terminal; `NO_COLOR` is honoured.",
        "What belongs to a training network begins with TRAINING, in JSON with `training`.",
        "No output holds personal data unless the command was asked for a section.",
        "",
        "## While the node runs",
        "",
        "Commands that only look read the store beside `referral up`.",
        "Commands that write go through its API, found by `up.json` and `token` in the node's folder.",
        "When nobody runs the node they write to the store themselves, and what they send waits for `referral up`.",
        "",
    ]
    for path, command in sorted(_commands(root, ("referral",))):
        lines += [f"## {' '.join(path)}", "", "```text", _help(command, path), "```", ""]
    for path, command in sorted(_commands(typer.main.get_command(notary_app), ("notary",))):
        lines += [f"## {' '.join(path)}", "", "```text", _help(command, path), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Any]]:
    """Yield every command behind a name, with the names that lead to it; of a group its commands."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    else:
        for name, one in inner.items():
            yield from _commands(one, (*path, name))


def _help(command: Any, path: Sequence[str]) -> str:
    context = typer.Context(command, info_name=" ".join(path), terminal_width=WIDTH, max_content_width=WIDTH)
    shown = command.get_help(context)
    return "\n".join(line.rstrip() for line in shown.splitlines())
