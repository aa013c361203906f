"""Secrets come from files that PATRONGRAPH_…_FILE names, so that no environment shows them."""

import pytest
from pydantic import ValidationError

from patrongraph.settings import Settings, UnreadableFile, sentinels

KEY = "a key that is longer than thirty-two characters"


def test_a_file_gives_a_setting(tmp_path, monkeypatch):
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "size").write_text("3")
    monkeypatch.setenv("PATRONGRAPH_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("PATRONGRAPH_POOL_SIZE_FILE", str(tmp_path / "size"))
    found = Settings()
    assert (found.secret_key.get_secret_value(), found.pool_size) == (KEY, 3)
    assert KEY not in repr(found)


def test_an_argument_comes_before_a_file(tmp_path, monkeypatch):
    (tmp_path / "size").write_text("3")
    monkeypatch.setenv("PATRONGRAPH_POOL_SIZE_FILE", str(tmp_path / "size"))
    assert Settings(pool_size=5).pool_size == 5


def test_the_file_of_tombstones_is_a_setting_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PATRONGRAPH_TOMBSTONES_FILE", "elsewhere.ndjson")
    assert Settings().tombstones_file == "elsewhere.ndjson"


def test_both_at_once_is_refused(tmp_path, monkeypatch):
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setenv("PATRONGRAPH_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("PATRONGRAPH_SECRET_KEY", KEY)
    with pytest.raises(UnreadableFile, match="PATRONGRAPH_SECRET_KEY and PATRONGRAPH_SECRET_KEY_FILE are both set"):
        Settings()


def test_a_command_says_which_file_it_cannot_read(run_cli, tmp_path):
    missing = tmp_path / "missing"
    done = run_cli("migrate", PATRONGRAPH_AUDIT_KEYS_FILE=str(missing))
    assert done.returncode != 0
    # Every variable is in the environment of a child of ours, so that both are set here.
    assert "PATRONGRAPH_AUDIT_KEYS and PATRONGRAPH_AUDIT_KEYS_FILE are both set" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATRONGRAPH_SECRET_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(UnreadableFile, match=r"PATRONGRAPH_SECRET_KEY_FILE names .*missing.*: No such file"):
        Settings()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("PATRONGRAPH_SECRET_KEY_FILE", str(tmp_path / "binary"))
    with pytest.raises(UnreadableFile, match="it is not text"):
        Settings()


def test_what_is_wrong_in_a_file_is_said_without_its_words(tmp_path, monkeypatch):
    (tmp_path / "keys").write_text("not-a-key-of-mine")
    monkeypatch.setenv("PATRONGRAPH_EXPORT_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert "not-a-key-of-mine" not in str(raised.value)


def test_sentinels_are_read_from_an_address():
    found = sentinels("redis+sentinel://user:p%40ss@one:26379,[::1]:26380/primary/2")
    assert found.addresses == [("one", 26379), ("::1", 26380)]
    assert (found.name, found.db, found.username, found.password) == ("primary", 2, "user", "p@ss")
    assert sentinels("redis+sentinel://one:26379/primary").password is None
    for wrong in ("redis+sentinel://one/primary", "redis+sentinel://one:1", "redis+sentinel://one:1/p/x"):
        with pytest.raises(ValidationError, match="redis\\+sentinel://user:password@host"):
            Settings(redis_url=wrong)
