"""importPatrons, the report below a job, and its rejected rows as a file to mend."""

import csv
import hashlib
import io
from typing import Any

import orjson
import pytest
from tests.clients import Api
from tests.imports.files import counted, pupils, status_file, statuses, take_in
from tests.town import Town, contents, nothing_changes

from patrongraph import db
from patrongraph.context import Actor, Context
from patrongraph.graph.engine import Engine, Request
from patrongraph.graph.scalars import Upload
from patrongraph.imports.models import ImportFormat
from patrongraph.permissions import Permission
from patrongraph.schema import schema

IMPORT = """
mutation($input: ImportPatronsInput!) { importPatrons(input: $input) {
  ... on ImportStarted { job { id kind state total import { format dryRun rows waiting } } }
  ... on Problem { code message }
} }
"""
REPORT = """
query($id: ID!) { job(id: $id) { state done skipped import {
  format dryRun encoding warnings columns { name field } rows created updated deactivated reactivated unchanged rejected
  waiting deactivateMissing maximumMissingShare missing missingConsidered missingDeactivated missingState
  rejections(first: 2) { totalCount pageInfo { hasNextPage } edges {
    node { line column code message patron { username } } } }
} } }
"""


def upload(text: str) -> Upload:
    content = text.encode()
    return Upload("statuses.csv", len(content), hashlib.sha256(content).hexdigest(), io.BytesIO(content))


async def send(settings: Any, actor: Actor, **input: Any) -> Any:
    answer = await Engine(schema, settings).execute(Request(IMPORT, None, {"input": input}), Context(actor, "a test"))
    return answer.status, orjson.loads(answer.body)


async def test_a_file_becomes_a_job_and_a_report(town, settings, work, api: Api) -> None:
    await pupils(town, 4)
    file = status_file(pupil1="FALSE", pupil2="TRUE", nobody="TRUE", somebody="TRUE", pupil3="x")
    status, said = await send(
        settings, town.system, file=upload(file), format="STATUS", deactivateMissing={"maximumShare": 0.5}
    )
    job = said["data"]["importPatrons"]["job"]
    assert (status, job) == (200, {
        "id": job["id"], "kind": "IMPORT", "state": "QUEUED", "total": 5,
        "import": {"format": "STATUS", "dryRun": False, "rows": 5, "waiting": 5},
    })  # fmt: skip
    await work(town.id, int(job["id"].removeprefix("job_")))
    found = (await api.data(REPORT, {"id": job["id"]}, await town.token()))["job"]
    assert found == {
        "state": "COMPLETED_WITH_ISSUES", "done": 2, "skipped": 4, "import": {
            "format": "STATUS", "dryRun": False, "encoding": "utf-8", "warnings": [],
            "columns": [{"name": "username", "field": "USERNAME"}, {"name": "enabled", "field": "ENABLED"}],
            "rows": 5, "created": 0, "updated": 0, "deactivated": 1, "reactivated": 0, "unchanged": 1, "rejected": 3,
            "waiting": 0, "deactivateMissing": True, "maximumMissingShare": 0.5, "missing": 1, "missingConsidered": 4,
            "missingDeactivated": 0, "missingState": "ROWS_REJECTED",
            "rejections": {
                "totalCount": 3, "pageInfo": {"hasNextPage": True}, "edges": [
                    {"node": {"line": 4, "column": "username", "code": "UNKNOWN_PATRON", "patron": None,
                              "message": "username is no patron's of this library."}},
                    {"node": {"line": 5, "column": "username", "code": "UNKNOWN_PATRON", "patron": None,
                              "message": "username is no patron's of this library."}},
                ],
            },
        },
    }  # fmt: skip


async def test_refusals_are_problems(town, other_town, settings) -> None:
    for file, more, code in (
        ("username\nx\n", {}, "FILE_REFUSED"),
        (status_file(a="TRUE"), {"deactivateMissing": {"branchId": f"branch_{other_town.branch}"}}, "INVALID_INPUT"),
        (status_file(a="TRUE"), {"deactivateMissing": {"maximumShare": -0.1}}, "INVALID_INPUT"),
        (status_file(a="TRUE"), {"columns": [{"column": "a", "field": "USERNAME"}] * 2}, "INVALID_INPUT"),
        (status_file(a="TRUE"), {"idempotencyKey": ""}, "INVALID_INPUT"),
    ):
        async with nothing_changes():
            _, said = await send(settings, town.system, file=upload(file), format="STATUS", **more)
        assert said["data"]["importPatrons"]["code"] == code, said


