"""A file of patrons creates and updates by the rules of registering and editing."""

import datetime as dt

import orjson
import pytest
from tests.imports.files import AUDIT, counted, patron, rejections, take_in
from tests.town import contents

from patrongraph import db
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs.models import JobState

PATRONS = ImportFormat.PATRONS
HEADER = (
    "external_id,barcode,username,first_name,middle_name,last_name,preferred_name,date_of_birth,email,phone,street,"
    "postal_code,city,region,country,category,cohort,branch,registered_at,expires_on,enabled,notes"
)
ASA = (
    "77,C77,asa,Åsa,Maria,Öberg,Ossi,2010-02-03,asa@example.org,070-1,Storgatan 1,111 22,Malmö,Skåne,SE,Pupil,Y9,MAIN,"
    "2020-01-02 10:00:00+00,2031-06-30,TRUE,likes maps"
)


async def test_a_new_patron_has_everything_the_row_says(town, other_town, work) -> None:
    before = await contents(other_town.id)
    job_id = await take_in(town, f"{HEADER}\n{ASA}\n", PATRONS)
    job = await work(town.id, job_id)
    assert (job.state, job.total, job.done) == (JobState.SUCCEEDED, 1, 1)
    assert await counted(job_id) == {"rows": 1, "created": 1}
    found = await patron(town, "external_id = '77'")
    assert found == {
        "id": found["id"], "external_id": "77", "username": "asa", "first_name": "Åsa", "middle_name": "Maria",
        "last_name": "Öberg", "preferred_name": "Ossi", "date_of_birth": dt.date(2010, 2, 3),
        "email": "asa@example.org", "phone": "070-1", "category": "Pupil", "status": "ACTIVE",
        "registered_at": dt.datetime(2020, 1, 2, 10, tzinfo=dt.UTC), "expires_on": dt.date(2031, 6, 30),
        "notes": "likes maps", "version": 1, "branch": "MAIN", "cohort": "Y9", "cards": ["C77"], "old_cards": [],
        "addresses": ["HOME|Storgatan 1|111 22|Malmö|Skåne|SE"],
    }  # fmt: skip
    [event] = await db.rows(AUDIT, town.id)
    assert (event["action"], event["subject_id"], event["job_id"]) == ("patron.register", found["id"], job_id)
    assert await contents(other_town.id) == before
    again = await take_in(town, f"{HEADER}\n{ASA}\n", PATRONS)
    await work(town.id, again)
    assert await counted(again) == {"rows": 1, "unchanged": 1}
    assert await patron(town, "external_id = '77'") == found


async def test_columns_replace_empty_cells_empty_and_the_rest_stays(town, work) -> None:
    await work(town.id, await take_in(town, f"{HEADER}\n{ASA}\n", PATRONS))
    before = await patron(town, "external_id = '77'")
    file = (
        "external_id,barcode,email,phone,street,postal_code,city,enabled,branch\n77,C78,,070-2,Nygatan 2,,Lund,FALSE,\n"
    )
    job_id = await take_in(town, file, PATRONS)
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 1, "deactivated": 1}
    assert await patron(town, "external_id = '77'") == before | {
        "email": None, "phone": "070-2", "addresses": ["HOME|Nygatan 2||Lund|Skåne|SE"], "cards": ["C78"],
        "old_cards": ["C77"], "branch": None, "status": "INACTIVE", "version": 3,
    }  # fmt: skip
    events = [(row["action"], orjson.loads(row["detail"])) for row in await db.rows(AUDIT, town.id)]
    assert events == [
        ("patron.register", {}),
        ("patron.edit", {"fields": ["EMAIL", "PHONE", "BRANCH_ID", "BARCODE", "ADDRESSES"]}),
        ("patron.deactivate", {}),
    ]
    # An old card comes back into use, an address without a line goes, and an empty barcode leaves the card.
    file = "external_id,barcode,street,city,region,country\n77,C77,,,,\n"
    await work(town.id, await take_in(town, file, PATRONS))
    await work(town.id, await take_in(town, "external_id,barcode\n77,\n", PATRONS))
    found = await patron(town, "external_id = '77'")
    assert (found["cards"], found["old_cards"], found["addresses"], found["version"]) == (["C77"], ["C78"], [], 4)


