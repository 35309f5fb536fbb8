"""Other people's tools, each installed once by its pinned version into the cache, so that they judge what we publish.

`python tests/foreign/tools.py` installs all of them and says where; tests that find one missing are skipped, which is a
failure where nothing may be skipped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

HERE: Final = Path(__file__).resolve().parent
PATIENCE: Final = 1200  # seconds for one installation, on a machine that has nothing yet
GO_TOOLS: Final = (".", "filippo.io/torchwood/cmd/litewitness", "github.com/transparency-dev/tessera/cmd/fsck")


class ToolMissing(Exception):  # noqa: N818 - a reason to skip
    """A tool of other people cannot be installed here."""


def cache() -> Path:
    """Return where installed tools are kept: REFERRAL_TEST_CACHE, or .cache in the repository."""
    return Path(os.environ.get("REFERRAL_TEST_CACHE", HERE.parents[1] / ".cache"))


def go_tools() -> Path:
    """Return the folder of `auditor`, `litewitness` and `fsck`."""

    def build(into: Path) -> None:
        _run([_program("go"), "build", "-mod=readonly", "-o", f"{into}/", *GO_TOOLS], HERE / "go")
        (into / "foreign").rename(into / "auditor")

    return _installed("go", build)


def node_folder() -> Path:
    """Return the folder of `envelope.cjs` with libsodium beside it."""

    def install(into: Path) -> None:
        npm = _program("npm")
        _program("node")
        shutil.copytree(HERE / "node", into, dirs_exist_ok=True)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], into)

    return _installed("node", install)


def compose_linter() -> Path:
    """Return dclint, which knows the form of a compose file."""

    def install(into: Path) -> None:
        npm = _program("npm")
        _program("node")
        shutil.copytree(HERE / "compose", into, dirs_exist_ok=True)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], into)

    return _installed("compose", install) / "node_modules" / ".bin" / "dclint"


def bagit_python() -> Path:
    """Return the Python of a venv that holds bagit; `bagit.py` lies beside it."""
    return _venv("bagit", "build.lock", "bagit.lock")


def deploy_linters() -> Path:
    """Return the folder of hadolint, compose-lint, kubernetes-validate, and of a Python that reads YAML."""
    return _venv("deploylint", "deploylint.lock").parent


def _venv(name: str, *locks: str) -> Path:
    """Return the Python of a venv that holds what the locks name."""

    def install(into: Path) -> None:
        _run([sys.executable, "-m", "venv", str(into)], HERE)
        pip = [str(into / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        for lock in locks:
            locked = ["--require-hashes", "--no-build-isolation", "-r", str(HERE / name / lock)]
            _run([*pip, *locked], HERE)

    # A venv knows its own path, so it is made in its place.
    return _installed(name, install, in_place=True) / "bin" / "python"


def _installed(name: str, install: Callable[[Path], None], *, in_place: bool = False) -> Path:
    files = sorted(path for path in (HERE / name).iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    kept = cache() / f"foreign-{name}-{digest}"
    done = kept / "installed"
    with _alone(name):
        if done.exists():
            return kept
        made = kept if in_place else kept.with_name(f"{kept.name}.{os.getpid()}")
        for old in (kept, made):
            shutil.rmtree(old, ignore_errors=True)
        made.mkdir(parents=True)
        install(made)
        (made / "installed").touch()
        if not in_place:
            made.rename(kept)
    return kept


@contextmanager
def _alone(name: str) -> Generator[None]:
    """Let one process install a tool while the others wait for it."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"foreign-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(f"There is no {name} here.")
    return found


def _run(command: Sequence[str], where: Path) -> None:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise ToolMissing(f"{Path(command[0]).name} failed: {(done.stdout + done.stderr)[-800:]}")


@dataclass(frozen=True)
class Judge:
    """A program that reads requests as JSON lines and answers each with a line; `command` runs it."""

    command: tuple[str, ...]

    def each(self, requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers of one looping process to many requests."""
        return self._ask(list(requests))[0]

    def one(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request through the command line; its exit code says the same."""
        answers, code = self._ask([request])
        assert (code == 0) == answers[0]["holds"]
        return answers[0]

    def _ask(self, requests: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
        lines = "".join(json.dumps(one) + "\n" for one in requests)
        done = subprocess.run(self.command, input=lines, capture_output=True, text=True, timeout=300, check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(requests), done.stderr[-2000:]
        return answers, done.returncode


def main() -> None:
    """Install every tool and say where it is."""
    for install in (go_tools, node_folder, bagit_python, compose_linter, deploy_linters):
        sys.stdout.write(f"{install()}\n")


if __name__ == "__main__":
    main()
