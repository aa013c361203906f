"""One patron's document as a page: the same data, in words for people, escaped, and nothing that loads or runs."""

import asyncio
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.clients import Api, why
from tests.exports.test_export_patron import ADA
from tests.town import Town as ApiTown
from tests.town import nothing_changes

from patrongraph.exports.json_schema import patron_data_schema
from patrongraph.exports.page import pieces
from patrongraph.exports.words import FIELDS, Language, language_of
from patrongraph.permissions import Permission

EXPORT = """
mutation($input: ExportPatronDataInput!) { exportPatronData(input: $input) {
  __typename
  ... on ExportStarted { job { id export { id format } } }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
} }
"""
LINK = """
mutation($id: ID!) { createDownloadLink(input: {exportId: $id}) { ... on DownloadLink { url } } }
"""
EVIL = "\"><script>alert(1)</script>'&amp;{{ 7*7 }}{% raw %}\u202eevil\u2066\x01\x7f"
VOID = {"meta", "br", "link", "img", "input"}


class Reader(HTMLParser):
    """What a page is made of: its elements, their attributes, and the text of each; well-formed, or it fails."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append((self.open[-1], data))

    def all(self, tag: str) -> list[str]:
        return [text for inside, text in self.text if inside == tag]

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(language: Language = Language.EN, **changes: Any) -> str:
    document = {"exportedAt": "2026-03-14T09:30:59.5+00:00"} | ADA | changes
    return b"".join(pieces(orjson.dumps(document), language)).decode()


def leaves(value: Any, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every text in a document that is shown as it is, with its schema."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, schema["properties"][name])
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, schema["items"])
    elif isinstance(value, str):
        yield value, schema


def test_everything_of_the_document_is_on_the_page() -> None:
    found = Reader(page())
    shown = [text.removesuffix("\xa0EUR") for _, text in found.text]
    times = {attributes["datetime"] for attributes in found.attributes("time")}
    checked = 0
    for value, schema in leaves(ADA, patron_data_schema()):
        if value and "enum" not in schema and value not in {"NORTH", "EUR"}:
            if schema.get("format") in {"date", "date-time"}:
                assert value in times
            else:
                assert any(value.replace("\x01", "\u2401") in text for text in shown), value
            checked += 1
    assert checked > 60


@pytest.mark.parametrize(
    ("language", "title", "expected"),
    [
        (
            Language.EN,
            "Data about Ada Lovelace",
            {"Charges and payments", "12.50\xa0EUR", "Payment", "Yes", "2026-03-15 09:00", "Author: ", "Due",
             "3 entries, in the order they were recorded"},
        ),
        (
            Language.SV,
            "Uppgifter om Ada Lovelace",
            {"Avgifter och betalningar", "12,50\xa0EUR", "Betalning", "Ja", "2026-03-15 09:00", "Författare: ",
             "Åter senast", "3 poster, i den ordning de registrerades"},
        ),
    ],
)  # fmt: skip
def test_it_is_written_for_people_in_their_language(language: Language, title: str, expected: set[str]) -> None:
    found = Reader(page(language))
    assert found.attributes("html") == [{"lang": language.value}]
    assert found.all("title") == found.all("h1") == [title]
    texts = {text for _, text in found.text}
    assert expected - texts == set()
    other = Language.SV if language is Language.EN else Language.EN
    same = {words.label(other) for words in FIELDS.values()} & {words.label(language) for words in FIELDS.values()}
    labels = {*found.all("dt"), *found.all("th"), *found.all("h2")}
    assert labels & ({words.label(other) for words in FIELDS.values()} - same) == set()


def test_headings_tables_and_contents_lead_a_reader_through_it() -> None:
    found = Reader(page(loans=[]))
    assert len(found.attributes("h1")) == 1
    assert {attributes["scope"] for attributes in found.attributes("th")} == {"col"}
    assert len(found.attributes("caption")) == len(found.attributes("table")) == 10
    ids = [attributes["id"] for attributes in found.attributes("h2")]
    links = [attributes["href"] for attributes in found.attributes("a")]
    assert links == [f"#{key}" for key in ids[1:]]
    assert ids[1:] == [
        key for key in patron_data_schema()["properties"] if key not in {"schema", "exportedAt", "library"}
    ]
    counts = dict(
        zip(found.all("a")[5:], [text for tag, text in found.text if re.fullmatch(r"\(\d+\)", text)], strict=True)
    )
    assert counts == {
        "Copies of your data": "(1)", "Addresses": "(2)", "Library cards": "(2)", "Family or group": "(1)",
        "Moves to another class or year group": "(1)", "Rows of imported files": "(1)",
        "Consents to the group's lead": "(1)", "Blocks": "(2)", "Loans": "(0)", "Reservations": "(1)",
        "Charges and payments": "(3)",
    }  # fmt: skip
    assert "No entries are recorded here." in found.all("p")


def test_what_is_empty_is_said_in_words() -> None:
    empty = {key: [] for key, value in ADA.items() if isinstance(value, list)}
    found = Reader(page(notes=None, identity=dict.fromkeys(ADA["identity"]) | {"firstName": ""}, **empty))
    assert found.all("h1") == ["Data about a patron without a name"]
    assert found.attributes("table") == []
    assert found.all("p").count("No entries are recorded here.") == len(empty) == 11
    assert found.all("p").count("Nothing is recorded here.") == 1


def test_no_value_becomes_markup_or_turns_the_page_around() -> None:
    def spoiled(value: Any, schema: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return {name: spoiled(inner, schema["properties"][name]) for name, inner in value.items()}
        if isinstance(value, list):
            return [spoiled(inner, schema["items"]) for inner in value]
        plain = "string" in schema.get("type", ()) and not {"enum", "format"} & set(schema)
        return EVIL if plain else value

    document = spoiled(ADA, patron_data_schema())
    document["library"]["currency"] = "EUR"
    found, clean = Reader(page(**document)), Reader(page())
    assert [tag for tag, _ in found.elements if tag == "script"] == []
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in clean.elements}
    whole = EVIL.replace("\x01", "\u2401").replace("\x7f", "\u2421")
    assert found.all("h1") == [f"Data about {whole} {whole}"]
    # Whatever turns the direction of text is inside an element of its own that ends it.
    outside = {tag for tag, text in found.text if "\u202e" in text} - {"bdi"}
    assert outside == {"title", "h1", "p"}  # the patron's and the library's name, in blocks of their own
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", page(**document))


def test_notes_keep_their_lines_however_long() -> None:
    notes = "\n".join(f"  line {number} <tag>\tand more" for number in range(20_000))
    found = Reader(page(notes=notes))
    assert notes in found.all("bdi")
    assert "bdi { white-space: pre-wrap;" in page()


def test_it_loads_and_runs_nothing() -> None:
    found = Reader(page())
    assert {tag for tag, _ in found.elements} & {"script", "link", "img", "iframe", "object", "form", "base"} == set()
    for _, attributes in found.elements:
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "style", "srcset"}}
    [policy] = [each for each in found.attributes("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    style = page().partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    for rule in ("@media print", "prefers-color-scheme: dark", "max-width: 48rem"):
        assert rule in style


def test_a_long_life_comes_in_pieces() -> None:
    loans = [ADA["loans"][1]] * 10_000  # type: ignore[index]
    document = {"exportedAt": "2026-03-14T09:30:59Z"} | ADA | {"loans": loans}
    sizes = [len(piece) for piece in pieces(orjson.dumps(document), Language.SV)]
    assert sum(sizes) > 5_000_000
    assert max(sizes) < 100_000


def test_the_language_is_that_of_the_locale_or_english() -> None:
    found = {locale: language_of(locale).value for locale in ("sv", "sv-FI", "SV_se", "en", "en-GB", "de", "svx", "")}
    assert found == {
        "sv": "sv", "sv-FI": "sv", "SV_se": "sv", "en": "en", "en-GB": "en", "de": "en", "svx": "en", "": "en"
    }  # fmt: skip


async def start(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(EXPORT, {"input": given}, token))["exportPatronData"]


async def fetch(api: Api, token: str, started: Any) -> Any:
    """Follow a job to its end and fetch its file by a link."""
    assert (await api.follow(started["job"]["id"], token))[-1]["state"] == "SUCCEEDED"
    link = await api.data(LINK, {"id": started["job"]["export"]["id"]}, token)
    async with api.client() as client:
        return await client.get(link["createDownloadLink"]["url"], headers=api.headers(token))


@pytest.fixture
async def token(town: ApiTown) -> str:
    return await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_DOWNLOAD_DATA)


@pytest.mark.usefixtures("worker_process")
@pytest.mark.parametrize(
    ("locale", "asked", "lang"), [("sv-SE", None, "sv"), ("sv-SE", "EN", "en"), ("en", "SV", "sv"), ("de", None, "en")]
)
async def test_the_whole_road_in_the_librarys_language_or_another(
    api: Api, town: ApiTown, database: Any, token: str, locale: str, asked: str | None, lang: str
) -> None:
    [patron] = await town.patrons(1, loans=2)
    await database.rows("UPDATE library SET locale = $2 WHERE id = $1", town.id, locale)
    started = await start(api, token, patronId=f"pat_{patron}", format="HTML", language=asked)
    assert started["job"]["export"]["format"] == "HTML"
    answer = await fetch(api, token, started)
    key = started["job"]["export"]["id"].removeprefix("export_")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="patrongraph-NORTH-export-{key}.html"'
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    found = Reader(answer.text)
    assert found.attributes("html") == [{"lang": lang}]
    assert found.all("h1") == [("Uppgifter om " if lang == "sv" else "Data about ") + "First1 Last1"]
    assert len([each for each in found.attributes("td") if each["data-label"] in {"Returned", "Återlämnat"}]) == 2


@pytest.mark.usefixtures("worker_process")
async def test_the_json_of_the_same_road(api: Api, town: ApiTown, token: str) -> None:
    [patron] = await town.patrons(1)
    answer = await fetch(api, token, await start(api, token, patronId=f"pat_{patron}"))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["schema"] == "patrongraph/patron-data/1"


@pytest.mark.usefixtures("worker_process")
async def test_the_format_and_language_are_part_of_what_a_key_stands_for(api: Api, town: ApiTown, token: str) -> None:
    [patron] = await town.patrons(1)
    asked = {"patronId": f"pat_{patron}", "format": "HTML", "idempotencyKey": "once"}
    first = await start(api, token, **asked)
    await api.follow(first["job"]["id"], token)
    async with nothing_changes():
        assert (await start(api, token, **asked))["job"]["id"] == first["job"]["id"]
        for other in ({"format": "JSON"}, {"language": "SV"}):
            assert (await start(api, token, **asked | other))["code"] == "IDEMPOTENCY_MISMATCH"


async def test_json_has_no_language(api: Api, town: ApiTown, token: str) -> None:
    [patron] = await town.patrons(1)
    async with nothing_changes():
        found = await start(api, token, patronId=f"pat_{patron}", language="SV")
    assert (found["code"], found["field"]) == ("INVALID_INPUT", "input.language")
    assert why(found) == [("CONTRADICTION", None)]


@pytest.mark.usefixtures("worker_process")
async def test_the_command_writes_it_too(ada: Any, north: Any, run_cli: Any, tmp_path: Path) -> None:
    output = tmp_path / "ada.html"
    done = await asyncio.to_thread(
        run_cli, "export", "NORTH", "--patron", "B-NEW", "--format", "html", "--language", "sv", "--output", str(output)
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = Reader(output.read_text())
    assert found.all("h1") == ["Uppgifter om Ada Lovelace"]
    assert "Menabrea" in found.all("bdi")
    for canary in ("CANARY", "argon2", "MATE", "STAFFNAME", "GROUPSECRET"):
        assert canary not in output.read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--all", "--format", "html"], "--format is for one patron"),
        (["--patron", "B-NEW", "--language", "sv"], "say --format html too"),
        (["--patron", "B-NEW", "--format", "ndjson"], "'ndjson' is not one of"),
    ],
)
async def test_a_mistake_is_told_and_starts_nothing(
    database: Any, ada: Any, run_cli: Any, tmp_path: Path, args: list[str], said: str
) -> None:
    output = tmp_path / "file"
    done = await asyncio.to_thread(run_cli, "export", "NORTH", *args, "--output", str(output))
    assert done.returncode == 2
    assert said in done.stderr
    assert not output.exists()
    assert await database.value("SELECT count(*) FROM job") == 1
