"""The published JSON Schema of a patron's document: not one of the six names, because it is neither read nor write.

Made of the registry of personal data (what is there, under which name), the models (types, lengths, words) and
words.py (descriptions). A field that one of them does not know is a KeyError, which the build meets first.
"""

from enum import StrEnum
from functools import cache
from typing import Any

import orjson
from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.models import Model

from patrongraph.circulation import models as circulation
from patrongraph.cohorts import models as cohorts
from patrongraph.exports import models as own
from patrongraph.exports.document import ITEM_COLUMNS, LIBRARY_COLUMNS, LISTS, PATRON, SCHEMA_NAME, objects
from patrongraph.exports.words import FIELDS
from patrongraph.groups import models as groups
from patrongraph.imports import models as imports
from patrongraph.libraries import models as libraries
from patrongraph.patrons import models as patrons
from patrongraph.personal_data import Form, Shown
from patrongraph.rollover import models as rollover
from patrongraph.tables import FixedChar

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME = "patron-data-1.json"
"""Its name under /exports/schema/."""

Schema = dict[str, Any]


@cache
def patron_data_schema() -> Schema:
    """Return the schema of one document, which is also one line of an export of many. Not to be changed."""
    properties: Schema = {
        "schema": _described("schema", {"const": SCHEMA_NAME}),
        "exportedAt": _described("exportedAt", {"type": "string", "format": "date-time"}),
        "library": _described("library", _object(_columns("library", "library", LIBRARY_COLUMNS))),
    }
    for section, columns in objects().items():
        properties[section] = _described(section, _object(_shown(section, PATRON.name, columns)))
    properties |= _shown("", PATRON.name, {column: to for column, to in PATRON.shown().items() if not to.section})
    for table in LISTS:
        item = _object(_shown(table.section, table.name, table.shown()))
        properties[table.section] = _described(table.section, {"type": "array", "items": item})
    return {
        "$schema": DIALECT,
        "$id": SCHEMA_NAME,
        "title": "Patron data",
        "description": "All that a library holds about one patron. Never a PIN, other people's data, or who of the"
        " staff did what. Dates and times are RFC 3339; amounts are decimal strings in library.currency.",
        **_object(properties),
    }


@cache
def published() -> bytes:
    """Return the schema as it is published: indented JSON, with a newline at the end."""
    return orjson.dumps(patron_data_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _object(properties: Schema) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _described(path: str, schema: Schema) -> Schema:
    words = FIELDS[path]
    return {"title": words.en, "description": words.description, **schema}


def _shown(section: str, table: str, columns: dict[str, Shown]) -> Schema:
    prefix = f"{section}." if section else ""
    return {to.name: _described(f"{prefix}{to.name}", _placed(table, column, to)) for column, to in columns.items()}


def _columns(section: str, table: str, columns: tuple[str, ...]) -> Schema:
    """Return the fields of a row that stands for what a column refers to; their names are the columns'."""
    return {name: _described(f"{section}.{name}", _typed(_MODELS[table], name)) for name in columns}


def _placed(table: str, column: str, to: Shown) -> Schema:
    """Return the type of a registered column, by how it is written."""
    model = _MODELS[table]
    match to.form:
        case Form.VALUE | Form.DATE | Form.MONEY:
            return _typed(model, column)
        case Form.BRANCH | Form.COHORT:
            name = _typed(_MODELS[to.form.value.lower()], "name")
            return _nullable(name) if _field(model, column).null else name
        case Form.ITEM | Form.LOAN_ITEM:
            item = _object(_columns("item", "item", ITEM_COLUMNS))
            return _nullable(item) if _field(model, column).null else item


def _typed(model: type[Model], column: str) -> Schema:
    """Return the type of a column's value as PostgreSQL writes it in JSON. Raises TypeError for an unknown one."""
    field = _field(model, column)
    found = _type_of(field)
    return _nullable(found) if field.null else found


def _type_of(field: fields.Field[Any]) -> Schema:  # noqa: PLR0911 - a table of types, read from the top
    match field:
        case CharEnumFieldInstance():
            words: type[StrEnum] = field.enum_type  # type: ignore[assignment]  # tables.word() takes no other
            return {"type": "string", "enum": [word.value for word in words]}
        case FixedChar():
            return {"type": "string", "minLength": field.max_length, "maxLength": field.max_length}
        case fields.CharField():
            return {"type": "string", "maxLength": field.max_length}
        case fields.TextField():
            return {"type": "string"}
        case fields.BooleanField():
            return {"type": "boolean"}
        case fields.DecimalField():
            whole, places = field.max_digits - field.decimal_places, field.decimal_places
            return {"type": "string", "format": "decimal", "pattern": f"^-?[0-9]{{1,{whole}}}\\.[0-9]{{{places}}}$"}
        case fields.DatetimeField():
            return {"type": "string", "format": "date-time"}
        case fields.DateField():
            return {"type": "string", "format": "date"}
        case fields.IntField():
            return {"type": "integer"}
        case ArrayField():
            return {"type": "array", "items": {"type": ["string", "null"]}}
    raise TypeError(f"json_schema.py does not know how {type(field).__name__} is written")


def _nullable(schema: Schema) -> Schema:
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **more}


def _field(model: type[Model], column: str) -> fields.Field[Any]:
    """Return a column's field; a foreign key's is that of its relation."""
    found = model._meta.fields_map
    if column in found:
        return found[column]
    relation = found[column.removesuffix("_id")]
    if not isinstance(relation, ForeignKeyFieldInstance):
        raise KeyError(column)
    return relation


# The rooms whose tables are in the document.
_MODELS: dict[str, type[Model]] = {
    model._meta.db_table: model
    for room in (circulation, cohorts, groups, imports, libraries, patrons, rollover, own)
    for model in vars(room).values()
    if isinstance(model, type) and issubclass(model, Model) and model is not Model
}
