"""What deploy/ names exists: every option, variable, path and port is one that the programs know, and they agree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer

from deploying.manifests import DEPLOY, UNITS, commands, images, manifests, option, pods, port, read_yaml, unit
from house.checkout import ROOT
from notary.cli import app as notary_app
from notary.config import Settings as NotarySettings
from referral.cli.call import Asked
from referral.cli.run import app as referral_app

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.checkout

PROGRAMS: Final = {"referral": referral_app, "notary": notary_app}
OF_OTHERS: Final = re.compile(r"PATH|PYTHON[A-Z]+|PIP_[A-Z_]+|PGPASSFILE")
MADE_BY_PEOPLE: Final = {"./network.json", "./broker.pem", "./authority.pem"}


def parsed(command: list[str]) -> Any:
    """Return a command as its program reads it; what the program does not know raises."""
    program, name, *rest = (command[0].rpartition("/")[2], *command[1:])
    group: Any = typer.main.get_command(PROGRAMS[program])
    return group.commands[name].make_context(name, rest, obj=Asked())


def known_variables() -> set[str]:
    """Return every variable of the environment that the programs read."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "services").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'"((?:REFERRAL|CREDENTIALS)_[A-Z_]+)"', text)}
    return named | {f"NOTARY_{name.upper()}" for name in NotarySettings.model_fields}


def paths_of(program: str) -> set[str]:
    """Return the paths that the admin port of a program answers."""
    text = (ROOT / "services" / program / "api" / "admin.py").read_text(encoding="utf-8")
    return {path for path in ("/livez", "/readyz", "/metrics") if f'"{path}"' in text}


def test_every_command_is_one_that_its_program_takes(python: Path) -> None:
    found = commands(python)
    assert len(found) == len(UNITS) + 4
    for command in found.values():
        assert parsed(command)
    with pytest.raises(Exception, match="--bond"):
        parsed(["referral", "up", "--bond", "127.0.0.1:8080"])


def test_every_variable_is_one_that_is_read() -> None:
    set_by_images = {name for one in images().values() for name in one.environment}
    set_by_units = {pair.partition("=")[0] for path in UNITS for pair in unit(path).get("Environment", ())}
    ours = {name for name in set_by_images | set_by_units if not OF_OTHERS.fullmatch(name)}
    assert ours
    assert ours - known_variables() == set()


def test_compose_gives_our_services_no_variable_but_known_ones(python: Path) -> None:
    services = read_yaml(python, DEPLOY / "compose.yaml")[0][0]["services"]
    given = {name for ours in ("node", "notary") for name in services[ours].get("environment", {})}
    assert given - known_variables() == set()


@pytest.mark.parametrize("name", ["node", "notary"])
def test_an_image_listens_where_everything_around_it_looks(name: str, python: Path) -> None:
    image, found = images()[name], commands(python)
    where = (f"Dockerfile {name}", f"kubernetes landfall-{name}", f"landfall-{name}.service")
    ((listens, watched),) = {(port(found[one]), port(found[one], "--admin")) for one in where}
    assert image.ports == [listens, watched]
    asked = re.search(r"127\.0\.0\.1:(\d+)(/\w+)", image.health)
    assert asked
    assert (int(asked[1]), asked[2] in paths_of(image.entrypoint[0])) == (watched, True)
    published = read_yaml(python, DEPLOY / "compose.yaml")[0][0]["services"][name]["ports"]
    assert published == [f"127.0.0.1:{listens}:{listens}"]


