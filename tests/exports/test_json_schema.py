"""The published JSON Schema: made of the registry, up to date, and true of every document; a changed one it refuses."""

import asyncio
import copy
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from patrongraph import personal_data
from patrongraph.exports.json_schema import patron_data_schema
from patrongraph.exports.words import FIELDS, PAGE, VALUES
from patrongraph.personal_data import Shown

PUBLISHED = Path(__file__).parents[2] / "docs" / "patron-data.schema.json"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

FORMATS = FormatChecker(["date"])
# Made from Excel sheets and older systems: what libraries' data look like when nobody has tidied it up.
ODD = {
    "first": "", "last": "ÅÄÖ  d'Ö\u2028<b>\u202e", "email": "not an address", "phone": "\t+46\n",
    "category": "", "date_of_birth": date(1, 1, 1), "expires_on": date(9999, 12, 31), "notes": "long\r\n" * 20_000,
    "registered_at": datetime.fromisoformat("1900-01-01T00:00:00.000001+00:00"),
    "last_activity_at": datetime.fromisoformat("9999-12-31T23:59:59+00:00"),
}  # fmt: skip


@FORMATS.checks("date-time", ValueError)
def is_rfc3339(value: object) -> bool:
    if isinstance(value, str):
        datetime.fromisoformat(value)
        return RFC3339.fullmatch(value) is not None
    return True


def validator() -> Draft202012Validator:
    return Draft202012Validator(orjson.loads(PUBLISHED.read_bytes()), format_checker=FORMATS)


def objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object schema with where it is, such as "", "identity" and "loans.item"."""
    for name, found in schema["properties"].items():
        place = f"{path}.{name}".lstrip(".")
        inner = found.get("items", found)
        if "properties" in inner:
            yield from objects(inner, place)
    yield path, schema


def word_paths() -> set[str]:
    """Every field of the schema under the name that words.py has it; an item is the same everywhere."""
    found = set()
    for path, schema in objects(patron_data_schema()):
        prefix = "item" if path.endswith(".item") else path
        found |= {f"{prefix}.{name}".lstrip(".") for name in schema["properties"]}
    return found


@pytest.fixture
async def documents(
    ada: Any, north: Any, patron: Any, add: Any, worker_process: object, run_cli: Any, tmp_path: Path
) -> list[Any]:
    """The exported documents of somebody with everything, somebody with nothing, and somebody odd."""
    odd = await patron(north, **ODD)
    own = {"library_id": north.id, "patron_id": odd}
    await add("ledger_entry", **own, kind="CHARGE", amount=Decimal("9999999999.99"),
              outstanding=Decimal("-0.01"))  # fmt: skip
    await add("address", **own)
    await add("card", **own, barcode=" ")
    output = tmp_path / "all.ndjson"
    done = await asyncio.to_thread(run_cli, "export", "NORTH", "--all", "--output", str(output))
    assert done.returncode == 0, done.stderr
    return [orjson.loads(line) for line in output.read_bytes().splitlines()]


async def test_every_line_of_an_export_is_valid(documents: list[Any]) -> None:
    everything, nothing, odd = documents
    for document in documents:
        validator().validate(document)
    assert all(everything[section] for section in ("addresses", "cards", "loans", "reservations", "ledger", "blocks"))
    assert [nothing[section] for section in ("addresses", "loans", "blocks", "ledger")] == [[], [], [], []]
    assert odd["ledger"][0]["amount"] == "9999999999.99"
    assert odd["ledger"][0]["outstanding"] == "-0.01"
    assert (odd["identity"]["dateOfBirth"], odd["registration"]["expiresOn"]) == ("0001-01-01", "9999-12-31")


async def test_one_patrons_file_is_valid(
    ada: Any, north: Any, worker_process: object, run_cli: Any, tmp_path: Path
) -> None:
    output = tmp_path / "ada.json"
    done = await asyncio.to_thread(run_cli, "export", "NORTH", "--patron", "B-NEW", "--output", str(output))
    assert done.returncode == 0, done.stderr
    validator().validate(orjson.loads(output.read_bytes()))


async def test_a_document_with_more_less_or_other_is_refused(documents: list[Any]) -> None:
    check = validator()
    refused = 0
    for path, schema in objects(check.schema):
        for name, field in schema["properties"].items():
            for change in (absent, beside, other):
                changed = copy.deepcopy(documents[0])
                change(at(changed, path), name, field)
                with pytest.raises(ValidationError):
                    check.validate(changed)
                refused += 1
    assert refused == 3 * sum(len(schema["properties"]) for _, schema in objects(check.schema))


def at(document: Any, path: str) -> Any:
    """The object of a document at a path; of a list, the first one."""
    for name in filter(None, path.split(".")):
        document = document[name]
        document = document[0] if isinstance(document, list) else document
    return document


def absent(found: Any, name: str, field: Any) -> None:
    del found[name]


def beside(found: Any, name: str, field: Any) -> None:
    found[f"{name}Too"] = found[name]


def other(found: Any, name: str, field: Any) -> None:
    """A value of another type, or for text one that its length, words or form do not allow."""
    wrong = {"date": "2026-02-30", "date-time": "2026-03-01 09:00", "decimal": "12.5"}.get(field.get("format", ""))
    if wrong is None and "enum" in field:
        wrong = "SOMETHING_ELSE"
    if wrong is None and "maxLength" in field:
        wrong = "x" * (field["maxLength"] + 1)
    found[name] = wrong if wrong is not None else 1.5


def test_it_is_a_valid_schema_with_a_name() -> None:
    schema = patron_data_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == schema["properties"]["schema"]["const"] == "patrongraph/patron-data/1"


def test_every_object_is_closed_and_every_field_described() -> None:
    for _, schema in objects(patron_data_schema()):
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
        for field in schema["properties"].values():
            assert field["title"]
            assert field["description"].endswith(".")


def test_the_formats_are_those_that_are_checked_here() -> None:
    found = {
        field["format"]
        for _, schema in objects(patron_data_schema())
        for field in schema["properties"].values()
        if "format" in field
    }
    assert found == {"date", "date-time", "decimal"}


def test_it_says_what_the_registry_shows_and_nothing_else() -> None:
    properties = patron_data_schema()["properties"]
    said = {
        (table.name, name)
        for table in personal_data.PATRON_TABLES
        if table.section
        for name in properties[table.section]["items"]["properties"]
    }
    for name, section in properties.items():
        if name not in {"schema", "exportedAt", "library"} and section["type"] != "array":
            said |= {("patron", inner) for inner in section.get("properties", {name: section})}
    shown = {
        (entry.table, entry.exported.name) for entry in personal_data.entries() if isinstance(entry.exported, Shown)
    }
    assert said == shown


def test_every_field_and_word_has_its_words_in_both_languages_and_none_is_left_over() -> None:
    assert set(FIELDS) == word_paths(), "write the words of a new field in exports/words.py"
    words = {
        (f"{path}.{name}", word)
        for path, schema in objects(patron_data_schema())
        for name, field in schema["properties"].items()
        for word in field.get("enum", ())
        if word is not None
    }
    used = {f"{path} {word}" if f"{path} {word}" in VALUES else word for path, word in words}
    assert used == set(VALUES), "write the words of a new stored word in exports/words.py"
    for english, swedish in (
        [(words.en, words.sv) for words in FIELDS.values()] + list(VALUES.values()) + list(PAGE.values())
    ):
        assert english.strip()
        assert swedish.strip()


def test_it_is_written_down(run_cli: Any) -> None:
    done = run_cli("export", "--schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PUBLISHED.read_text(), "run `make schema` and look at what changed"


async def test_anybody_may_fetch_it_and_keep_it(api: Any) -> None:
    async with api.client() as client:
        answer = await client.get("/exports/schema/patron-data-1.json")
        unknown = await client.get("/exports/schema/patron-data-2.json")
    assert (answer.status_code, answer.content) == (200, PUBLISHED.read_bytes())
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.headers.get_list("cache-control") == ["public, max-age=86400"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert unknown.status_code == 404
    assert unknown.headers.get_list("cache-control") == ["no-store"]
