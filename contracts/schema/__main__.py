"""Write the generated JSON Schemas beside the models: `python -m contracts.schema`."""

from __future__ import annotations

import sys

from contracts.schema import FOLDER, schemas


def main() -> int:
    """Write every schema file; files of sections that are gone are left for a person to delete."""
    for path, text in schemas().items():
        target = FOLDER / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
