"""`_options.json` says how the files beside it are imported; a mistake in it is told with what is right."""

import json

import pytest
from tests.dropfolder.conftest import Drop, Statuses
from tests.town import Town

from patrongraph import db
from patrongraph.imports.dropfolder.options import BadOptions, Options, parse

ALL_BUT_ONE = "username,enabled\n" + "".join(f"pupil{number},TRUE\n" for number in range(1, 10))


async def test_whoever_is_missing_is_deactivated(pupils, drop: Drop, statuses: Statuses) -> None:
    drop.put("_options.json", '{"deactivateMissing": true}')
    drop.put("people.csv", ALL_BUT_ONE)
    await drop.to_the_end()
    assert (
        drop.report().items() >= {"unchanged": 9, "missing": 1, "missingDeactivated": 1, "missingState": "DONE"}.items()
    )
    assert await statuses() == ["ACTIVE"] * 9 + ["INACTIVE"]
    assert drop.names("status") == ["_options.json"]


async def test_not_above_the_share(pupils, drop: Drop, statuses: Statuses) -> None:
    drop.put("_options.json", '{"deactivateMissing": true, "maximumShare": 0.05}')
    drop.put("people.csv", ALL_BUT_ONE)
    await drop.to_the_end()
    assert drop.report().items() >= {"missing": 1, "missingDeactivated": 0, "missingState": "TOO_MANY"}.items()
    assert await statuses() == ["ACTIVE"] * 10


async def test_only_those_of_a_cohort(town: Town, pupils, drop: Drop, statuses: Statuses) -> None:
    await db.rows("UPDATE patron SET cohort_id = NULL WHERE id = $1 RETURNING id", pupils[9])
    await db.rows("UPDATE patron SET category = 'Staff' WHERE id = $1 RETURNING id", pupils[8])
    drop.put(
        "_options.json",
        '{"deactivateMissing": true, "maximumShare": 1, "cohort": "Y9", "branch": "MAIN", "category": "Pupil"}',
    )
    drop.put("people.csv", "username,enabled\npupil1,TRUE\n")
    await drop.to_the_end()
    assert drop.report().items() >= {"missing": 7, "missingDeactivated": 7}.items()
    assert await statuses() == ["ACTIVE"] + ["INACTIVE"] * 7 + ["ACTIVE"] * 2


async def test_columns_of_another_name(town: Town, drop: Drop) -> None:
    columns = {"Streckkod": "barcode", "Förnamn": "first_name", "Efternamn": "last_name"}
    drop.put("_options.json", "\ufeff" + json.dumps({"columns": columns}), "patrons")
    drop.put("people.csv", "Streckkod,Förnamn,Efternamn\n10001,Åsa,Öberg\n", "patrons")
    await drop.to_the_end()
    assert drop.report()["created"] == 1
    assert await db.value("SELECT first_name FROM patron WHERE library_id = $1", town.id) == "Åsa"


async def test_a_dry_run_changes_nothing(pupils, drop: Drop, statuses: Statuses) -> None:
    drop.put("_OPTIONS.json", '{"dryRun": true}')
    drop.put("people.csv", "username,enabled\npupil1,FALSE\n")
    await drop.to_the_end()
    assert drop.report().items() >= {"dryRun": True, "deactivated": 1}.items()
    assert await statuses() == ["ACTIVE"] * 10


async def test_options_are_for_the_files_of_their_format_only(pupils, drop: Drop, statuses: Statuses) -> None:
    drop.put("_options.json", '{"deactivateMissing": true}', "patrons")
    drop.put("people.csv", ALL_BUT_ONE)
    await drop.to_the_end()
    assert await statuses() == ["ACTIVE"] * 10


async def test_options_that_are_being_written_are_waited_for(pupils, drop: Drop, statuses: Statuses) -> None:
    drop.put("people.csv", ALL_BUT_ONE)
    await drop.look()
    options = drop.put("_options.json", '{"deactivate')
    await drop.look()
    options.write_text('{"deactivateMissing": true}')
    await drop.look()
    assert (await db.value("SELECT count(*) FROM job"), drop.names("failed")) == (0, [])
    await drop.to_the_end()
    assert await statuses() == ["ACTIVE"] * 9 + ["INACTIVE"]


KNOWN = "deactivateMissing, maximumShare, category, branch, cohort, columns, dryRun"

BAD: dict[str, str] = {
    "": "_options.json is not valid JSON (line 1, column 1).",
    "{": "_options.json is not valid JSON (line 1, column 2).",
    "[]": '_options.json must be a JSON object, like {"deactivateMissing": true}.',
    '{"deactivatemissing": true}': f"_options.json: it knows no deactivatemissing, only {KNOWN}.",
    '{"deactivateMissing": "yes"}': "_options.json: deactivateMissing must be true or false.",
    '{"deactivateMissing": true, "maximumShare": 20}': (
        "_options.json: maximumShare must be a number from 0 to 1, like 0.2."
    ),
    '{"deactivateMissing": true, "maximumShare": true}': (
        "_options.json: maximumShare must be a number from 0 to 1, like 0.2."
    ),
    '{"maximumShare": 0.5}': "_options.json: maximumShare go with deactivateMissing: true only.",
    '{"columns": ["barcode"]}': (
        '_options.json: columns must be an object from columns of the file to fields, like {"Förnamn": "first_name"}.'
    ),
    '{"columns": {"a": 1}, "dryRun": 1}': (
        '_options.json: columns must be an object from columns of the file to fields, like {"Förnamn": "first_name"}; '
        "dryRun must be true or false."
    ),
    '{"deactivateMissing": true, "branch": ""}': '_options.json: branch must be a branch\'s code, like "MAIN".',
    '{"deactivateMissing": true, "category": "a\\u0000"}': (
        '_options.json: category must be a category\'s name, like "Pupil".'
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD.items(), ids=BAD)
def test_a_mistake_is_told(text: str, words: str) -> None:
    with pytest.raises(BadOptions) as refused:
        parse(text.encode())
    assert str(refused.value) == words


def test_options_have_a_limit() -> None:
    with pytest.raises(BadOptions, match="larger than 65536 bytes"):
        parse(b" " * 65_537)
    assert parse(b"{}") == Options()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "_options.json is not valid JSON (line 1, column 2)."),
        ('{"deactivateMissing": true, "branch": "NOWHERE"}', "branch is not the code of a branch of this library."),
        ('{"deactivateMissing": true, "cohort": "Y1"}', "cohort is not the code of a cohort of this library."),
    ],
)
async def test_with_a_mistake_nothing_is_imported(
    pupils, drop: Drop, statuses: Statuses, text: str, words: str
) -> None:
    drop.put("_options.json", text)
    drop.put("people.csv", ALL_BUT_ONE)
    await drop.look(2)
    assert words in drop.report("failed")["error"]
    assert await db.value("SELECT count(*) FROM job") == 0
    assert await statuses() == ["ACTIVE"] * 10
