"""importPatrons with a real file through a running API: nothing of a file is taken from those who may not send it."""

from typing import Any

import httpx
import pytest
from tests.clients import Api
from tests.imports.files import pupils, statuses
from tests.town import Town, nothing_changes
from tests.transport.uploads import FORM, form

from patrongraph.permissions import ALL_PERMISSIONS, Permission

IMPORT = """
mutation($input: ImportPatronsInput!) { importPatrons(input: $input) {
  ... on ImportStarted { job { id kind state total } }
  ... on Problem { code message }
  ... on FileRefused { reason columns limit }
} }
"""
FILE = "username,enabled\npupil1,FALSE\npupil2,FALSE\nnobody,FALSE\n"


async def upload(api: Api, token: str | None, content: str | bytes = FILE, **more: Any) -> httpx.Response:
    body = form(
        content,
        query=IMPORT,
        variables={"input": {"file": None, "format": "STATUS", **more}},
        path="variables.input.file",
    )
    async with api.client() as client:
        return await client.post("/graphql", content=body, headers=api.headers(token) | FORM)


async def test_a_file_is_imported(town: Town, api: Api, worker_process: object) -> None:
    await pupils(town, 4)
    token = await town.token()
    said = (await upload(api, token, idempotencyKey="once")).json()["data"]["importPatrons"]
    assert said["job"].items() >= {"kind": "IMPORT", "total": 3}.items(), said
    [*_, last] = await api.follow(said["job"]["id"], token)
    assert (last["state"], last["done"], last["skipped"]) == ("COMPLETED_WITH_ISSUES", 2, 1)
    assert await statuses(town) == {
        "pupil1": "INACTIVE", "pupil2": "INACTIVE", "pupil3": "ACTIVE", "pupil4": "ACTIVE"
    }  # fmt: skip
    again = (await upload(api, token, idempotencyKey="once")).json()["data"]["importPatrons"]
    assert again["job"]["id"] == said["job"]["id"]
    other = (await upload(api, token, FILE.replace("nobody", "pupil3"), idempotencyKey="once")).json()
    assert other["data"]["importPatrons"]["code"] == "IDEMPOTENCY_MISMATCH"


@pytest.mark.parametrize(
    ("content", "reason", "columns"),
    [(b"", "EMPTY", []), (b"\x00\xff" * 50, "ENCODING", []), ("username\npupil1\n", "COLUMN_MISSING", ["enabled"])],
    ids=["empty", "binary", "no column"],
)
async def test_a_file_that_cannot_be_read_is_a_problem(
    town: Town, api: Api, content: str | bytes, reason: str, columns: list[str]
) -> None:
    token = await town.token()
    async with nothing_changes():
        answer = await upload(api, token, content)
        said = answer.json()["data"]["importPatrons"]
        assert (said["code"], said["reason"], said["columns"], said["limit"]) == ("FILE_REFUSED", reason, columns, None)


async def test_who_may_not_import_sends_nothing(town: Town, api: Api) -> None:
    token = await town.token(*(ALL_PERMISSIONS - {Permission.PATRONS_IMPORT}))
    async with nothing_changes():
        found = []
        for who in (None, token):
            answer = await upload(api, who)
            found.append((answer.status_code, answer.json()["errors"][0]["extensions"]["code"]))
    assert found == [(401, "UNAUTHENTICATED"), (403, "FORBIDDEN")]
