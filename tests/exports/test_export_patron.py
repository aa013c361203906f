"""One patron's export: the whole document and nothing else, made whole or not at all."""

import hashlib
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from tests.clients import why
from tests.exported import content_of

from patrongraph.context import Actor, ActorKind
from patrongraph.exports import files
from patrongraph.exports.actions import expire_due, run_patron_export, start_patron_export
from patrongraph.exports.folder import UNFINISHED
from patrongraph.exports.models import ExportFormat
from patrongraph.jobs import actions as jobs
from patrongraph.patrons.queries import ErasureAction, obstacles
from patrongraph.problems import ProblemCode, Refused

NOTES = {"title": "Notes", "author": "Menabrea", "barcode": "I-1"}
ENGINE = {"title": "Engine", "author": "", "barcode": "I-2"}


def at(day: int, hour: int = 9) -> str:
    return f"2026-03-{day:02}T{hour:02}:00:00+00:00"


ADA = {
    "schema": "patrongraph/patron-data/1",
    "library": {"code": "NORTH", "name": "North Library", "currency": "EUR"},
    "identity": {
        "externalId": "ext-1",
        "username": "ada",
        "firstName": "Ada",
        "middleName": "Augusta",
        "lastName": "Lovelace",
        "preferredName": 'Addie "A"\n\\\u0001 ä😀',
        "dateOfBirth": "1815-12-10",
    },
    "contact": {"email": "ada@example.org", "phone": "+44 1"},
    "registration": {
        "category": "Adult",
        "cohort": "North Seven",
        "homeBranch": "North Main",
        "registeredAt": at(1),
        "expiresOn": "2027-01-31",
        "lastActivityAt": at(3),
        "updatedAt": at(1),
    },
    "status": {"status": "INACTIVE", "changedAt": at(2), "purgeAfter": None, "protected": True},
    "notes": "Likes engines.",
    "importedRows": [
        {"line": 7, "cells": ["B-NEW", None, "bad"], "column": "email", "reason": "is not an e-mail address"},
    ],
    "exports": [
        {
            "format": "JSON",
            "state": "EXPIRED",
            "createdAt": at(1),
            "readyAt": at(1, 10),
            "expiresAt": at(4, 10),
            "downloads": 1,
        }
    ],
    "addresses": [
        {"kind": "HOME", "street": "1 Dorset St", "postalCode": "W1", "city": "London", "region": "", "country": "GB"},
        {"kind": "MAILING", "street": "2 Mail St", "postalCode": "", "city": "", "region": "Kent", "country": ""},
    ],
    "cards": [
        {"barcode": "B-OLD", "active": False, "createdAt": at(1)},
        {"barcode": "B-NEW", "active": True, "createdAt": at(2)},
    ],
    "rollovers": [
        {"fromCohort": None, "toCohort": "North Seven", "movedAt": at(2), "deactivated": True, "undoneAt": None}
    ],
    "groupMemberships": [{"lead": True, "joinedAt": at(5)}],
    "privacyWaivers": [{"grantedAt": at(6), "revokedAt": at(7)}],
    "blocks": [
        {
            "comment": "Owes a chat",
            "message": "Come by",
            "placedAt": at(4),
            "expiresAt": at(20),
            "liftedAt": None,
            "liftReason": None,
        },
        {
            "comment": "Old one",
            "message": None,
            "placedAt": at(1),
            "expiresAt": None,
            "liftedAt": at(2),
            "liftReason": "Settled",
        },
    ],
    "loans": [
        {
            "item": ENGINE,
            "checkedOutAt": at(1),
            "dueAt": at(15),
            "returnedAt": at(9),
            "renewalsLeft": 0,
            "lost": False,
            "branch": "North Main",
        },
        {
            "item": NOTES,
            "checkedOutAt": at(10),
            "dueAt": at(24),
            "returnedAt": None,
            "renewalsLeft": 2,
            "lost": False,
            "branch": None,
        },
    ],
    "reservations": [
        {
            "item": ENGINE,
            "requestedAt": at(8),
            "pickupBranch": "North Main",
            "frozen": True,
            "state": "OPEN",
            "fulfilledAt": None,
            "cancelledAt": None,
        }
    ],
    "ledger": [
        {
            "kind": "CHARGE",
            "amount": "12.50",
            "outstanding": "2.00",
            "reason": "OVERDUE",
            "note": "Late",
            "item": NOTES,
            "externalId": "L-1",
            "createdAt": at(11),
        },
        {
            "kind": "PAYMENT",
            "amount": "10.50",
            "outstanding": None,
            "reason": "",
            "note": None,
            "item": NOTES,
            "externalId": None,
            "createdAt": at(12),
        },
        {
            "kind": "CHARGE",
            "amount": "1.00",
            "outstanding": "0.00",
            "reason": "CARD",
            "note": None,
            "item": None,
            "externalId": None,
            "createdAt": at(13),
        },
    ],
}