@pytest.mark.parametrize("value", ["a text", 7, {"file": "x"}, [], None])
async def test_an_upload_in_json_is_a_bad_request(town: Town, api: Api, value: Any) -> None:
    token = await town.token()
    async with nothing_changes():
        answer = await api.post(IMPORT, {"input": {"file": value, "format": "STATUS"}}, token)
    assert answer.status_code == 400
    assert [each["extensions"]["code"] for each in answer.json()["errors"]] == ["BAD_VARIABLES"]


async def test_it_takes_the_permission(town: Town, settings, api: Api, work) -> None:
    actor = await town.staff(Permission.PATRONS_VIEW, Permission.PATRONS_EDIT)
    async with nothing_changes():
        status, said = await send(settings, actor, file=upload(status_file(a="TRUE")), format="STATUS")
    assert (status, said["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    job_id = await take_in(town, status_file(a="TRUE"))
    await work(town.id, job_id)
    viewer = await town.token(Permission.PATRONS_VIEW)
    assert await api.refused(REPORT, {"id": f"job_{job_id}"}, viewer) == ["FORBIDDEN"]
    async with api.client() as client:
        for token, status in ((viewer, 403), (None, 401)):
            got = await client.get(f"/jobs/job_{job_id}/rejected.csv", headers=api.headers(token))
            assert got.status_code == status


async def test_the_same_key_and_file_start_one_job(town, settings) -> None:
    await pupils(town, 2)
    asked = {"format": "STATUS", "idempotencyKey": "k1"}
    first = (await send(settings, town.system, file=upload(status_file(pupil1="FALSE")), **asked))[1]
    async with nothing_changes():
        again = (await send(settings, town.system, file=upload(status_file(pupil1="FALSE")), **asked))[1]
    assert again["data"]["importPatrons"]["job"]["id"] == first["data"]["importPatrons"]["job"]["id"]
    for file, more in ((status_file(pupil2="FALSE"), {}), (status_file(pupil1="FALSE"), {"dryRun": True})):
        async with nothing_changes():
            other = (await send(settings, town.system, file=upload(file), **asked, **more))[1]
        assert other["data"]["importPatrons"]["code"] == "IDEMPOTENCY_MISMATCH"


async def test_rejected_rows_are_mended_and_imported_again(town: Town, other_town: Town, api: Api, work) -> None:
    ids = await pupils(town, 3)
    token, stranger = await town.token(), await other_town.token()
    before = await contents(other_town.id)
    file = (
        "Kort,last_name,e-post,phone\n"
        f"B{ids[0]},One,one@example.org,+46\n"
        f'B{ids[1]},"Two, ""the second""",bad,=1+1\n'
        "ny,New\n"
        "ö,Fourth,,\n"
    )
    mapping = {"Kort": "barcode", "e-post": "email"}
    job_id = await take_in(town, file, ImportFormat.PATRONS, mapping=mapping)
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 4, "updated": 1, "rejected": 3}
    async with api.client() as client:
        got = await client.get(f"/jobs/job_{job_id}/rejected.csv", headers=api.headers(token))
        away = await client.get(f"/jobs/job_{job_id}/rejected.csv", headers=api.headers(stranger))
        unknown = await client.get("/jobs/job_999/rejected.csv", headers=api.headers(token))
    assert (away.status_code, away.json()) == (unknown.status_code, unknown.json())
    assert away.status_code == 404
    assert got.headers["content-type"] == "text/csv; charset=utf-8"
    assert got.headers["content-disposition"] == f'attachment; filename="job_{job_id}-rejected.csv"'
    rows = list(csv.reader(io.StringIO(got.text.removeprefix("\ufeff"))))
    assert rows == [
        ["Kort", "last_name", "e-post", "phone", "line", "column", "reason"],
        [f"B{ids[1]}", 'Two, "the second"', "bad", "=1+1", "3", "e-post",
         "is not an e-mail address, which is written like anna@example.org"],
        ["ny", "New", "", "", "4", "", "has 2 columns instead of 4"],
        ["ö", "Fourth", "", "", "5", "Kort",
         "is not a barcode, which has letters, digits and signs without accents, and no spaces"],
    ]  # fmt: skip
    mended = got.text.replace(",bad,", ",two@example.org,").replace("ö,", "B4,")
    second = await take_in(town, mended, ImportFormat.PATRONS, mapping=mapping)
    await work(town.id, second)
    assert await counted(second) == {"rows": 3, "created": 2, "updated": 1}
    found = await db.rows("SELECT last_name, email, phone FROM patron WHERE library_id = $1 ORDER BY id", town.id)
    assert [tuple(row) for row in found] == [
        ("One", "one@example.org", "+46"), ('Two, "the second"', "two@example.org", "=1+1"),
        ("Last3", "p3@example.org", None), ("New", None, None), ("Fourth", None, None),
    ]  # fmt: skip
    assert await contents(other_town.id) == before
    assert set((await statuses(town)).values()) == {"ACTIVE"}
