"""A number ties what a client was shown to a line of the log."""

import json
from pathlib import Path

from tests.observability.conftest import serving
from tests.town import Town

from patrongraph import db
from patrongraph.settings import Settings


async def test_a_bug_is_found_in_the_log_by_the_number_that_the_client_has(
    settings: Settings, town: Town, tmp_path: Path
) -> None:
    token = await town.token()
    await db.rows("ALTER TABLE library RENAME COLUMN code TO hidden_code")
    try:
        with serving(settings, tmp_path / "log") as api:
            given = "a-number-of-the-callers"
            named = await api.post("{ library { code } }", token=token, headers={"x-request-id": given})
            unnamed = await api.post("{ library { code } }", token=token, headers={"x-request-id": "short"})
    finally:
        await db.rows("ALTER TABLE library RENAME COLUMN hidden_code TO code")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    for answer in (named, unnamed):
        number = answer.headers["x-request-id"]
        [error] = answer.json()["errors"]
        assert error["extensions"]["code"] == "INTERNAL"
        assert number in error["message"]
        [line] = [line for line in lines if line.get("request_id") == number]
        assert (line["error"], line["level"]) == ("UndefinedColumnError", "ERROR")
        assert line["where"].startswith("patrongraph/graph/engine.py:")
    assert named.headers["x-request-id"] == given
    assert unnamed.headers["x-request-id"] != "short"
    assert "hidden_code" not in (tmp_path / "log").read_text()
