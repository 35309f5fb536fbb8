"""A network of three governors, founded and joined by commands: two let agencies in and suspend them, one does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from contracts.encoding import b64
from contracts.joining import read_joining
from contracts.statements import logged_bytes
from newcomers import codes, first_message, is_stored_and_logged, run, serving, stop_clock, told
from notary.log import read_published
from notary.log import read_signer as signer_of
from processes import NotaryProgram, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow]

FIRST = "--agency be-fp --title 'Focal point of Belgium' --country BE --kind ngo --role requested"
SECOND = "--agency ro-ngo --title 'Shelter of Cluj' --country RO --kind shelter --role requesting"


def join(folder: Path, digest: str, name: str, words: str) -> str:
    """Ask to be let in; return the name of the request."""
    files = f"--identity-key {name}.identity --out {name}.json --node {name}"
    told(folder, f"referral join request --network network.json --digest {digest} {words} --zone Europe/Paris {files}")
    return f"{name}.json"


def admit(folder: Path, request: str, *governors: int) -> Any:
    """Let governors sign a request."""
    keys = " ".join(f"--governor-key g{one}.key" for one in governors)
    return told(folder, f"notary admit {request} --network network.json {keys}")


def pressed(folder: Path, notary: NotaryProgram, request: str) -> int:
    """Submit a request past the command that counts governors; return the notary's answer."""
    entries = [b64(logged_bytes(one)) for one in read_joining((folder / request).read_bytes()).entries]
    body = {"entries": entries}
    return httpx.post(f"http://{notary.address}/v1/entries", json=body, trust_env=False, timeout=30).status_code


def logged(notary: NotaryProgram) -> int:
    """Return the size of the log as readers see it."""
    return read_published(notary.folder, signer_of(notary.folder).key).size


def test_two_of_three_governors_let_agencies_in_and_suspend_one_and_one_of_them_does_neither(tmp_path: Path) -> None:
    stop_clock(tmp_path / "clock")
    notary = NotaryProgram(tmp_path / "log", tmp_path / "clock")
    try:
        keys = [told(tmp_path, f"notary governor-key g{one}.key")["key"] for one in range(4)][:3]
        governors = " ".join(f"--governor {key}" for key in keys)
        log = f"--log-key {notary.log.key} --notary http://{notary.address}"
        digest = told(tmp_path, f"notary found corridor {log} {governors} --must-agree 2")["root"]
        notary.start(tmp_path / "network.json")
        request = join(tmp_path, digest, "be-fp", FIRST)
        assert admit(tmp_path, request, 0)["missing"] == 1
        assert admit(tmp_path, request, 0)["missing"] == 1  # the same one twice
        stranger = run(tmp_path, f"notary admit {request} --network network.json --governor-key g3.key")
        assert (stranger.returncode, "no governor" in stranger.stderr) == (1, True)
        assert pressed(tmp_path, notary, request) == httpx.codes.UNPROCESSABLE_ENTITY
        assert "[not-let-in]" in run(tmp_path, "referral join finish --node be-fp").stderr
        assert logged(notary) == 0
        assert admit(tmp_path, request, 2)["indices"] == [0, 1, 2]
        told(tmp_path, "referral join finish --node be-fp")
        both = join(tmp_path, digest, "ro-ngo", SECOND)
        assert admit(tmp_path, both, 0, 1)["missing"] == 0
        told(tmp_path, "referral join finish --node ro-ngo")
        with serving(tmp_path, "be-fp", "ro-ngo") as nodes:
            be, ro = nodes["be-fp"], nodes["ro-ngo"]
            case, message = first_message(ro, "be-fp")
            until(lambda: is_stored_and_logged(ro, case, message, "be-fp"), "the receipt and proof of the first case")
            assert (codes(be), codes(ro)) == ([], [])
            before = logged(notary)
            line = "notary restrict be-fp --network network.json --governor-key g0.key --reason under_review"
            assert told(tmp_path, line)["missing"] == 1
            assert pressed(tmp_path, notary, "restriction.json") == httpx.codes.UNPROCESSABLE_ENTITY
            assert (logged(notary), codes(be)) == (before, [])
            assert admit(tmp_path, "restriction.json", 1)["indices"] == [before]
            until(lambda: "statement-not-ours" in codes(be), "the suspended agency is told")
        assert not told(tmp_path, "referral key list --node be-fp")["keys"][0]["counts"]
    finally:
        notary.close()
