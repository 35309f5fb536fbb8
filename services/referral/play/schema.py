"""The JSON Schema of a journey file, written from the models: `python -m referral.play.schema` prints it.

It says what one place of the file may hold. That labels, agencies and kinds exist is beyond a schema: `referral play`
tells those, as it tells everything, with the number of the step.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from referral.play.journey import Journey

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
NAME: Final = "urn:landfall:journey:1"


def journey_schema() -> str:
    """Return the text of `contracts/schema/journey.v1.json`."""
    described = _without_null(Journey.model_json_schema(by_alias=True, mode="validation"))
    return json.dumps({"$schema": DIALECT, "$id": NAME} | described, indent=2, ensure_ascii=False) + "\n"


def _without_null(node: Any) -> Any:
    """TOML knows no null: what may be left out is left out."""
    if isinstance(node, list):
        return [_without_null(one) for one in node]
    if not isinstance(node, dict):
        return node
    options = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
    if "anyOf" in node and len(options) < len(node["anyOf"]):
        rest = {key: one for key, one in node.items() if key not in {"anyOf", "default"}}
        node = rest | (options[0] if len(options) == 1 else {"anyOf": options})
    return {key: _without_null(one) for key, one in node.items() if key != "title" or isinstance(one, dict)}


if __name__ == "__main__":
    sys.stdout.write(journey_schema())
