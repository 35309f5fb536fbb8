from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nodes import town
from referral.errors import SettingsRefused
from referral.opening import KEY_FILE, NODE_FILE, PASSPHRASE, Settings, open_node, read_root, unlock_by
from referral.store.errors import StoreInUse, StoreUnavailable
from referral.vault import CHEAP_FOR_TESTS, KeyFile, Passphrase
from referral.vault.unlock import Lock

if TYPE_CHECKING:
    from pathlib import Path

LOCK = Lock(Passphrase.kind, bytes(16), CHEAP_FOR_TESTS)


def test_settings_come_back_as_they_were_written(tmp_path: Path) -> None:
    settings = Settings("be-fp", "passphrase", "kafka", "", "broker.example:9092", "/etc/network.json")
    settings.write(tmp_path)

    assert Settings.read(tmp_path) == settings


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "null", '{"agency": 7}', '{"agency": "be-fp", "more": "x"}', "{}", '{"agency": ["be-fp"]}', "\x00"],
)
def test_settings_of_another_form_are_refused_by_their_name(tmp_path: Path, text: str) -> None:
    (tmp_path / NODE_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(SettingsRefused):
        Settings.read(tmp_path)


def test_a_folder_without_a_node_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="referral init"):
        Settings.read(tmp_path)
    with pytest.raises(SettingsRefused, match="governors"):
        read_root(tmp_path)


def test_the_vault_is_unlocked_as_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "referral-passphrase").write_text("from a file\n", encoding="utf-8")
    phrase = Settings("be-fp", unlock="passphrase")

    assert unlock_by(Settings("be-fp"), tmp_path) == KeyFile(tmp_path / KEY_FILE)
    for environment, said in (
        ({PASSPHRASE: "said"}, "said"),
        ({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "from a file"),
    ):
        found = unlock_by(phrase, tmp_path, environment)
        assert isinstance(found, Passphrase)
        assert found.secret(LOCK) == Passphrase(said).secret(LOCK)
    with pytest.raises(SettingsRefused, match=PASSPHRASE):
        unlock_by(phrase, tmp_path, {})


async def test_one_process_writes_and_others_read_beside_it(tmp_path: Path) -> None:
    async with town(tmp_path) as it:
        folder = tmp_path / "be-fp"
        with pytest.raises(StoreInUse):
            open_node(folder, KeyFile(folder / KEY_FILE), it.clock)
        reader = open_node(folder, KeyFile(folder / KEY_FILE), it.clock, reader=True)
        with pytest.raises(StoreUnavailable), reader.store.transaction():
            pass
        reader.store.close()
        reader.vault.close()


async def test_a_node_whose_agency_is_not_in_the_network_does_not_start_and_holds_no_file(
    tmp_path: Path,
) -> None:
    async with town(tmp_path) as it:
        folder = tmp_path / "be-fp"
        await it.nodes.pop("be-fp").close()
        settings = json.loads((folder / NODE_FILE).read_text(encoding="utf-8"))
        (folder / NODE_FILE).write_text(json.dumps({**settings, "agency": "xx-fp"}), encoding="utf-8")
        for _ in range(2):
            with pytest.raises(SettingsRefused, match="agency"):
                open_node(folder, KeyFile(folder / KEY_FILE), it.clock)
        (folder / NODE_FILE).write_text(json.dumps(settings), encoding="utf-8")
        node = open_node(folder, KeyFile(folder / KEY_FILE), it.clock)
        node.store.close()
        node.vault.close()
