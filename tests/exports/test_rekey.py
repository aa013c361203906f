"""Master keys come from the settings, and `patrongraph export rekey` moves the files to the first of them."""

import asyncio
import base64
import secrets

import orjson
import pytest
from pydantic import SecretStr, ValidationError
from tests.exported import add_export, content_of
from tests.town import Town

from patrongraph import db
from patrongraph.exports import keys
from patrongraph.settings import Settings, parse_export_keys, use_settings

KEYS = "SELECT key_id, count(*)::int FROM data_export GROUP BY key_id ORDER BY key_id"


def new_key(name: str) -> str:
    return f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def with_keys(settings: Settings, *given: str) -> Settings:
    return settings.model_copy(update={"export_keys": SecretStr(",".join(given))})


async def in_use() -> list[tuple[str | None, int]]:
    return [tuple(row) for row in await db.rows(KEYS)]


async def test_keys_rotate_while_old_files_open(town: Town, settings: Settings, run_cli) -> None:
    [derived] = keys.master_keys()
    assert derived.startswith("derived-")
    before = await add_export(town.id, b"before")
    first, second = new_key("k1"), new_key("k2")
    use_settings(with_keys(settings, first))
    middle = await add_export(town.id, b"middle")
    use_settings(with_keys(settings, second, first))
    names = [row["path"] for row in await db.rows("SELECT path FROM data_export ORDER BY id")]
    assert await in_use() == [(derived, 1), ("k1", 1)]
    assert [await content_of(name) for name in names] == [b"before", b"middle"]
    files = {path.name: path.read_bytes() for path in settings.exports_dir.iterdir()}

    done = await asyncio.to_thread(run_cli, "export", "rekey", "--json", PATRONGRAPH_EXPORT_KEYS=f"{second},{first}")
    assert (done.returncode, orjson.loads(done.stdout)) == (0, {"key": "k2", "rekeyed": 2, "left": {}}), done.stderr
    assert await in_use() == [("k2", 2)]
    assert {path.name: path.read_bytes() for path in settings.exports_dir.iterdir()} == files
    # Now the old ones can go, and the secret key may change.
    use_settings(with_keys(settings, second).model_copy(update={"secret_key": SecretStr("another " * 5)}))
    assert [await content_of(name) for name in names] == [b"before", b"middle"]
    assert (before, middle) == (1, 2)
    for secret in (first, second):
        assert secret.partition(":")[2] not in done.stdout + done.stderr


async def test_what_cannot_be_rekeyed_is_told_and_left(town: Town, settings: Settings, run_cli) -> None:
    use_settings(with_keys(settings, new_key("lost")))
    await add_export(town.id, b"lost")
    use_settings(settings)
    await add_export(town.id, b"kept")
    rows = await db.rows("SELECT id, key_id, sealed_key FROM data_export WHERE key_id = 'lost'")
    done = await asyncio.to_thread(run_cli, "export", "rekey", PATRONGRAPH_EXPORT_KEYS=new_key("now"))
    assert done.returncode == 1
    assert "these cannot be read, because their key is missing or wrong: 1 with lost" in done.stderr
    assert "1 export files now have the key now" in done.stdout
    assert await in_use() == [("lost", 1), ("now", 1)]
    assert await db.rows("SELECT id, key_id, sealed_key FROM data_export WHERE key_id = 'lost'") == rows
    doctor = await asyncio.to_thread(run_cli, "doctor")
    assert "wrong export keys: export files need lost, now: add to PATRONGRAPH_EXPORT_KEYS" in doctor.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("k1", "key 1 is not id:base64"),
        ("k1:c2hvcnQ=", "key 1 is not id:base64"),
        (f"{new_key('k1')},{new_key('K2')}", "key 2 is not id:base64"),
        (f"{new_key('k1')},{new_key('k1')}", "key 2 has the id of an earlier one"),
        (new_key("derived-00"), "key 1 is not id:base64"),
        (f"{new_key('k1')},", "key 2 is not id:base64"),
    ],
    ids=range(6),  # the keys are random, and every test process must find the same names
)
def test_a_mistake_is_told_without_the_key(run_cli, given: str, said: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings(export_keys=SecretStr(given))
    done = run_cli("doctor", PATRONGRAPH_EXPORT_KEYS=given)
    assert done.returncode != 0
    for text in (str(wrong.value), done.stdout + done.stderr):
        assert said in text
        assert all(part.partition(":")[2] not in text for part in given.split(",") if len(part) > 10)


def test_neither_settings_nor_keys_show_a_key(settings: Settings) -> None:
    given = new_key("k1")
    text = repr(with_keys(settings, given)) + str(parse_export_keys(given).keys())
    assert given.partition(":")[2] not in text
    use_settings(with_keys(settings, given))
    made = keys.new_file_key(1)
    assert "key_id='k1'" in repr(made)
    assert repr(made.key) not in repr(made)
    use_settings(settings)


async def test_without_any_key_nothing_is_written(town: Town, settings: Settings) -> None:
    use_settings(settings.model_copy(update={"secret_key": SecretStr("")}))
    with pytest.raises(keys.UnusableKey, match="neither PATRONGRAPH_EXPORT_KEYS nor PATRONGRAPH_SECRET_KEY is set"):
        await add_export(town.id, b"x")
    assert not settings.exports_dir.exists()
