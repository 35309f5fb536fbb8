"""Asks the Library of Congress's bagit whether bags are valid, also with one byte changed; runs in bagit's own venv.

Requests come as JSON, one a line: a bag's folder and, if one byte is to be changed meanwhile, the file, where, and by
what it is XORed. Each is answered with one line, {"holds": true} or {"holds": false, "why": …}.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import bagit


def valid(folder: str) -> dict[str, Any]:
    """Return what bagit says of a bag."""
    try:
        bagit.Bag(folder).validate()
    except (bagit.BagError, OSError, ValueError) as refused:
        return {"holds": False, "why": str(refused)}
    return {"holds": True}


def judged(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what bagit says of a bag in which one byte is another one, which is put back afterwards."""
    if "file" not in asked:
        return valid(asked["bag"])
    path = Path(asked["bag"], asked["file"])
    sound = path.read_bytes()
    broken = bytearray(sound)
    broken[asked["at"]] ^= asked["xor"]
    path.write_bytes(broken)
    try:
        return valid(asked["bag"])
    finally:
        path.write_bytes(sound)


logging.disable()
for line in sys.stdin:
    sys.stdout.write(json.dumps(judged(json.loads(line))) + "\n")