EXPORT = "SELECT * FROM data_export WHERE job_id = $1"
JOB = "SELECT * FROM job WHERE id = $1"
EVENTS = "SELECT action, subject_kind, subject_id FROM audit_event WHERE job_id = $1 ORDER BY id"


async def test_the_document_says_everything(database, north, ada, work, stored, settings):
    began = datetime.now(UTC)
    job_id = await start_patron_export(north.operator, ada.id)
    await work(job_id)

    [path] = stored()
    document = orjson.loads(await content_of(path.name))
    exported_at = datetime.fromisoformat(document.pop("exportedAt"))
    assert began <= exported_at <= datetime.now(UTC)
    own = document["exports"].pop()
    assert (own["format"], own["state"], own["readyAt"], own["downloads"]) == ("JSON", "RUNNING", None, 0)
    assert document == ADA
    assert list(document) == [name for name in ADA if name in document]


async def test_no_secret_no_staff_and_nobody_else_is_in_it(database, north, ada, work, stored):
    await work(await start_patron_export(north.operator, ada.id))
    [path] = stored()
    text = (await content_of(path.name)).decode()
    for canary in ("CANARY", "argon2", "MATE", "mate@", "STAFFNAME", "anna", "GROUPSECRET", "c" * 64, "d" * 64):
        assert canary not in text


async def test_the_file_is_private_and_the_export_knows_it(database, north, ada, work, stored):
    job_id = await start_patron_export(north.operator, ada.id)
    await work(job_id)

    [path] = stored()
    data = await content_of(path.name)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    export = await database.row(EXPORT, job_id)
    assert (export["state"], export["format"], export["patron_id"]) == ("READY", "JSON", ada.id)
    assert (export["path"], export["size"]) == (path.name, len(data))
    assert export["sha256"] == hashlib.sha256(data).hexdigest()
    assert export["expires_at"] - export["ready_at"] == timedelta(hours=48)
    job = await database.row(JOB, job_id)
    assert (job["state"], job["done"], job["total"], job["lease_owner"]) == ("SUCCEEDED", 1, 1, None)
    assert job["params"] == "{}"
    events = [tuple(event) for event in await database.rows(EVENTS, job_id)]
    assert events == [
        ("export.request", "patron", ada.id),
        ("export.ready", "patron", ada.id),
        ("job.finish", "job", job_id),
    ]


async def test_another_librarys_patron_is_not_found(database, north, south, ada):
    with pytest.raises(Refused) as refused:
        await start_patron_export(south.operator, ada.id)
    assert refused.value.problem.code is ProblemCode.NOT_FOUND
    assert await database.value("SELECT count(*) FROM job") == 1
    assert await database.value("SELECT count(*) FROM data_export") == 1


async def test_lines_of_many_are_refused_for_one(database, north, ada):
    with pytest.raises(Refused) as refused:
        await start_patron_export(north.operator, ada.id, ExportFormat.NDJSON)
    assert refused.value.problem.code is ProblemCode.INVALID_INPUT
    assert why(refused.value.problem) == [("NOT_ALLOWED", None)]
    assert await database.value("SELECT count(*) FROM job") == 1


async def test_the_same_request_twice_is_one_export(database, north, ada):
    first = await start_patron_export(north.operator, ada.id, idempotency_key="k")
    assert await start_patron_export(north.operator, ada.id, idempotency_key="k") == first
    with pytest.raises(Refused) as refused:
        await start_patron_export(north.operator, ada.mate, idempotency_key="k")
    assert refused.value.problem.code is ProblemCode.IDEMPOTENCY_MISMATCH
    assert await database.value("SELECT count(*) FROM data_export WHERE state = 'REQUESTED'") == 1


