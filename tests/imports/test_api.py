"""importPatrons, the report below a job, and its rejected rows as a file to mend."""

import csv
import io
from typing import Any

import pytest
from tests.clients import Api
from tests.imports.files import IMPORT, counted, pupils, send_in, status_file, statuses, take_in
from tests.town import Town, contents, nothing_changes

from patrongraph import db
from patrongraph.imports.models import ImportFormat
from patrongraph.permissions import Permission

REPORT = """
query($id: ID!) { job(id: $id) { state done skipped import {
  format dryRun encoding warnings columns { name field } rows created updated deactivated reactivated unchanged rejected
  waiting deactivateMissing maximumMissingShare missing missingConsidered missingDeactivated missingState
  rejections(first: 2) { totalCount pageInfo { hasNextPage } edges {
    node { line column code message patron { username }
      problems { column code reason limit firstLine } } } }
} } }
"""


async def test_a_file_becomes_a_job_and_a_report(town: Town, work, api: Api) -> None:
    await pupils(town, 4)
    token = await town.token()
    file = status_file(pupil1="FALSE", pupil2="TRUE", nobody="TRUE", somebody="TRUE", pupil3="x")
    job = (await send_in(api, token, file, format="STATUS", deactivateMissing={"maximumShare": 0.5}))["job"]
    assert job == {
        "id": job["id"], "kind": "IMPORT", "state": "QUEUED", "total": 5,
        "import": {"format": "STATUS", "dryRun": False, "rows": 5, "waiting": 5},
    }  # fmt: skip
    await work(town.id, int(job["id"].removeprefix("job_")))
    found = (await api.data(REPORT, {"id": job["id"]}, token))["job"]
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
                              "message": "username is no patron's of this library.",
                              "problems": [{"column": "username", "code": "UNKNOWN_PATRON", "reason": None,
                                            "limit": None, "firstLine": None}]}},
                    {"node": {"line": 5, "column": "username", "code": "UNKNOWN_PATRON", "patron": None,
                              "message": "username is no patron's of this library.",
                              "problems": [{"column": "username", "code": "UNKNOWN_PATRON", "reason": None,
                                            "limit": None, "firstLine": None}]}},
                ],
            },
        },
    }  # fmt: skip


async def test_refusals_are_problems(town: Town, other_town: Town, api: Api) -> None:
    token = await town.token()
    for file, more, code in (
        ("username\nx\n", {}, "FILE_REFUSED"),
        (status_file(a="TRUE"), {"deactivateMissing": {"branchId": f"branch_{other_town.branch}"}}, "INVALID_INPUT"),
        (status_file(a="TRUE"), {"deactivateMissing": {"maximumShare": -0.1}}, "INVALID_INPUT"),
        (status_file(a="TRUE"), {"columns": [{"column": "a", "field": "USERNAME"}] * 2}, "INVALID_INPUT"),
        (status_file(a="TRUE"), {"idempotencyKey": ""}, "INVALID_INPUT"),
    ):
        async with nothing_changes():
            said = await send_in(api, token, file, format="STATUS", **more)
        assert said["code"] == code, said


@pytest.mark.parametrize("value", ["a text", 7, {"file": "x"}, [], None])
async def test_an_upload_in_json_is_a_bad_request(town: Town, api: Api, value: Any) -> None:
    token = await town.token()
    async with nothing_changes():
        answer = await api.post(IMPORT, {"input": {"file": value, "format": "STATUS"}}, token)
    assert answer.status_code == 400
    assert [each["extensions"]["code"] for each in answer.json()["errors"]] == ["BAD_VARIABLES"]


async def test_it_takes_the_permission(town: Town, api: Api, work) -> None:
    editor = await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_EDIT)
    async with nothing_changes():
        # Both importPatrons and Job.import take it.
        assert await api.refused(IMPORT, {"input": {"file": None, "format": "STATUS"}}, editor) == ["FORBIDDEN"] * 2
    job_id = await take_in(town, status_file(a="TRUE"))
    await work(town.id, job_id)
    viewer = await town.token(Permission.PATRONS_VIEW)
    assert await api.refused(REPORT, {"id": f"job_{job_id}"}, viewer) == ["FORBIDDEN"]
    async with api.client() as client:
        for token, status in ((viewer, 403), (None, 401)):
            got = await client.get(f"/jobs/job_{job_id}/rejected.csv", headers=api.headers(token))
            assert got.status_code == status


async def test_the_same_key_and_file_start_one_job(town: Town, api: Api) -> None:
    await pupils(town, 2)
    token = await town.token()
    asked = {"format": "STATUS", "idempotencyKey": "k1"}
    first = await send_in(api, token, status_file(pupil1="FALSE"), **asked)
    async with nothing_changes():
        again = await send_in(api, token, status_file(pupil1="FALSE"), **asked)
    assert again == first
    for file, more in ((status_file(pupil2="FALSE"), {}), (status_file(pupil1="FALSE"), {"dryRun": True})):
        async with nothing_changes():
            other = await send_in(api, token, file, **asked, **more)
        assert other["code"] == "IDEMPOTENCY_MISMATCH"


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


async def test_each_thing_that_is_wrong_is_told_by_itself(town: Town, api: Api, work) -> None:
    token = await town.token()
    lines = [
        "barcode,last_name,e-post,date_of_birth,registered_at,enabled,branch,postal_code",
        f"Ä1,{'n' * 201},bad,31/12/2010,yesterday,perhaps,NOPE,{'2' * 21}",
        "B1,Ek,,2999-01-01,,,,",
        "B1,Alm,,1850-01-01,,,,",
        "B3,Bo",
        ",,,,,,,",
        "B4,Cy,,,,,,",
        "B4,Dy,,,,,,",
    ]
    job_id = await take_in(town, "\n".join(lines), ImportFormat.PATRONS, mapping={"e-post": "email"})
    await work(town.id, job_id)
    query = """query($id: ID!) { job(id: $id) { import { rejections(first: 50) { edges { node {
      line code column problems { column code reason limit firstLine } } } } } } }"""
    found = (await api.data(query, {"id": f"job_{job_id}"}, token))["job"]["import"]["rejections"]["edges"]
    told = {
        node["line"]: [(*[each[name] for name in ("column", "code", "reason")], each["limit"] or each["firstLine"])
                       for each in node["problems"]]
        for node in (edge["node"] for edge in found)
    }  # fmt: skip
    assert told == {
        2: [
            ("barcode", "INVALID", "NOT_A_BARCODE", None), ("last_name", "INVALID", "TOO_LONG", 200),
            ("date_of_birth", "INVALID", "NOT_A_DATE", None), ("e-post", "INVALID", "NOT_AN_EMAIL", None),
            ("postal_code", "INVALID", "TOO_LONG", 20), ("registered_at", "INVALID", "NOT_A_TIME", None),
            ("enabled", "INVALID", "NOT_A_FLAG", None), ("branch", "NOT_FOUND", None, None),
        ],
        3: [("date_of_birth", "INVALID", "IN_FUTURE", None)],
        4: [("date_of_birth", "INVALID", "TOO_FAR", 130)],
        5: [(None, "UNREADABLE", "COLUMN_COUNT", 8)],
        8: [("barcode", "DUPLICATE", None, 7)],
    }  # fmt: skip
    assert [(node["code"], node["column"]) for node in (edge["node"] for edge in found)] == [
        (told[node["line"]][0][1], told[node["line"]][0][0]) for node in (edge["node"] for edge in found)
    ]  # fmt: skip
