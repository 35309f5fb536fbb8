"""What runs with the product is under a licence that lets everybody run it."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house.checkout import settings

pytestmark = pytest.mark.checkout

ALLOWED = re.compile(
    r"\b(?:MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla Public License|zlib|Unlicense|0BSD|CC0)\b",
    re.IGNORECASE,
)
# The driver of PostgreSQL, loaded at run time, unchanged and replaceable: the LGPL asks for no more (NOTICE says it).
BY_NAME = {"psycopg": "LGPL-3.0-only", "psycopg-binary": "LGPL-3.0-only"}
REFUSED = re.compile(r"\b[AL]?GPL|GNU |Affero|SSPL|Business Source|proprietary", re.IGNORECASE)


def shipped() -> dict[str, str]:
    """Return the licence by name of every package that an installation without the test tools brings."""
    waiting = [Requirement(text) for text in settings()["project"]["dependencies"]]
    found: dict[str, str] = {}
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        found[name] = licence(name)
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return found


def licence(name: str) -> str:
    """Return what a package says about its licence: the expression, the classifiers, the old field, or the file."""
    about = metadata.metadata(name).json
    classifiers = [text.rsplit(" :: ", 1)[-1] for text in about.get("classifier", []) if text.startswith("License ::")]
    said = about.get("license_expression") or " OR ".join(classifiers) or about.get("license", "")
    return str(said).partition("\n")[0] or _by_its_file(name)


def _by_its_file(name: str) -> str:
    """Name the licence by a sentence of its text: some packages ship the text and no more."""
    texts = [path.read_text() for path in metadata.files(name) or [] if "licenses" in path.parts]
    return "zlib" if any("appreciated but is not required" in text for text in texts) else ""


def test_every_package_that_ships_says_a_licence_that_we_may_ship() -> None:
    licences = shipped()
    assert len(licences) >= 20
    assert {name: licences.pop(name) for name in BY_NAME} == BY_NAME
    assert {name: said for name, said in licences.items() if not ALLOWED.search(said) or REFUSED.search(said)} == {}


@pytest.mark.parametrize(
    "said", ["GPL-3.0-or-later", "LGPL-2.1", "GNU Affero General Public License v3", "AGPL-3.0-only"]
)
def test_a_licence_that_binds_others_is_refused(said: str) -> None:
    assert REFUSED.search(said)
