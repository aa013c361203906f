"""A migrated database holds what the models declare: nothing less, and nothing more.

The models are written out as plain SQL here, without Tortoise's schema tools, into a database of their own;
PostgreSQL's catalogue then says of both databases what they hold, in its own words.
"""

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import asyncpg
from tests.contracts.conftest import NewDatabase
from tortoise import Tortoise
from tortoise.fields import Field
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from patrongraph.db import MODEL_MODULES, tortoise_config
from patrongraph.settings import Settings
from patrongraph.tables import APP

OURS = "('public'::regnamespace) AND c.relname NOT LIKE '%tortoise_mi%'"

CATALOGUE = {
    "extensions": "SELECT extname, extnamespace::regnamespace::text FROM pg_extension",
    "relations": f"SELECT relkind::text, relname, reloptions FROM pg_class c WHERE relnamespace = {OURS}",
    "columns": f"""
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
            a.attgenerated::text, a.attcollation::regcollation::text, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = {OURS}""",
    "constraints": f"""
        SELECT c.relname, conname, pg_get_constraintdef(k.oid), convalidated
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace = {OURS}""",
    "indexes": f"""
        SELECT pg_get_indexdef(i.indexrelid), indisvalid, indisunique, indisprimary
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = {OURS}""",
    "functions": """
        SELECT pg_get_functiondef(p.oid) FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')""",
    "triggers": f"""
        SELECT pg_get_triggerdef(t.oid), tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT tgisinternal AND c.relnamespace = {OURS}""",
}

# Foreign keys whose columns lead no index that serves every row with a value.
UNINDEXED = """
SELECT conrelid::regclass::text, a.attname
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE contype = 'f' AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1]
      AND coalesce(pg_get_expr(i.indpred, i.indrelid), '') IN ('', format('(%I IS NOT NULL)', a.attname)))
"""


def modules() -> list[ModuleType]:
    return [importlib.import_module(name) for name in MODEL_MODULES]


def models() -> list[type[Model]]:
    return list(Tortoise.apps[APP].values())


def literal(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    return str(value)


def column(name: str, field: Field[Any]) -> str:
    if field.pk and field.generated:
        return f'"{name}" {field.get_for_dialect("postgres", "GENERATED_SQL")}'
    words = [f'"{name}"', str(field.get_for_dialect("postgres", "SQL_TYPE"))]
    if field.generated:
        words.append(field.get_for_dialect("postgres", "GENERATED_SQL"))
    if field.has_db_default():
        default = field.db_default
        words.append(f"DEFAULT {default.get_sql() if hasattr(default, 'get_sql') else literal(default)}")
    words += [
        "PRIMARY KEY" if field.pk else "UNIQUE" if field.unique else "",
        "" if field.null else "NOT NULL",
    ]
    return " ".join(words)


def tables(model: type[Model]) -> Iterator[str]:
    meta = model._meta
    columns = [column(name, meta.fields_map[key]) for key, name in meta.fields_db_projection.items()]
    yield f'CREATE TABLE "{meta.db_table}" ({", ".join(columns)})'


def constraints(model: type[Model]) -> Iterator[str]:
    table = model._meta.db_table
    for key in model._meta.fields_map.values():
        if isinstance(key, ForeignKeyFieldInstance):
            yield (
                f'ALTER TABLE "{table}" ADD FOREIGN KEY ("{key.source_field}")'
                f' REFERENCES "{key.related_model._meta.db_table}" ON DELETE {key.on_delete.value}'
            )
    for made in model._meta.constraints:
        columns = "" if isinstance(made, CheckConstraint) else ", ".join(made.fields)
        if isinstance(made, CheckConstraint):
            yield f'ALTER TABLE "{table}" ADD CONSTRAINT "{made.name}" CHECK ({made.check})'
        elif made.condition:
            yield f'CREATE UNIQUE INDEX "{made.name}" ON "{table}" ({columns}) WHERE {made.condition}'
        else:
            yield f'ALTER TABLE "{table}" ADD CONSTRAINT "{made.name}" UNIQUE ({columns})'


def indexes(model: type[Model]) -> Iterator[str]:
    for made in model._meta.indexes:
        covering = f"INCLUDE ({', '.join(made.include)})" if made.include else ""
        where = f"WHERE {made.where}" if made.where else ""
        yield (
            f'CREATE INDEX "{made.name}" ON "{model._meta.db_table}" USING {made.INDEX_TYPE or "btree"}'
            f" ({', '.join(made.fields)}) {covering} {where}"
        )


def declared() -> Iterator[str]:
    """Return the statements that make what the models modules declare."""
    for module in modules():
        yield from getattr(module, "BEFORE_TABLES", ())
    for part in (tables, constraints, indexes):
        for model in models():
            yield from part(model)
    for module in modules():
        yield from getattr(module, "AFTER_TABLES", ())


async def contents(url: str, what: str) -> set[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch(CATALOGUE[what])
    finally:
        await connection.close()
    return {tuple(tuple(value) if isinstance(value, list) else value for value in row) for row in found}


async def test_a_migrated_database_is_what_the_models_declare(database: ModuleType, new_database: NewDatabase) -> None:
    migrated, written = await new_database(migrated=True), await new_database()
    connection = await asyncpg.connect(written)
    for statement in declared():
        await connection.execute(statement)
    await connection.close()

    for what in CATALOGUE:
        have, want = await contents(migrated, what), await contents(written, what)
        assert sorted(map(str, want - have)) == [], f"{what}: declared, but no migration makes it so"
        assert sorted(map(str, have - want)) == [], f"{what}: in the migrations, but not declared"
        assert want, f"{what}: nothing was compared"


async def test_tortoise_finds_no_difference_between_models_and_migrations(
    database: ModuleType, settings: Settings
) -> None:
    detector = MigrationAutodetector(Tortoise.apps, tortoise_config(settings)["apps"])
    missing = [writer.as_string() for writer in await detector.changes()]
    assert missing == [], "a migration is missing; Tortoise would write:\n" + "\n".join(missing)


async def test_every_foreign_key_leads_an_index(database: ModuleType) -> None:
    found = await database.rows(UNINDEXED)
    assert [tuple(row) for row in found] == []


async def test_every_row_of_a_library_names_it(database: ModuleType) -> None:
    columns = {model._meta.db_table: model._meta.fields_db_projection.values() for model in models()}
    without = {table for table, names in columns.items() if "library_id" not in names}
    assert without == {"library", "person", "staff_role"}
