"""Write the references that have a source: kinds, rules, refusals, limits, the command line, the API; never by hand.

Run `python docs/generate.py` to write them, `python docs/generate.py --check` to learn whether they are up to date
(exit 1 names the page that is not).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from docs.code_pages import api_page, command_line_page, limits_page, refusals_page
from docs.marks import DOCS
from docs.procedure_pages import kinds_page, rules_page, sections_page
from referral.api.described import openapi_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


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


PAGES: Mapping[Path, Callable[[], str]] = {
    DOCS / "reference" / "kinds.md": kinds_page,
    DOCS / "reference" / "sections.md": sections_page,
    DOCS / "reference" / "rules.md": rules_page,
    DOCS / "reference" / "refusals.md": refusals_page,
    DOCS / "reference" / "limits.md": limits_page,
    DOCS / "reference" / "command-line.md": command_line_page,
    DOCS / "reference" / "api.md": api_page,
    DOCS.parent / "contracts" / "schema" / "openapi.json": openapi_text,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