async def test_who_is_meant(town, other_town, work) -> None:
    """By external_id, else by any card, else by username; a patron without an external_id gets one by the card."""
    header = "external_id,barcode,username,last_name"
    await work(
        town.id,
        await take_in(town, f"{header}\n1,A1,anna,Ek\n,B2,bo,Bok\n,C3,cy,Alm\n4,D4,,Lind\n,E5,eva,Sten", PATRONS),
    )
    await work(other_town.id, await take_in(other_town, f"{header}\n1,A1,anna,Other\n9,F6,finn,Other", PATRONS))
    lines = [
        header, "1,A2,,By id", ",B2,,By card", ",,CY,By username", "5,D4,,Other id", "6,E5,,Adopted", "7,F6,finn,New",
        ",A1,,Old card",
    ]  # fmt: skip
    job_id = await take_in(town, "\n".join(lines), PATRONS)
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 7, "created": 1, "updated": 4, "rejected": 2}
    assert await rejections(job_id) == [
        (5, "barcode", "TAKEN", "is another patron's card; use another card"),
        (8, "", "DUPLICATE", "is about the same patron as line 2; a patron has one row"),
    ]
    found = await db.rows(
        "SELECT external_id, username, last_name FROM patron WHERE library_id = $1 ORDER BY id", town.id
    )
    assert [tuple(row) for row in found] == [
        ("1", None, "By id"), (None, None, "By card"), (None, "CY", "By username"), ("4", None, "Lind"),
        ("6", None, "Adopted"), ("7", "finn", "New"),
    ]  # fmt: skip
    others = await db.rows("SELECT last_name FROM patron WHERE library_id = $1 ORDER BY id", other_town.id)
    assert [row["last_name"] for row in others] == ["Other", "Other"]


@pytest.mark.parametrize(
    ("header", "row", "rejection"),
    [
        (
            "barcode,last_name,email",
            "B1,X,not an address",
            ("email", "INVALID", "is not an e-mail address, which is written like anna@example.org"),
        ),
        (
            "barcode,last_name",
            "Ä 1,X",
            (
                "barcode",
                "INVALID",
                "is not a barcode, which has letters, digits and signs without accents, and no spaces",
            ),
        ),
        ("barcode,last_name,username", "B1,X,a b", ("username", "INVALID", "has a space; a username has none")),
        ("barcode,last_name,phone", "B1,X," + 61 * "1", ("phone", "INVALID", "is longer than 60 characters")),
        ("barcode,last_name,city", "B1,X,a\x07b", ("city", "INVALID", "holds a character that cannot be shown")),
        (
            "barcode,last_name,date_of_birth",
            "B1,X,3/4/2010",
            ("date_of_birth", "INVALID", "is not a date; write YYYY-MM-DD"),
        ),
        ("barcode,last_name,date_of_birth", "B1,X,2999-01-01", ("date_of_birth", "INVALID", "lies in the future")),
        (
            "barcode,last_name,date_of_birth",
            "B1,X,1850-01-01",
            ("date_of_birth", "INVALID", "lies more than 130 years back"),
        ),
        ("barcode,last_name,expires_on", "B1,X,2999-01-01", ("expires_on", "INVALID", "lies more than 100 years away")),
        ("barcode,last_name,enabled", "B1,X,perhaps", ("enabled", "INVALID", "is neither TRUE nor FALSE")),
        (
            "barcode,last_name,branch",
            "B1,X,SOUTH-BRANCH",
            ("branch", "NOT_FOUND", "is not the code of a branch of this library"),
        ),
        ("barcode,last_name,cohort", "B1,X,Y1", ("cohort", "NOT_FOUND", "is not the code of a cohort of this library")),
        (
            "barcode,last_name,first_name",
            "B1, ,",
            ("last_name", "REQUIRED", "is empty; a patron needs a given or a family name"),
        ),
        (
            "barcode,username,last_name",
            ",,X",
            ("", "REQUIRED", "names nobody; give an external_id, a barcode or a username"),
        ),
        (
            "username,last_name",
            "somebody,X",
            (
                "username",
                "UNKNOWN_PATRON",
                "is no patron's of this library, and a new patron needs a barcode or an external_id",
            ),
        ),
        (
            "barcode,last_name,phone,city",
            f"B1,X,{61 * '1'},{101 * 'c'}",
            ("phone", "INVALID", "is longer than 60 characters; city is longer than 100 characters"),
        ),
    ],
)
async def test_a_row_that_breaks_a_rule(
    town, other_town, work, header: str, row: str, rejection: tuple[str, str, str]
) -> None:
    await db.rows(
        "INSERT INTO branch (library_id, code, name) VALUES ($1, 'SOUTH-BRANCH', 'S') RETURNING id", other_town.id
    )
    job_id = await take_in(town, f"{header}\n{row}\n", PATRONS)
    job = await work(town.id, job_id)
    assert (job.state, job.skipped, job.done) == (JobState.COMPLETED_WITH_ISSUES, 1, 0)
    assert await rejections(job_id) == [(2, *rejection)]
    for table in ("patron", "card", "address"):
        assert await db.value(f"SELECT count(*) FROM {table}") == 0


