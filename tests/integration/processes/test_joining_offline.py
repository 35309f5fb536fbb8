"""A new agency joins by the commands of the how-to page, run with the real programs and the machine's clock."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contracts.network import read_network, root_digest
from contracts.signing import fingerprint, public_signing
from newcomers import codes, declined, first_message, is_stored_and_logged, run, serving, stop_clock, told
from processes import NotaryProgram, until
from referral.opening import open_node
from referral.vault import KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "join-a-network.md"
BE = ["--agency", "be-fp", "--title", "Focal point of Belgium", "--country", "BE", "--kind", "ngo"]
MOST = 6  # commands from the root file to a node that serves


def page_lines() -> list[str]:
    """Return the commands of the page's first block."""
    block = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return block[1].splitlines()


@contextmanager
def network(folder: Path) -> Iterator[str]:
    """Give the digest of a new network's root file: one agency, one governor, a notary that runs."""
    stop_clock(folder / "clock")
    notary = NotaryProgram(folder / "log", folder / "clock")
    made = f"--found --log-key {notary.log.key} --notary http://{notary.address}"
    words = " ".join(f'"{word}"' for word in BE)
    told(folder, f"referral init --node be-fp {words} --role requesting --zone Europe/Brussels {made}")
    try:
        notary.start(folder / "network.json")
        yield root_digest((folder / "network.json").read_bytes())
    finally:
        notary.close()


def test_a_new_agency_joins_by_the_commands_of_the_page_and_its_first_message_is_receipted(tmp_path: Path) -> None:
    lines = page_lines()
    assert len(lines) <= MOST
    assert lines[-1].startswith("referral up ")
    with network(tmp_path) as digest:
        for line in lines[:-1]:
            found = run(tmp_path, line, digest=digest)
            assert found.returncode == 0, found.stdout + found.stderr
        identity = KeyFile(tmp_path / "identity.key")
        assert fingerprint(public_signing(identity.secret(identity.lock()))) in found_by(tmp_path, "ro-ngo")
        assert read_network((tmp_path / "ro-ngo" / "network.json").read_bytes()).directory().agencies.keys() == {
            "be-fp"
        }
        with serving(tmp_path, "be-fp", "ro-ngo") as nodes:
            be, ro = nodes["be-fp"], nodes["ro-ngo"]
            case, asked = first_message(be, "ro-ngo")
            until(lambda: is_stored_and_logged(be, case, asked, "ro-ngo"), "the new agency's receipt")
            said = declined(ro, case)
            until(lambda: is_stored_and_logged(ro, case, said, "be-fp"), "the receipt of its own first message")
            assert (codes(be), codes(ro)) == ([], [])


def found_by(folder: Path, agency: str) -> str:
    """Return what `key list` of a node says."""
    return run(folder, f"referral key list --node {agency}").stdout


def test_a_request_is_refused_where_the_digest_is_of_another_root_file(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        (tmp_path / "network.json").write_bytes((tmp_path / "network.json").read_bytes().replace(b'"m": 1', b'"m":  1'))
        found = run(tmp_path, page_lines()[0], digest=digest)
        assert found.returncode == 1
        assert "[root-changed]" in found.stderr
        assert not (tmp_path / "ro-ngo").exists()
        assert not (tmp_path / "identity.key").exists()


def test_nobody_comes_in_without_the_governors(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        request, admit, finish, _up = page_lines()
        assert run(tmp_path, request, digest=digest).returncode == 0
        assert "[not-let-in]" in run(tmp_path, finish).stderr
        assert run(tmp_path, "notary governor-key other.key").returncode == 0
        refused = run(tmp_path, admit.replace("governor.key", "other.key"))
        assert (refused.returncode, "no governor" in refused.stderr) == (1, True)
        assert "[not-let-in]" in run(tmp_path, finish).stderr


def test_keys_are_rotated_recovered_and_revoked_from_the_command_line(tmp_path: Path) -> None:
    with network(tmp_path) as digest:
        for line in page_lines()[:-1]:
            assert run(tmp_path, line, digest=digest).returncode == 0
        with serving(tmp_path, "ro-ngo"):
            refused = run(tmp_path, "referral key rotate --node ro-ngo")
            assert (refused.returncode, "[identity-elsewhere]" in refused.stderr) == (1, True)
            first = signing_keys(tmp_path)[0]
            change(tmp_path, "referral key rotate --node ro-ngo --identity-key identity.key", 2)
            change(tmp_path, "referral key recover --node ro-ngo --identity-key identity.key", 3)
            revoke = f"referral key revoke --node ro-ngo --key {first['fingerprint']} --reason key_stolen"
            told(tmp_path, f"{revoke} --identity-key identity.key")
            until(lambda: not signing_keys(tmp_path)[0]["counts"], "the first key counts no more")
            told(tmp_path, "referral declare --node ro-ngo --phone-24h +40264550199 --closed-day 2026-12-24")
            until(lambda: "+40264550199" in declared(tmp_path), "the directory holds the new number")
            until(lambda: run(tmp_path, "referral doctor --node ro-ngo").returncode == 0, "epoch keys under a new key")
        assert [one["counts"] for one in signing_keys(tmp_path)] == [False, True, True]


def signing_keys(folder: Path) -> list[dict[str, Any]]:
    """Return the signing keys that the node's directory holds."""
    keys: list[dict[str, Any]] = told(folder, "referral key list --node ro-ngo")["keys"]
    return keys[1:]


def declared(folder: Path) -> str:
    """Return what the log's statements say at the node, as text."""
    node = open_node(folder / "ro-ngo", KeyFile(folder / "ro-ngo" / "vault.key"), reader=True)
    try:
        office = node.me.capabilities
        return f"{office.phone_24h} {office.calendar.closed_days}"
    finally:
        node.store.close()
        node.vault.close()


def change(folder: Path, line: str, many: int) -> None:
    """Run a command that makes a key, and wait until the directory holds it."""
    told(folder, line)
    until(lambda: len(signing_keys(folder)) == many, "the directory holds the key")


def test_governors_suspend_from_the_command_line_and_the_agency_is_told(tmp_path: Path) -> None:
    with network(tmp_path), serving(tmp_path, "be-fp") as nodes:
        line = "notary restrict be-fp --network network.json --governor-key governor.key --reason under_review"
        assert told(tmp_path, line)["indices"] == [0]
        until(lambda: "statement-not-ours" in codes(nodes["be-fp"]), "the agency is told")
        assert not told(tmp_path, "referral key list --node be-fp")["keys"][0]["counts"]
