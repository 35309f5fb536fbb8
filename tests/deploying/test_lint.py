"""What lies in deploy/ stands before other people's linters; each of them is shown to find a fault."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploying.manifests import DEPLOY, UNITS, pods
from house.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.checkout

EXPOSED = 2.0  # of 10, as `systemd-analyze security` counts: the mark of issue 5
VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}  # of those that restricted pods may have


def ran(*command: str | Path) -> tuple[int, str]:
    """Return the exit code of a linter and what it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def changed(file: Path, old: str, new: str, folder: Path) -> Path:
    """Return a copy of a file in which something is otherwise."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    copy = folder / file.name
    copy.write_text(text.replace(old, new), encoding="utf-8")
    return copy


def exposure(systemd_analyze: str, path: Path) -> float:
    """Return how exposed systemd finds a service, from 0 to 10."""
    code, said = ran(systemd_analyze, "security", "--offline=true", "--no-pager", path)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, (code, said)
    return float(found[1])


def test_hadolint_finds_nothing_in_the_dockerfile(linters: Path, tmp_path: Path) -> None:
    assert ran(linters / "hadolint", DEPLOY / "Dockerfile") == (0, "")
    worse = changed(DEPLOY / "Dockerfile", "WORKDIR /build", "RUN cd /build", tmp_path)
    code, said = ran(linters / "hadolint", worse)
    assert (code, "DL3003" in said) == (1, True)


def test_dclint_finds_nothing_in_the_compose_file(dclint: Path, tmp_path: Path) -> None:
    assert ran(dclint, "--max-warnings", "0", DEPLOY / "compose.yaml") == (0, "")
    code, said = ran(dclint, changed(DEPLOY / "compose.yaml", "    ports:", "    prots:", tmp_path))
    assert (code, "additional properties" in said) == (1, True)


def test_compose_lint_finds_nothing_unsafe_in_the_compose_file(linters: Path, tmp_path: Path) -> None:
    code, said = ran(linters / "compose-lint", "--fail-on", "low", DEPLOY / "compose.yaml")
    assert (code, "no issues found" in said) == (0, True), said
    worse = changed(DEPLOY / "compose.yaml", "cap_drop: [ALL]", "privileged: true", tmp_path)
    assert ran(linters / "compose-lint", "--fail-on", "low", worse)[0] == 1


def test_kubernetes_knows_every_word_of_the_manifests(linters: Path, tmp_path: Path) -> None:
    validate = (linters / "kubernetes-validate", "--strict", "--quiet")
    assert ran(*validate, *sorted((DEPLOY / "kubernetes").glob("*.yaml"))) == (0, "")
    worse = changed(DEPLOY / "kubernetes" / "node.yaml", "containerPort: 8080", "containerPort: eighty", tmp_path)
    assert ran(*validate, worse)[0] == 1


def test_every_pod_keeps_to_the_restricted_standard(python: Path) -> None:
    found = pods(python)
    assert set(found) == {"landfall-node", "landfall-notary", "landfall-preparing"}
    for pod in found.values():
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {kind for volume in pod["volumes"] for kind in volume if kind != "name"} <= VOLUMES
        for box in pod["containers"]:
            narrow = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert box["securityContext"] == narrow
            assert "memory" in box["resources"]["limits"]


@pytest.mark.parametrize("path", UNITS, ids=[path.stem for path in UNITS])
def test_systemd_finds_little_exposed_and_nothing_wrong(path: Path, systemd_analyze: str, tmp_path: Path) -> None:
    assert exposure(systemd_analyze, path) < EXPOSED
    here = changed(path, "/opt/landfall/bin/", "/usr/bin/env ", tmp_path)
    assert ran(systemd_analyze, "verify", "--man=no", here) == (0, "")
    worse = changed(path, "ProtectSystem=strict", "ProtectSistem=strict", tmp_path)
    assert "ProtectSistem" in ran(systemd_analyze, "verify", "--man=no", worse)[1]
    without = re.sub(
        r"^(Protect|Private|Restrict|System|Capability)\w+=.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE
    )
    (tmp_path / "bare.service").write_text(without, encoding="utf-8")
    assert exposure(systemd_analyze, tmp_path / "bare.service") > EXPOSED


def test_images_are_pinned_by_digest() -> None:
    texts = [(DEPLOY / name).read_text(encoding="utf-8") for name in ("Dockerfile", "compose.yaml")]
    named = [line for text in texts for line in re.findall(r"^(?:FROM|    image:) (\S+)", text, flags=re.MULTILINE)]
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", texts[0], flags=re.MULTILINE))
    strangers = [name for name in named if name not in stages]
    assert len(strangers) == 3
    assert [name for name in strangers if not re.search(r"@sha256:[0-9a-f]{64}$", name)] == []


def test_what_the_images_are_made_of_is_in_the_checkout_and_nothing_else_is_sent() -> None:
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in sent if line.startswith("!")}
    assert "*" in sent
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE) for name in line.split()
    }
    assert copied == allowed
    assert [name for name in sorted(allowed) if not (ROOT / name).exists()] == []
