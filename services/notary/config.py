"""The notary's settings: options of `notary serve`, or `NOTARY_*` in the environment where an option is not given."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path  # noqa: TC003 - the settings are checked against this type when they are read
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.request import WINDOW
from notary.errors import SettingRefused

MIN_INTERVAL = 0.02
MAX_PORT = 65_535


class Settings(BaseSettings):
    """Where to listen (`host:port`, port 0 for any free one), the root file, and how often to sign.

    `interval` is in seconds: one checkpoint for each interval that brought entries. `window` is how far a signed
    request's time may be from the present, in seconds. `witness_of` is a file of the public keys of the logs that this
    notary witnesses, one a line. `admin` is where `/livez`, `/readyz` and `/metrics` are, for who runs the notary;
    `log_format` how lines of the log look. `clock_file` is for tests: a file that holds the present.
    `ends_with_stdin` is for programs that start a notary for their own use: it ends when they do, however they end.
    """

    model_config = SettingsConfigDict(env_prefix="NOTARY_", frozen=True, extra="ignore")

    bind: str = "127.0.0.1:8750"
    admin: str = "127.0.0.1:0"
    log_format: Literal["console", "json"] = "json"
    network: Path | None = None
    interval: float = Field(default=1.0, ge=MIN_INTERVAL, le=3600)
    window: float = Field(default=WINDOW.total_seconds(), ge=1, le=86_400)
    witness_of: Path | None = None
    clock_file: Path | None = None
    ends_with_stdin: bool = False

    def address(self, name: Literal["bind", "admin"]) -> tuple[str, int]:
        """Return host and port of a setting, or raise `SettingRefused`."""
        given = self.bind if name == "bind" else self.admin
        host, colon, port = given.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not port.isascii() or not port.isdecimal() or int(port) > MAX_PORT:
            raise SettingRefused(f"{name} is HOST:PORT, such as 127.0.0.1:8750.")
        try:
            return str(ip_address(host)), int(port)
        except ValueError:
            raise SettingRefused(f"{name} names an IP address of this machine.") from None

    def allowance(self) -> timedelta:
        """Return the window as a span of time."""
        return timedelta(seconds=self.window)


def settings(**given: Any) -> Settings:
    """Return the settings of the given options (None: not given) and the environment, or raise `SettingRefused`."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        names = sorted({str(one["loc"][0]) for one in error.errors()})
        raise SettingRefused(f"Not in its form or bounds: {', '.join(names)}.") from None
