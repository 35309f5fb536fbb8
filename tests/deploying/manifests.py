"""Reads what lies in deploy/ as the programs that use it would: images, services, pods, units, and their commands."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
UNITS: Final = sorted((DEPLOY / "systemd").glob("*.service"))
READ_YAML: Final = (
    "import json,sys,yaml; json.dump([list(yaml.safe_load_all(open(f))) for f in sys.argv[1:]],sys.stdout)"
)


@dataclass
class Image:
    """One target of the Dockerfile, with what the stages that it is made from say."""

    copied: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    user: str = ""
    health: str = ""
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def instructions() -> Iterator[tuple[str, str]]:
    """Yield every instruction of the Dockerfile and what follows it, on one line."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def images() -> dict[str, Image]:
    """Return what each stage of the Dockerfile comes to, by its name."""
    found: dict[str, Image] = {}
    for word, rest in instructions():
        if word == "FROM":
            source, _, name = rest.partition(" AS ")
            before = found.get(source, Image())
            found[name] = image = Image(environment=dict(before.environment), volumes=list(before.volumes))
            image.user = before.user
        elif word == "COPY" and not rest.startswith("--from"):
            image.copied += rest.split()[:-1]
        elif word == "ENV":
            image.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "EXPOSE":
            image.ports += [int(one) for one in rest.split()]
        elif word == "VOLUME":
            image.volumes += json.loads(rest)
        elif word == "USER":
            image.user = rest
        elif word == "HEALTHCHECK":
            image.health = rest
        elif word in {"ENTRYPOINT", "CMD"}:
            setattr(image, {"ENTRYPOINT": "entrypoint", "CMD": "command"}[word], json.loads(rest))
    return found


def read_yaml(python: Path, *files: Path) -> list[list[Any]]:
    """Return the documents of each file."""
    done = subprocess.run([python, "-c", READ_YAML, *files], capture_output=True, text=True, check=True)
    found: list[list[Any]] = json.loads(done.stdout)
    return found


def manifests(python: Path) -> list[Any]:
    """Return everything that the Kubernetes manifests make."""
    return [one for file in read_yaml(python, *sorted((DEPLOY / "kubernetes").glob("*.yaml"))) for one in file]


def pods(python: Path) -> dict[str, Any]:
    """Return the pods of the Kubernetes manifests, by the name of what makes them."""
    makes = [one for one in manifests(python) if one["kind"] in {"Pod", "StatefulSet"}]
    return {
        one["metadata"]["name"]: one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"]
        for one in makes
    }


def unit(path: Path) -> dict[str, list[str]]:
    """Return what a unit says in [Service], each word with all its values in their order."""
    section, found = "", dict[str, list[str]]()
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif line and line[0] != "#" and section == "Service":
            word, _, value = line.partition("=")
            found.setdefault(word, []).append(value)
    return found


def commands(python: Path) -> dict[str, list[str]]:
    """Return every command that deploy/ runs of ours, by the place where it stands."""
    made = images()
    found = {f"Dockerfile {name}": [*one.entrypoint, *one.command] for name, one in made.items() if one.entrypoint}
    for path in UNITS:
        found[path.name] = shlex.split(unit(path)["ExecStart"][0])
    for name, pod in pods(python).items():
        for box in pod["containers"]:
            if "command" not in box:
                image = made[box["image"].partition(":")[0].removeprefix("landfall-")]
                found[f"kubernetes {name}"] = [*image.entrypoint, *box["args"]]
    return found


def option(command: list[str], name: str) -> str:
    """Return what stands behind an option of a command, nothing where it is not given."""
    return command[command.index(name) + 1] if name in command else ""


def port(command: list[str], name: str = "--bind") -> int:
    """Return the port that a command listens on by an option."""
    return int(option(command, name).rpartition(":")[2])
