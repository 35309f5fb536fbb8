"""Write the references that have a source: kinds, sections, refusals, the command line, the API; never from a hand.

Run `python docs/generate.py` to write them, `python docs/generate.py --check` to learn whether they are up to date
(exit 1 names the page that is not).
"""

from __future__ import annotations

import ast
import json
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

import contracts
import notary
import referral
from contracts.sections import SECTIONS, field_classes
from referral.api.described import openapi_text
from referral.cli.run import app

DOCS = Path(__file__).parent
PROCEDURE = Path(contracts.__file__).parent / "procedures" / "icp.v1.toml"
HEAD = "<!-- Written by docs/generate.py; change the source named below, then run `make docs`. -->\n"

MANY_CODES = 30
WIDTH = 100  # columns of a help text in the reference, whatever terminal it is written from
ROOMS = {
    "What crosses the boundary": Path(contracts.__file__).parent,
    "A node": Path(referral.__file__).parent,
    "The notary": Path(notary.__file__).parent,
}

Table = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Write every page, or with `--check` compare; return 0, or 1 where a page is out of date."""
    stale = 0
    for path, page in PAGES.items():
        text = page()
        if "--check" in arguments:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"{path.relative_to(DOCS.parent)} is out of date: run make docs", file=sys.stderr)
                stale = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")
    return stale


def kinds_page() -> str:
    """Return the reference of kinds: for each one who sends it, its act, its rules, its sections."""
    procedure = _read(PROCEDURE)
    words = _read(DOCS / "kinds.toml")
    kinds: Table = procedure["kind"]
    lines = [
        HEAD,
        "# Kinds of message",
        "",
        f"Every kind of the procedure `{procedure['procedure']}`, from `contracts/procedures/icp.v1.toml`.",
        "A **decision** is guarded: where its rule does not hold it is stored and shown, and has no effect.",
        "A **fact** always counts: where a rule does not hold it is flagged.",
        "On the wire a kind carries its version: `arrival-confirmation.v1`.",
        "",
        *_table(
            ("kind", "nature", "sent by", "what it says"),
            (
                (f"[`{name}`](#{name})", _nature(kind), _codes(kind["from"]), words[name]["says"])
                for name, kind in kinds.items()
            ),
        ),
    ]
    for name in kinds:
        lines += _kind(name, words[name], procedure)
    return "\n".join(lines) + "\n"


def sections_page() -> str:
    """Return the reference of sections: class, contents, and in which kinds and to whom each may travel."""
    procedure = _read(PROCEDURE)
    lines = [
        HEAD,
        "# Sections",
        "",
        "A section is a part of a message's body with its own readers, from `contracts/procedures/icp.v1.toml`.",
        "Its class says what its content can do in wrong hands.",
        "P1 is pseudonymous, P2 identifies, P3 is highly sensitive, P4 endangers a life.",
        "What is not in this table does not travel.",
        "",
    ]
    for name, section in procedure["section"].items():
        rows = [row for row in procedure["carry"] if row["section"] in (name, "*")]
        lines += [f"## {name}", "", f"Class {section['class']}.", f"Holds: {section['holds']}.", ""]
        lines += _table(("field", "class", "values", "required"), _section_fields(name))
        lines += _table(
            ("in", "may read", "what must hold for that reader", "required", "owed to"),
            (
                (
                    f"[`{row['kind']}`](kinds.md#{row['kind']})" if row["kind"] != "*" else "every kind",
                    _codes(row["readers"]),
                    _codes(row.get("needs", [])),
                    _required(row.get("required", False)),
                    _codes(row.get("owed", [])),
                )
                for row in rows
            ),
        )
    return "\n".join(lines) + "\n"


def refusals_page() -> str:
    """Return the reference of refusals: every class that derives from `Refusal`, by its code."""
    lines = [
        HEAD,
        "# Refusals",
        "",
        "Every refusal has a stable code: API and command line answer with it, and a journey can expect it.",
        "The sentence says what to do; it never repeats what was read.",
        "",
    ]
    for title, folder in ROOMS.items():
        rows = sorted(set(_refusals(folder)))
        if rows:
            lines += [f"## {title}", "", *_table(("code", "says"), ((f"`{code}`", says) for code, says in rows))]
    return "\n".join(lines) + "\n"


def command_line_page() -> str:
    """Return the reference of the command line: what each command says with `--help`."""
    root = typer.main.get_command(app)
    lines = [
        HEAD,
        "# Command line",
        "",
        "`referral` is the node's command line; what follows is what each command says with `--help`.",
        "",
        "A node is named by its folder: `--node DIR`, else `$REFERRAL_NODE`, else the folder one stands in.",
        "A case is named by its id or by its spoken reference.",
        "",
        "## Exit codes",
        "",
        *_table(
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


def _refusals(folder: Path) -> Iterable[tuple[str, str]]:
    """Yield code and first sentence of the refusals that are written in a folder, read from the source."""
    classes = {
        node.name: node
        for path in sorted(folder.rglob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    for node in classes.values():
        code = _code(node)
        if code and _is_refusal(node, classes):
            yield code, (ast.get_docstring(node) or "").partition("\n")[0]


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


def _kind(name: str, words: Table, procedure: Table) -> list[str]:
    kind: Table = procedure["kind"][name]
    sections: Table = procedure["section"]
    carried = [row for row in procedure["carry"] if row["kind"] in (name, "*")]
    replies = [row for row in procedure["reply"] if row["question"] == name]
    lines = [f"## {name}", "", f"**{words['title']}.** {words['says']}", ""]
    lines += [f"- {_nature(kind)}, sent by {_codes(kind['from'])}"]
    if kind.get("opening"):
        lines += ["- may open a case"]
    lines += [f"- {_reply(reply)}" for reply in replies]
    if "ask" in kind:
        lines += ["- answer usually due: " + ", ".join(f"{how} {when}" for how, when in kind["ask"].items())]
    lines += ["", "### Act", ""]
    lines += _table(("field", "values", "required"), _fields(kind.get("act", {})))
    lines += ["### Rules", ""]
    lines += _table(("when", "what must hold", "what it sets"), (_variant(when) for when in kind.get("when", [])))
    lines += ["### Sections", ""]
    lines += _table(
        ("section", "class", "may read", "what must hold for that reader", "required", "owed to"),
        (
            (
                f"[`{row['section']}`](sections.md#{row['section']})"
                if row["section"] != "*"
                else "as the one corrected",
                sections.get(row["section"], {}).get("class", ""),
                _codes(row["readers"]),
                _codes(row.get("needs", [])),
                _required(row.get("required", False)),
                _codes(row.get("owed", [])),
            )
            for row in carried
        ),
    )
    return lines


def _reply(reply: Table) -> str:
    asked = [f"where `{name}` is {_codes(codes)}, " for name, codes in reply.get("asked", {}).items()]
    answer = [f" with `{name}` {_codes(codes)}" for name, codes in reply.get("act", {}).items()]
    return f"{''.join(asked)}answered by [`{reply['kind']}`](#{reply['kind']}){''.join(answer)}"


def _section_fields(section: str) -> Iterable[tuple[str, str, str, str]]:
    """Yield path, class, values and whether it is required, of every field of a section's model."""
    model = SECTIONS[section]
    schema = model.model_json_schema()
    for path, label in field_classes(model).items():
        node, required = schema, False
        for step in path.replace("[]", "").split("."):
            owner = _part(node, schema)
            node, required = owner["properties"][step], step in owner.get("required", [])
        yield f"`{path}`", label.value, _described(node, schema), "yes" if required else "no"