async def test_what_a_patron_has_already_need_not_keep_the_rules(town, work) -> None:
    [one] = await town.patrons(1, status="ACTIVE")
    await db.rows("UPDATE patron SET email = 'not an address', external_id = '1' WHERE id = $1 RETURNING id", one)
    job_id = await take_in(town, "external_id,email,phone\n1,not an address,070\n", PATRONS)
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 1, "updated": 1}
    assert (await patron(town, "id = $2", one))["phone"] == "070"
    other = await take_in(town, "external_id,email,phone\n1,nor this,071\n", PATRONS)
    await work(town.id, other)
    assert await counted(other) == {"rows": 1, "rejected": 1}
    assert (await patron(town, "id = $2", one))["phone"] == "070"


async def test_later_rows_about_the_same_patron_are_rejected(town, work) -> None:
    lines = ["external_id,barcode,username,last_name", "1,A,anna,One", "1,B,,Two", "2,A,,Three", "3,C,ANNA,Four",
             "4,D,dan,", "4,D,dan,Five"]  # fmt: skip
    job_id = await take_in(town, "\n".join(lines), PATRONS)
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 6, "created": 2, "rejected": 4}
    assert await rejections(job_id) == [
        (3, "external_id", "DUPLICATE", "is on line 2 already; a patron has one row"),
        (4, "barcode", "DUPLICATE", "is on line 2 already; a card has one holder"),
        (5, "username", "DUPLICATE", "is on line 2 already; a username has one holder"),
        (6, "last_name", "REQUIRED", "is empty; a patron needs a given or a family name"),
    ]


async def test_names_of_columns_by_mapping_and_passed_over_secrets_are_not_kept(town, work) -> None:
    file = "Kort,Efternamn,password,enabled\nB1,Ek,hush,TRUE\nB2,Alm,hush,perhaps\nB3,Bo,hush\n"
    job_id = await take_in(town, file, PATRONS, mapping={"Kort": "barcode", "Efternamn": "last_name"})
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 3, "created": 1, "rejected": 2}
    run = await db.row("SELECT columns, meanings, warnings FROM import_run")
    assert tuple(run) == (
        ["Kort", "Efternamn", "enabled"], ["barcode", "last_name", "enabled"],
        [
            '"password" passed over: PINs and passwords are never imported, and nothing is kept of rows that cannot be'
            " read."
        ],
    )  # fmt: skip
    cells = await db.rows("SELECT line, cells FROM import_row ORDER BY line")
    assert [tuple(row) for row in cells] == [(3, ["B2", "Alm", "perhaps"]), (4, [None, None, None])]


async def test_text_that_cannot_be_kept_is_a_rejected_row(town, work) -> None:
    job_id = await take_in(town, b"barcode,last_name\nB1,E\x00k\nB2,Alm\n", PATRONS)
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 2, "created": 1, "rejected": 1}
    assert await rejections(job_id) == [(2, "last_name", "UNREADABLE", "holds a NUL character; remove it")]


async def test_accents_are_composed_and_blanks_trimmed(town, work) -> None:
    await work(town.id, await take_in(town, "barcode,last_name\n\u00a0B1 ,A\u030asa\u2003\n", PATRONS))
    found = await patron(town, "true")
    assert (found["last_name"], found["cards"]) == ("Åsa", ["B1"])
