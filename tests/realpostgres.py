"""A real PostgreSQL of the tests: its own cluster in a temporary folder, on a socket, started and stopped by its pid.

It syncs to the disk as it ships (`fsync=on`). Its default order of text is English, so that whoever relies on the order
of bytes has to ask for it. Every store gets a schema of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

START_SECONDS: Final = 60.0
OWNER: Final = "landfall"


class PostgresMissing(Exception):  # noqa: N818 - the test that wanted it is skipped with this sentence
    """The server's programs are not on this machine."""


def programs() -> Path:
    """Return the folder of initdb and postgres, the newest where there are several."""
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_release)]
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise PostgresMissing("there is no initdb; on Debian: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def _release(program: Path) -> int:
    name = program.parents[1].name
    return int(name) if name.isdecimal() else 0


class RealPostgres:
    """One cluster: `start`, `address` for a fresh schema, `crash` as a power cut would, `stop`."""

    def __init__(self, room: Path | None = None) -> None:
        """Make the cluster's files in a new folder of `room`, as a user that is not root."""
        self._programs = programs()
        self._user = _plain_user()
        self.folder = Path(tempfile.mkdtemp(prefix="landfall-pg-", dir=room or _open_folder()))
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._server: subprocess.Popen[bytes] | None = None
        self._schemas = count(1)
        made = ("--auth=trust", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync")
        self._run("initdb", "-D", str(self.folder / "data"), "-U", OWNER, *made)

    def start(self) -> None:
        """Start the server and wait until it answers; what a crash left behind is recovered first."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "max_connections": "150"}
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with (self.folder / "log").open("ab") as log:
                self._server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as())
            while self._server.poll() is None:
                try:
                    psycopg.connect(self._base()).close()
                except psycopg.OperationalError:
                    self._server_turn()
                else:
                    return
                if time.monotonic() > until:
                    break
        raise AssertionError((self.folder / "log").read_text())

    def _server_turn(self) -> None:
        """Give the server a moment, or see it end."""
        assert self._server is not None
        try:
            self._server.wait(0.02)
        except subprocess.TimeoutExpired:
            return

    def address(self) -> str:
        """Return the address of a schema that is new and empty."""
        schema = f"store_{os.getpid()}_{next(self._schemas)}"
        with self.link() as link:
            link.execute(f'CREATE SCHEMA "{schema}"'.encode())
        return f"{self._base()}&options={quote(f'-csearch_path={schema}', safe='')}"

    def link(self, address: str = "") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection of the test's own."""
        return psycopg.connect(address or self._base(), autocommit=True)

    def crash(self) -> None:
        """Kill every process of the server at once; nothing is written any more."""
        assert self._server is not None
        for pid in (self._server.pid, *_children(self._server.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._server.wait()

    def stop(self) -> None:
        """Stop the server, whoever is connected, and remove its files."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _base(self) -> str:
        return f"postgresql://{OWNER}@/postgres?host={quote(str(self.folder), safe='')}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **self._as())
        assert ran.returncode == 0, ran.stderr

    def _as(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _plain_user() -> pwd.struct_passwd | None:
    """Return who runs the server where we are root, which it refuses; None where it runs as we do."""
    if os.geteuid() != 0:
        return None
    names = {one.pw_name: one for one in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _open_folder() -> str:
    """Return a folder for temporary files into which another user can go."""
    for folder in (Path(tempfile.gettempdir()), Path("/dev/shm"), Path("/tmp")):  # noqa: S108 - the next line looks
        if folder.is_dir() and all(one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents)):
            return str(folder)
    raise PostgresMissing("no folder for temporary files is open to the server's user")


def _children(parent: int) -> list[int]:
    found = []
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat_file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat_file.parent.name))
    return found
