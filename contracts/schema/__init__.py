"""JSON Schema of every section body, written from the models: what may be composed, with each field's class.

`python -m contracts.schema` writes the files of this folder; a test asserts that they are what the models say.
A reader keeps fields that it does not know (standing.md 1); these schemas forbid them, as composing does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from contracts.sections import SECTIONS, section_class

FOLDER: Final = Path(__file__).parent
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """Return the text of each file by its path in this folder."""
    return {f"sections/{name}.json": _section(name) for name in SECTIONS}


def _section(name: str) -> str:
    described = SECTIONS[name].model_json_schema(by_alias=True, mode="validation")
    head = {"$schema": DIALECT, "$id": f"urn:landfall:section:{name}", "x-class": section_class(name).value}
    return json.dumps(head | described, indent=2, ensure_ascii=False) + "\n"
