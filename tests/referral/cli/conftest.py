"""A shell in an empty folder, and one beside two nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli_shell import Shell

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Give a shell in an empty folder, with no node chosen by the environment."""
    for name in ("REFERRAL_NODE", "REFERRAL_PASSPHRASE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.fixture
def two(shell: Shell) -> Shell:
    """Give a shell in a folder with the nodes `be-fp` and `hu-fp` of one training network."""
    assert shell.init("be-fp", "--found").code == 0
    assert shell.init("hu-fp").code == 0
    return shell
