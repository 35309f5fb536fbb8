"""A journey whose own process is killed: nothing that it has started goes on without it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from journey_pages import JOURNEYS
from notary import inspection
from processes import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def answers(url: str) -> bool:
    """Say whether anything answers there."""
    try:
        return httpx.get(f"{url}/checkpoint", trust_env=False).is_success
    except httpx.TransportError:
        return False


def notary_of(folder: Path) -> Any:
    """Return where the notary of a journey is, None while its network is not made."""
    found = next(iter(folder.glob("nodes/*/network.json")), None)
    try:
        return None if found is None else json.loads(found.read_text(encoding="utf-8"))["notary"]
    except ValueError:
        return None


@pytest.mark.parametrize("more", [[], ["--processes"]])
def test_a_player_that_is_killed_leaves_no_notary_behind(tmp_path: Path, more: list[str]) -> None:
    (story,) = [path for path in JOURNEYS if path.stem == "story-03-not-met"]
    folder = tmp_path / "played"
    command = [sys.executable, "-m", "referral.cli", "play", str(story), "--dir", str(folder), *more]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as player:
        url = until(lambda: notary_of(folder), "the network is made")
        until(lambda: answers(url), "the notary answers")
        assert inspection.status(folder / "notary").running

        player.send_signal(signal.SIGKILL)

        assert player.wait() == -signal.SIGKILL, "it was still playing"
    until(lambda: not inspection.status(folder / "notary").running, "the notary has ended")
    assert not answers(url)
