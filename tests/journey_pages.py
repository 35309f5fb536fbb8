"""The journey that the reference page shows, which every reader of it can play."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "journeys.md"
JOURNEYS = sorted((Path(__file__).parents[1] / "docs" / "journeys").glob("*.toml"))


def example() -> str:
    """Return the journey of the page."""
    found = re.search(r"^```toml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def changed(old: str, new: str) -> bytes:
    """Return the journey of the page with one place changed."""
    text = example()
    assert old in text, old
    return text.replace(old, new, 1).encode()
