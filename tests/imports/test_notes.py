"""What is to be said of a file as a whole is told to programs beside each sentence, and holds no more than it."""

import io
import json

import pytest
from tests.clients import Api
from tests.imports.files import take_in
from tests.town import Town

from patrongraph import db
from patrongraph.imports.models import ImportFormat
from patrongraph.imports.sources import open_source

NOTES = """
query($id: ID!) { job(id: $id) { import { warnings notes { code columns places field number message } } } }
"""
NO_MORE = {"columns": [], "places": [], "field": None, "number": None}
LONG = "n" * 61


async def told(api: Api, town: Town, job_id: int) -> tuple[list[str], list[dict[str, object]]]:
    """The sentences, and the notes without what says nothing and without their sentences, which are the same."""
    report = (await api.data(NOTES, {"id": f"job_{job_id}"}, await town.token()))["job"]["import"]
    warnings, notes = report["warnings"], report["notes"]
    assert [note.pop("message") for note in notes] == warnings[: len(notes)]
    assert all(note.keys() == {"code", *NO_MORE} for note in notes)
    return warnings, [{key: value for key, value in note.items() if value != NO_MORE.get(key)} for note in notes]


async def test_notes_of_a_csv_file(town: Town, api: Api) -> None:
    file = f"barcode,last_name,Mobil,Telefon,PIN-kod,{LONG},,Öl\nB1,Ek,1,2,9876,x,y,z\n"
    job_id = await take_in(town, file.encode("latin-1"), ImportFormat.PATRONS)
    assert await told(api, town, job_id) == (
        [
            "The file is not UTF-8 and was read as Latin-1 (Windows-1252); look at letters like å, ä and ö, and save it"
            " as UTF-8 when they are wrong.",
            '"Mobil" passed over, because "Telefon" is already phone.',
            '"PIN-kod" passed over: PINs and passwords are never imported, and nothing is kept of rows that cannot be'
            " read.",
            f'"{LONG[:59]}…", "column 7, which has no name", "Öl" passed over: not known. A mapping can say what they'
            " mean.",
        ],
        [
            {"code": "READ_AS_LATIN"},
            {"code": "FIELD_HAS_COLUMN", "columns": ["Telefon", "Mobil"], "places": [4, 3], "field": "PHONE"},
            {"code": "CREDENTIAL_COLUMNS", "columns": ["PIN-kod"], "places": [5]},
            {"code": "UNKNOWN_COLUMNS", "columns": [f"{LONG[:59]}…", "", "Öl"], "places": [6, 7, 8]},
        ],
    )


async def test_of_many_columns_thirty_are_named(town: Town, api: Api) -> None:
    names = [f"c{n}" for n in range(37)]
    file = f"barcode,last_name,{','.join(names)}\nB1,Ek{',x' * 37}\n"
    warnings, notes = await told(api, town, await take_in(town, file, ImportFormat.PATRONS))
    named = ", ".join(f'"{name}"' for name in names[:30])
    assert warnings == [f"{named} and 7 more passed over: not known. A mapping can say what they mean."]
    assert notes == [
        {"code": "UNKNOWN_COLUMNS", "columns": names[:30], "places": list(range(3, 33)), "number": 37}
    ]  # fmt: skip


@pytest.mark.parametrize(("total", "number"), [(2**31 - 1, 2**31 - 1), (2**31, None), (-(2**31), None)])
async def test_notes_of_json_hold_what_can_be_stored(town: Town, api: Api, total: int, number: int | None) -> None:
    user = {"username": "ek", "barcode": "B1", "personal": {"lastName": "Ek"}, "password": "hush"}
    names = {"a\0b": 1, 'q"\\': 2, "": 3}
    file = json.dumps({"users": [user | names], "totalRecords": total})
    warnings, notes = await told(api, town, await take_in(town, file, ImportFormat.FOLIO))
    assert warnings == [
        f"totalRecords says {total}, but the file has 1 users.",
        '"password" passed over: PINs and passwords are never imported.',
        '"a\\u0000b", "q\\"\\\\", "" passed over: not known.',
    ]
    differs: dict[str, object] = {"code": "TOTAL_DIFFERS"} if number is None else {
        "code": "TOTAL_DIFFERS", "number": number,
    }  # fmt: skip
    assert notes == [
        differs,
        {"code": "CREDENTIAL_PROPERTIES", "columns": ["password"]},
        {"code": "UNKNOWN_PROPERTIES", "columns": ["a\\u0000b", 'q\\"\\\\', ""]},
    ]


def test_of_many_properties_it_is_said_that_there_are_more() -> None:
    names = [f"p{n}" for n in range(40)]
    file = json.dumps({"users": [dict.fromkeys(names, 1)]}).encode()
    source = open_source(io.BytesIO(file), ImportFormat.FOLIO)
    named = ", ".join(f'"{name}"' for name in names[:30])
    assert source.warnings == [f"{named} and more passed over: not known."]
    assert [note.stored() for note in source.notes] == [
        NO_MORE | {"code": "UNKNOWN_PROPERTIES", "columns": tuple(names[:30]), "places": (), "number": 31}
    ]


async def test_a_report_of_before_has_sentences_only(town: Town, api: Api, work) -> None:
    job_id = await take_in(town, "barcode,last_name,size\nB1,Ek,38\n", ImportFormat.PATRONS)
    await db.rows("UPDATE import_run SET notes = NULL RETURNING id")
    await work(town.id, job_id)
    sentence = '"size" passed over: not known. A mapping can say what they mean.'
    assert await told(api, town, job_id) == ([sentence], [])