def _part(node: Table, schema: Table) -> Table:
    """Return the object that a node of a JSON Schema is, holds or lists."""
    if "$ref" in node:
        return _part(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    if "items" in node:
        return _part(node["items"], schema)
    inner = [option for option in node.get("anyOf", node.get("allOf", [])) if option.get("type") != "null"]
    return _part(inner[0], schema) if inner else node


def _described(node: Table, schema: Table) -> str:
    """Say in a few words what a node of a JSON Schema accepts."""
    if "$ref" in node:
        return _described(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    options = [option for option in node.get("anyOf", node.get("allOf", [])) if option.get("type") != "null"]
    if options:
        return " or ".join(_described(option, schema) for option in options)
    if "enum" in node:
        many = len(node["enum"]) > MANY_CODES
        return (
            f"one of {len(node['enum'])} codes"
            if many
            else ", ".join(f"`{json.dumps(code).strip(chr(34))}`" for code in node["enum"])
        )
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "items" in node:
        return f"list of {_described(node['items'], schema)}"
    if "properties" in node:
        return "the fields below"
    return str(node.get("format", node.get("type", "any")))


def _fields(act: Table) -> Iterable[tuple[str, str, str]]:
    for name, field in act.items():
        if "row" in field:
            inner = "; ".join(f"`{part}`: {_values(rule)}" for part, rule in field["row"].items())
            yield f"`{name}`", f"a list of {inner}", _demanded(field)
        else:
            yield f"`{name}`", _values(field), _demanded(field)


def _values(field: Table) -> str:
    many = "any of " if field.get("many") else ""
    if "codes" in field:
        return many + _codes(field["codes"])
    text = str(field["type"])
    if "min" in field or "max" in field:
        text += f" from {field.get('min', '')} to {field.get('max', '')}".replace("  ", " ").removesuffix(" to ")
    if "or" in field:
        text += f", or {_codes(field['or'])}"
    return ("list of " if field.get("many") else "") + text


def _demanded(field: Table) -> str:
    if field.get("required"):
        return "yes"
    return " and ".join(f"with `{name}` {_codes(codes)}" for name, codes in field.get("with", {}).items()) or "no"


def _variant(when: Table) -> tuple[str, str, str]:
    matches = [f"`{name}` is {_codes(codes)}" for name, codes in when.get("act", {}).items()]
    matches += [f"`{name}` stands at {_codes(codes)}" for name, codes in when.get("given", {}).items()]
    matches += ["it opens the case"] if when.get("root") else []
    matches += ["it speaks for another agency"] if when.get("other") else []
    holds = [f"`{name}`: {_codes(codes)}" for name, codes in when.get("requires", {}).items()]
    holds += ["two functions"] if when.get("two") else []
    holds += [f"`{limit}` still fresh" for limit in when.get("fresh", [])]
    holds += ["both sides have approved"] if "sides" in when else []
    holds += ["the owner of the voice is gone or silent"] if "orphan" in when else []
    holds += ["the responsible agency is silent"] if when.get("silent") else []
    holds += ["the register is in contest"] if when.get("contest") else []
    sets = [f"`{name}` = `{value}`" for name, value in when.get("sets", {}).items()]
    sets += [f"unflagged: `{name}` = `{value}`" for name, value in when.get("sets_unflagged", {}).items()]
    sets += [f"flagged: `{name}` = `{value}`" for name, value in when.get("sets_flagged", {}).items()]
    return "; ".join(matches) or "otherwise", "; ".join(holds) or "nothing more", "; ".join(sets) or "nothing"


def _required(value: bool | Table) -> str:
    if isinstance(value, Mapping):
        return f"with {value['when']}"
    return "yes" if value else "no"


def _nature(kind: Table) -> str:
    return f"{kind['nature']}, side" if kind.get("side") else str(kind["nature"])


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    if not body:
        return ["None.", ""]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body, ""]


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


PAGES: Mapping[Path, Callable[[], str]] = {
    DOCS / "reference" / "kinds.md": kinds_page,
    DOCS / "reference" / "sections.md": sections_page,
    DOCS / "reference" / "refusals.md": refusals_page,
    DOCS / "reference" / "command-line.md": command_line_page,
    DOCS.parent / "contracts" / "schema" / "openapi.json": openapi_text,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
