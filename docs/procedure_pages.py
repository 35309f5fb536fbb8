"""Pages that come from the procedure: every kind, every section with its fields, every rule that looks at a message."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import contracts
from contracts.sections import SECTIONS, field_classes
from docs.marks import HEAD, coded, read_toml, table
from referral.casework.rules import RULES, Rule

PROCEDURE: Final = Path(contracts.__file__).parent / "procedures" / "icp.v1.toml"
MANY_CODES: Final = 30

Table = Mapping[str, Any]


def kinds_page() -> str:
    """Return the reference of kinds: for each one who sends it, its act, its rules, its sections."""
    procedure = read_toml(PROCEDURE)
    words = read_toml(PROCEDURE.parent / "titles" / "icp.v1.en.toml")
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
        *table(
            ("kind", "nature", "sent by", "what it says"),
            (
                (f"[`{name}`](#{name})", _nature(kind), coded(kind["from"]), words[name]["says"])
                for name, kind in kinds.items()
            ),
        ),
    ]
    for name in kinds:
        lines += _kind(name, words[name], procedure)
    return "\n".join(lines) + "\n"


def sections_page() -> str:
    """Return the reference of sections: class, contents, and in which kinds and to whom each may travel."""
    procedure = read_toml(PROCEDURE)
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
        lines += table(("field", "class", "values", "required"), _section_fields(name))
        lines += table(
            ("in", "may read", "what must hold for that reader", "required", "owed to"),
            (
                (
                    f"[`{row['kind']}`](kinds.md#{row['kind']})" if row["kind"] != "*" else "every kind",
                    coded(row["readers"]),
                    coded(row.get("needs", [])),
                    _required(row.get("required", False)),
                    coded(row.get("owed", [])),
                )
                for row in rows
            ),
        )
    return "\n".join(lines) + "\n"


def rules_page() -> str:
    """Return the reference of the rules that look at one message before it is sent."""
    lines = [
        HEAD,
        "# Rules",
        "",
        "Rules that look at one message before it is sent, from `services/referral/casework/rules/`.",
        "What a message must find in its own past stands with the [kinds](kinds.md).",
        "Which section may go to whom stands with the [sections](sections.md).",
        "",
        "- **B** blocks a decision; a fact is sent and flagged instead.",
        "- **W** warns: the message is sent with a coded reason, and where it says so with a second function.",
        "- **I** informs.",
        "- **F** flags a fact.",
        "",
        "A rule that is *silent* touches what not every member may know: nothing about it is written into the message.",
        "An *override* is the one reason with which two functions may send a message that the rule blocks.",
        "What was checked goes with every message as `guards` ([decision 9](../adr/0009-one-function-attests.md)).",
        "",
        *table(
            ("rule", "severity", "what it asks", "kinds", "silent", "override"),
            (
                (
                    rule.id,
                    rule.severity.value,
                    rule.sentence,
                    coded(rule.kinds) if "*" not in rule.kinds else "every kind",
                    "yes" if rule.silent else "",
                    f"`{rule.override}`" if rule.override else "",
                )
                for rule in RULES
            ),
        ),
        "## What each rests on",
        "",
        "What a rule needs and this agency does not hold stays unasked: a rule never guesses.",
        "",
    ]
    lines += [line for rule in RULES for line in _rests_on(rule)]
    return "\n".join(lines).rstrip() + "\n"


def _rests_on(rule: Rule) -> list[str]:
    """Return a rule's own words, one sentence on each line."""
    name, _, words = inspect.cleandoc(rule.look.__doc__ or "").partition(": ")
    sentences = re.split(r"(?<=\.)\s+", " ".join(words.split()))
    return [f"- **{name}**: {sentences[0]}", *(f"  {one}" for one in sentences[1:])]


def _kind(name: str, words: Table, procedure: Table) -> list[str]:
    kind: Table = procedure["kind"][name]
    sections: Table = procedure["section"]
    carried = [row for row in procedure["carry"] if row["kind"] in (name, "*")]
    replies = [row for row in procedure["reply"] if row["question"] == name]
    lines = [f"## {name}", "", f"**{words['title']}.** {words['says']}", ""]
    lines += [f"- {_nature(kind)}, sent by {coded(kind['from'])}"]
    if kind.get("opening"):
        lines += ["- may open a case"]
    lines += [f"- {_reply(reply)}" for reply in replies]
    if "ask" in kind:
        lines += ["- answer usually due: " + ", ".join(f"{how} {when}" for how, when in kind["ask"].items())]
    lines += ["", "### Act", ""]
    lines += table(("field", "values", "required"), _fields(kind.get("act", {})))
    lines += ["### Rules", ""]
    lines += table(("when", "what must hold", "what it sets"), (_variant(when) for when in kind.get("when", [])))
    lines += ["### Sections", ""]
    lines += table(
        ("section", "class", "may read", "what must hold for that reader", "required", "owed to"),
        (
            (
                f"[`{row['section']}`](sections.md#{row['section']})"
                if row["section"] != "*"
                else "as the one corrected",
                sections.get(row["section"], {}).get("class", ""),
                coded(row["readers"]),
                coded(row.get("needs", [])),
                _required(row.get("required", False)),
                coded(row.get("owed", [])),
            )
            for row in carried
        ),
    )
    return lines


def _reply(reply: Table) -> str:
    asked = [f"where `{name}` is {coded(codes)}, " for name, codes in reply.get("asked", {}).items()]
    answer = [f" with `{name}` {coded(codes)}" for name, codes in reply.get("act", {}).items()]
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
        return many + coded(field["codes"])
    text = str(field["type"])
    if "min" in field or "max" in field:
        text += f" from {field.get('min', '')} to {field.get('max', '')}".replace("  ", " ").removesuffix(" to ")
    if "or" in field:
        text += f", or {coded(field['or'])}"
    return ("list of " if field.get("many") else "") + text


def _demanded(field: Table) -> str:
    if field.get("required"):
        return "yes"
    return " and ".join(f"with `{name}` {coded(codes)}" for name, codes in field.get("with", {}).items()) or "no"


def _variant(when: Table) -> tuple[str, str, str]:
    matches = [f"`{name}` is {coded(codes)}" for name, codes in when.get("act", {}).items()]
    matches += [f"`{name}` stands at {coded(codes)}" for name, codes in when.get("given", {}).items()]
    matches += ["it opens the case"] if when.get("root") else []
    matches += ["it speaks for another agency"] if when.get("other") else []
    holds = [f"`{name}`: {coded(codes)}" for name, codes in when.get("requires", {}).items()]
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