async def test_a_purge_is_told_until_the_file_is_ready(database, north, patron, work):
    who = await patron(north, status="INACTIVE")
    codes = lambda found: [obstacle.code.value for obstacle in found]  # noqa: E731 - said once
    job_id = await start_patron_export(north.operator, who)
    assert codes(await obstacles(north.id, [who], ErasureAction.PURGE)) == ["EXPORT_IN_PROGRESS"]
    await work(job_id)
    assert codes(await obstacles(north.id, [who], ErasureAction.PURGE)) == []


async def test_a_patron_who_went_meanwhile_fails_the_job_and_leaves_no_file(database, north, patron, work, stored):
    who = await patron(north)
    job_id = await start_patron_export(north.operator, who)
    await database.rows("DELETE FROM patron WHERE id = $1", who)
    await work(job_id)
    job = await database.row(JOB, job_id)
    assert (job["state"], job["error"]) == (
        "FAILED",
        "The patron is no longer in the library, so there is nothing to export.",
    )
    export = await database.row(EXPORT, job_id)
    assert (export["state"], export["path"]) == ("FAILED", None)
    assert stored() == []


async def test_a_purged_export_row_fails_the_job(database, north, patron, work, stored):
    who = await patron(north)
    job_id = await start_patron_export(north.operator, who)
    await database.rows("DELETE FROM data_export WHERE patron_id = $1", who)
    await database.rows("DELETE FROM patron WHERE id = $1", who)
    await work(job_id)
    assert await database.value("SELECT state FROM job WHERE id = $1", job_id) == "FAILED"
    assert stored() == []
    with pytest.raises(Refused) as refused:
        await start_patron_export(north.operator, who)
    assert refused.value.problem.code is ProblemCode.NOT_FOUND


async def test_who_lost_the_permission_gets_no_file(database, north, ada, work, stored):
    nobody = Actor(ActorKind.STAFF, north.staff, north.id)
    job_id = await start_patron_export(nobody, ada.id)
    await work(job_id)
    job = await database.row(JOB, job_id)
    assert job["state"] == "FAILED"
    assert "no longer allowed" in job["error"]
    assert (await database.row(EXPORT, job_id))["state"] == "FAILED"
    assert stored() == []


async def test_a_folder_that_cannot_be_written_fails_the_job_with_the_reason(database, north, ada, work, settings):
    settings.exports_dir.write_text("a file where the folder should be")
    job_id = await start_patron_export(north.operator, ada.id)
    await work(job_id)
    job = await database.row(JOB, job_id)
    assert job["state"] == "FAILED"
    assert job["error"].startswith("The export file could not be written: ")
    assert str(settings.exports_dir) not in job["error"]
    settings.exports_dir.unlink()


async def test_a_killed_run_is_done_again_and_its_rest_removed(database, north, ada, take, work, stored, settings):
    job_id = await start_patron_export(north.operator, ada.id)
    # As a kill between the first byte and the rename leaves it.
    export_id = (await database.row(EXPORT, job_id))["id"]
    dead = files.new_name(export_id)
    await take(job_id, "dead")
    await database.rows("UPDATE data_export SET state = 'RUNNING', path = $2 WHERE job_id = $1", job_id, dead)
    writer = await files.ExportWriter(export_id, dead).__aenter__()
    await writer.write(b'{"schema": ')
    assert [path.name for path in stored()] == [dead + UNFINISHED]
    await database.rows("UPDATE job SET lease_until = now() - interval '1 second' WHERE id = $1", job_id)

    await work(job_id)

    [path] = stored()
    assert path.name != dead
    assert orjson.loads(await content_of(path.name))["identity"]["firstName"] == "Ada"
    assert (await database.row(EXPORT, job_id))["state"] == "READY"
    # The dead one, if it only slept, can no longer give its file a name.
    with pytest.raises(files.StorageError):
        await writer.finish()
    await writer.__aexit__(None, None, None)
    assert stored() == [path]


async def test_a_run_that_lost_its_lease_changes_nothing(database, north, ada, take, stored):
    job_id = await start_patron_export(north.operator, ada.id)
    lease = await take(job_id)
    await database.rows("UPDATE job SET lease_owner = 'other' WHERE id = $1", job_id)
    await run_patron_export(lease)
    assert (await database.row(EXPORT, job_id))["state"] == "REQUESTED"
    assert stored() == []


async def test_a_cancelled_job_ends_its_export(database, north, ada, stored):
    job_id = await start_patron_export(north.operator, ada.id)
    await jobs.cancel(north.operator, job_id)
    await expire_due()
    assert (await database.row(EXPORT, job_id))["state"] == "CANCELLED"
    assert stored() == []