@pytest.mark.parametrize("name", ["node", "notary"])
def test_a_pod_is_probed_and_reached_at_ports_and_paths_that_it_has(name: str, python: Path) -> None:
    everything = manifests(python)
    (box,) = pods(python)[f"landfall-{name}"]["containers"]
    command = commands(python)[f"kubernetes landfall-{name}"]
    listens, watched = port(command), port(command, "--admin")
    named = {one["name"]: one["containerPort"] for one in box["ports"]}
    assert sorted(named.values()) == [listens, watched]
    probes = [box[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert {named[one["port"]] for one in probes} == {watched}
    assert {one["path"] for one in probes} <= paths_of(images()[name].entrypoint[0])
    (service,) = [
        one for one in everything if one["kind"] == "Service" and one["metadata"]["name"] == f"landfall-{name}"
    ]
    assert {one["targetPort"] for one in service["spec"]["ports"]} <= set(named)
    (policy,) = [
        one for one in everything if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == f"landfall-{name}"
    ]
    reached = {one["port"] for rule in policy["spec"]["ingress"] for one in rule["ports"]}
    assert reached == {listens, watched}


def test_everything_is_shut_off_but_for_what_a_policy_opens(python: Path) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in manifests(python) if one["kind"] == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("name", ["node", "notary"])
def test_what_a_pod_reads_and_writes_is_mounted_and_claimed(name: str, python: Path) -> None:
    pod = pods(python)[f"landfall-{name}"]
    (box,) = pod["containers"]
    command = commands(python)[f"kubernetes landfall-{name}"]
    mounted = {one["mountPath"]: one["name"] for one in box["volumeMounts"]}
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert set(mounted.values()) == set(volumes)
    folder = option(command, "--node") or command[2]
    assert any(folder == where or folder.startswith(f"{where}/") for where in mounted)
    claims = {one["metadata"]["name"] for one in manifests(python) if one["kind"] == "PersistentVolumeClaim"}
    assert volumes["folder"]["persistentVolumeClaim"]["claimName"] in claims
    if network := option(command, "--network"):
        assert network.rpartition("/")[0] in mounted


def test_the_passphrase_is_looked_for_where_it_is_mounted(python: Path) -> None:
    folder = images()["node"].environment["CREDENTIALS_DIRECTORY"]
    (box,) = pods(python)["landfall-node"]["containers"]
    assert {one["mountPath"]: one["name"] for one in box["volumeMounts"]}[folder] == "passphrase"
    compose = read_yaml(python, DEPLOY / "compose.yaml")[0][0]
    assert compose["services"]["node"]["secrets"] == [
        "pgpass",
        "referral-passphrase",
    ]  # compose mounts below /run/secrets
    assert folder == "/run/secrets"
    opening = (ROOT / "services" / "referral" / "opening.py").read_text(encoding="utf-8")
    assert '"referral-passphrase"' in opening
    for path in UNITS:
        if "referral" in unit(path)["ExecStart"][0]:
            assert [one.partition(":")[0] for one in unit(path)["LoadCredential"]] == ["referral-passphrase"]


def test_a_service_of_compose_finds_its_folder_and_its_files(python: Path) -> None:
    compose = read_yaml(python, DEPLOY / "compose.yaml")[0][0]
    for name in ("node", "notary"):
        image, service = images()[name], compose["services"][name]
        targets = {one["target"] for one in service["volumes"]}
        assert set(image.volumes) <= targets
        assert service["user"] == image.user
        assert service["read_only"] is True
        if network := option(image.command, "--network"):
            assert network in targets
    sources = {one["source"] for name in compose["services"] for one in compose["services"][name]["volumes"]}
    files = {one for one in sources if one.startswith("./")}
    secrets = {one["file"] for one in compose["secrets"].values()}
    missing = {one for one in files if not (DEPLOY / one).exists()}
    assert missing <= MADE_BY_PEOPLE
    told = (ROOT / "docs" / "howto" / "deploy.md").read_text(encoding="utf-8")
    assert [one for one in sorted(MADE_BY_PEOPLE | secrets) if one.removeprefix("./") not in told] == []


def test_the_broker_of_compose_has_each_file_that_its_settings_name(python: Path) -> None:
    properties = (DEPLOY / "kafka" / "broker.properties").read_text(encoding="utf-8")
    kafka = read_yaml(python, DEPLOY / "compose.yaml")[0][0]["services"]["kafka"]
    targets = {one["target"] for one in kafka["volumes"]}
    assert set(re.findall(r"^ssl\.\w+\.location=(\S+)$", properties, flags=re.MULTILINE)) <= targets
    said = kafka["command"][0]
    advertised = dict(re.findall(r"(SCRAM|MTLS)://kafka:(\d+)", said))
    (listeners,) = re.findall(r"^listeners=(.*)$", properties, flags=re.MULTILINE)
    assert advertised == dict(re.findall(r"(SCRAM|MTLS)://[^:,]*:(\d+)", listeners))
    (folder,) = re.findall(r"^log\.dirs=(\S+)$", properties, flags=re.MULTILINE)
    (ours,) = re.findall(r"log\.dirs=(\S+)", said)
    assert ours in targets
    assert ours.startswith(f"{folder}/")


@pytest.mark.parametrize("path", UNITS, ids=[path.stem for path in UNITS])
def test_a_unit_writes_to_its_own_folder_and_reads_what_it_was_given(path: Path) -> None:
    said = unit(path)
    (folder,) = said["StateDirectory"]
    command = commands_of(path)
    where = option(command, "--node") or command[2]
    assert where == f"/var/lib/{folder}" or where.startswith(f"/var/lib/{folder}/")
    assert said["WorkingDirectory"] == [f"/var/lib/{folder}"]
    given = {one.partition(":")[0] for one in said["LoadCredential"]}
    used = set(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\S+)", said["ExecStart"][0]))
    assert used <= given


def commands_of(path: Path) -> list[str]:
    """Return the command of a unit."""
    return unit(path)["ExecStart"][0].split()
