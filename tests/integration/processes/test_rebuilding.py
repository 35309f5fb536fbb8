"""The page on making a node anew, its commands run as they stand there, on a network of real programs."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from house.checkout import ROOT
from integration.processes.test_joining_offline import network
from newcomers import codes, declined, first_message, is_stored_and_logged, run, serving, told
from processes import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.checkout, pytest.mark.xdist_group("processes")]


def lines(page: str) -> list[str]:
    """Return the commands of a page's first block that is no `console` block, those that serve left out."""
    text = (ROOT / "docs" / "howto" / f"{page}.md").read_text(encoding="utf-8")
    found: list[str] = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for line in found[0].splitlines() if not line.startswith("referral up")]


def test_a_node_made_anew_by_the_commands_of_the_page_is_written_to_again(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        for line in lines("join-a-network"):
            found = run(tmp_path, line, digest=digest)
            assert found.returncode == 0, found.stdout + found.stderr
        (tmp_path / "kept").mkdir()
        (tmp_path / "identity.key").rename(tmp_path / "kept" / "identity.key")
        shutil.rmtree(tmp_path / "ro-ngo")
        (tmp_path / "kept" / "identity.key").rename(tmp_path / "identity.key")

        for line in lines("rebuild-a-node"):
            found = run(tmp_path, line.replace("DIGEST", digest))
            assert found.returncode == 0, found.stdout + found.stderr
        keys = told(tmp_path, "referral key list --node ro-ngo")["keys"]
        assert len([one for one in keys if one["use"] == "signing"]) == 2

        with serving(tmp_path, "be-fp", "ro-ngo") as nodes:
            be, ro = nodes["be-fp"], nodes["ro-ngo"]
            until(lambda: "recovering" in codes(ro), "it says that it recovers")
            assert set(codes(ro)) <= {"recovering", "statement-not-ours"}, "it cannot know what it stated itself"
            case, asked = first_message(be, "ro-ngo")
            until(lambda: is_stored_and_logged(be, case, asked, "ro-ngo"), "it is written to under its new keys")
            said = declined(ro, case)
            until(lambda: is_stored_and_logged(ro, case, said, "be-fp"), "a case from afterwards waits for nobody")
