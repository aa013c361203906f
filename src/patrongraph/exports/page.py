"""A patron's document as a page to read: not one of the six names, because it is neither read nor write.

Made from the JSON document along its JSON Schema, so that it says the same and leaves nothing out. One file that
loads nothing; every value goes through the template's escaping.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jinja2
import orjson

from patrongraph.exports.json_schema import Schema, patron_data_schema
from patrongraph.exports.words import FIELDS, Language, phrase, value_label

PIECE_PARTS = 2_000
"""How many parts of the template, some tens of bytes each, are joined to one piece."""

_HEAD = ("schema", "exportedAt", "library")
# HTML has no way to write control characters; each is shown by its picture instead. Tab and line end are text.
_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"} | {0x7F: 0x2421}


@dataclass(frozen=True, slots=True)
class Cell:
    """One value for people. `kind`: none, text, word, money, or time with its RFC 3339 form in `iso`."""

    kind: str
    text: str = ""
    iso: str = ""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page. `kind`: facts (label, cell), text (one cell), or list (rows of cells)."""

    id: str
    title: str
    kind: str
    labels: list[str]
    rows: Iterator[list[Cell]]
    count: int | None = None


_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("patrongraph.exports", "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def pieces(document: bytes, language: Language) -> Iterator[bytes]:
    """Yield the page of a document (one JSON text) in UTF-8, piece by piece; it costs time, not the event loop's."""
    found: dict[str, Any] = orjson.loads(document)
    properties: Schema = patron_data_schema()["properties"]
    writer = _Writer(language, found["library"]["currency"])
    name = " ".join(filter(None, (found["identity"]["firstName"], found["identity"]["lastName"])))
    read_at = writer.cell("exportedAt", properties["exportedAt"], found["exportedAt"])
    stream = _templates.get_template("page.html.j2").stream(
        lang=language.value,
        say=lambda key, **filled: phrase(key, language, **filled),
        name=clean(name) or phrase("nameless", language),
        library=clean(found["library"]["name"]),
        read_at=read_at,
        schema=found["schema"],
        sections=[writer.section(key, properties[key], found[key]) for key in properties if key not in _HEAD],
    )
    stream.enable_buffering(PIECE_PARTS)
    for piece in stream:
        yield piece.encode()


def clean(text: str) -> str:
    """Return the text with pictures for control characters, which HTML cannot hold."""
    return text.translate(_PICTURES)


@dataclass(frozen=True, slots=True)
class _Writer:
    language: Language
    currency: str

    def section(self, path: str, schema: Schema, value: Any) -> Section:
        """Return one member of the document as a section."""
        title = FIELDS[path].label(self.language)
        if schema["type"] == "array":
            fields = schema["items"]["properties"]
            labels = [FIELDS[f"{path}.{name}"].label(self.language) for name in fields]
            rows = ([self.cell(f"{path}.{name}", fields[name], row[name]) for name in fields] for row in value)
            return Section(path, title, "list", labels, rows, len(value))
        if schema["type"] == "object":
            fields = schema["properties"]
            labels = [FIELDS[f"{path}.{name}"].label(self.language) for name in fields]
            cells = [self.cell(f"{path}.{name}", fields[name], value[name]) for name in fields]
            return Section(path, title, "facts", labels, iter([cells]))
        return Section(path, title, "text", [], iter([[self.cell(path, schema, value)]]))

    def cell(self, path: str, schema: Schema, value: Any) -> Cell:
        """Return one value as people read it, by its type in the schema."""
        if value is None or value == "":
            return Cell("none")
        if "enum" in schema:
            return Cell("word", value_label(path, value, self.language))
        if isinstance(value, bool):
            return Cell("word", phrase("yes" if value else "no", self.language))
        if isinstance(value, Mapping):
            return self._item(value)
        if isinstance(value, list):
            return Cell("text", clean("; ".join(part or "" for part in value)))
        return self._plain(schema.get("format"), str(value))

    def _plain(self, format: str | None, value: str) -> Cell:
        match format:
            case "date-time":
                return Cell("time", datetime.fromisoformat(value).astimezone(UTC).isoformat(" ", "minutes")[:16], value)
            case "date":
                return Cell("time", value, value)
            case "decimal":
                return Cell("money", self._money(value))
            case _:
                return Cell("text", clean(value))

    def _money(self, value: str) -> str:
        number = value.replace("-", "\N{MINUS SIGN}")
        if self.language is Language.SV:
            number = number.replace(".", ",")
        return f"{number}\N{NO-BREAK SPACE}{self.currency}"

    def _item(self, item: Mapping[str, str]) -> Cell:
        """Return an item as its title, with what else is known of it beneath."""
        rest = ((f"item.{name}", item[name]) for name in item if name != "title" and item[name])
        details = tuple((FIELDS[path].label(self.language), clean(value)) for path, value in rest)
        return Cell("text", clean(item["title"]), details=details)
