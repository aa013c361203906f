"""Nothing of a purged patron remains: not in a table, a data file, Valkey, an export, a log or a temporary file.

The registry of personal data says what to look for: each of its columns must have held a value of the patron, and each
text of it is searched for, so that a column that is added later cannot be forgotten here.
"""

import os

from tests.town import Town, make_town
from tests.wipe import places
from tests.wipe.conftest import House
from tests.wipe.life import Life
from tests.wipe.needles import GONE, STAYS, Needle, disguises, found_in, number

from patrongraph import db
from patrongraph.personal_data import KEPT_TABLES, PATRON_TABLES, Erasure, Withheld, erasable_rows

FIRST_ID = 7_305_114_938_222_317
"""No other number in the files looks like it: a patron's id, and the ids that follow."""

CROWD = int(os.environ.get("PATRONGRAPH_WIPE_PATRONS", "40"))
"""How many patrons the library has beside those whose life is walked through; every second one is purged."""

# Columns that no value can be planted in: {table.column: why}.
EMPTY = {
    "patron.purge_after": "days of grace, in another library's policy",
    "session.reauthenticated_at": "staff do that",
}
# Texts that say nothing about whom: words of an enumeration, and what statistics keep on purpose.
COMMON = {
    "ledger_entry.kind", "reservation.state", "address.kind", "data_export.format", "data_export.state",
    "patron.status", "patron.category", "import_row.state", "import_row.code", "import_row.column_name",
    "import_row.reason",
}  # fmt: skip
TYPES = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1"
TEXTS = ("text", "character varying", "character", "ARRAY", "jsonb", "json")


async def planted(patrons: list[int]) -> list[Needle]:
    """Return what to look for, and see that every personal column held something of the patrons."""
    needles = [
        *disguises("a marked text", GONE.letters), *disguises("a marked number", GONE.digits),
        *disguises("the date of birth", GONE.born),
    ]  # fmt: skip
    missing = []
    for table, rows in zip(PATRON_TABLES, [rows for _, rows in erasable_rows()], strict=True):
        held = await db.rows(f"SELECT erased.* FROM {rows}", patrons)
        kinds = {row["column_name"]: row["data_type"] for row in await db.rows(TYPES, table.name)}
        for column in table.columns:
            name, values = (
                f"{table.name}.{column}",
                {plain(row[column]) for row in held if row[column] not in (None, "")},
            )
            of_staff = table.columns[column] is Withheld.STAFF_IDENTITY  # the walk is a program's
            if not values and name not in EMPTY and not of_staff:
                missing.append(name)
            if name not in COMMON:
                needles += needles_of(name, kinds[column], values)
    assert missing == [], f"the walk leaves columns of the registry empty, in life.py or beside it: {missing}"
    return needles


def plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def needles_of(name: str, kind: str, values: set[object]) -> list[Needle]:
    """Return the texts of a column that carry no mark, such as hashes; numbers and dates go with their row."""
    made: list[Needle] = []
    for value in values:
        if isinstance(value, bytes):
            made += [Needle(name, value), Needle(name, value.hex().encode(), folded=True)]
            continue
        text = str(value)
        if kind in TEXTS and GONE.letters not in text.lower() and GONE.digits not in text:
            assert len(text) >= 8, f"{name} holds a word too short to be looked for: mark it, or say why in COMMON"
            made.append(Needle(name, text.lower().encode(), folded=True))
    return made


async def fill_what_no_door_does(patrons: list[int]) -> None:
    """Values that come with an import, or with a moment that no test waits for."""
    person = await db.value("INSERT INTO person DEFAULT VALUES RETURNING id")
    imported = "external_id = $2 || id, person_id = $3, last_activity_at = now()"
    await db.rows(f"UPDATE patron SET {imported} WHERE id = ANY($1)", patrons, GONE.code("patron"), person)
    debt = GONE.code("debt")
    await db.rows("UPDATE ledger_entry SET external_id = $2 || id WHERE patron_id = ANY($1)", patrons, debt)
    await db.rows("UPDATE reservation SET fulfilled_at = now() WHERE patron_id = ANY($1)", patrons)
    await db.rows("UPDATE patron_pin SET locked_until = now() WHERE patron_id = ANY($1)", patrons)


async def crowd(town: Town) -> list[int]:
    """A library full of patrons, every second one marked and without obstacles; return those."""
    marked = (await town.patrons(CROWD, loans=5))[::2]
    for table, key, column in (
        ("patron", "id", "first_name"), ("patron", "id", "last_name"), ("patron", "id", "notes"),
        ("patron", "id", "email"), ("address", "patron_id", "street"), ("block", "patron_id", "comment"),
        ("card", "patron_id", "barcode"), ("ledger_entry", "patron_id", "note"),
    ):  # fmt: skip
        await db.rows(f"UPDATE {table} SET {column} = $2 || id WHERE {key} = ANY($1)", marked, GONE.code(column))
    return marked


def owners(found: places.Found, prefix: str = "data file of ") -> set[str]:
    return {place.removeprefix(prefix) for place in found if place.startswith(prefix)}


async def test_nothing_of_an_erased_patron_remains(house: House) -> None:
    town = await make_town("NORTH")
    await town.policy(retain_deleted_patron_loans=True)
    token = await town.token()
    [mate] = await town.patrons(1, status="ACTIVE")
    stays = Life(house.api, town, token, STAYS, 1)
    await stays.edit(await stays.register())
    marked = await crowd(town)

    await db.rows(f"SELECT setval('patron_id_seq', {FIRST_ID}, false)")
    vera, dora = (Life(house.api, town, token, GONE, n) for n in (1, 2))
    purged, deleted = [await life.live(f"B{mate}") for life in (vera, dora)]
    ids = [int(patron.removeprefix("pat_")) for patron in (purged, deleted)]
    assert ids[0] == FIRST_ID
    await db.rows("SELECT setval('patron_id_seq', 5000)")
    await fill_what_no_door_does(ids)
    await house.connection.execute("ANALYZE")
    needles = await planted(ids)
    numbers = [number(f"patron id {key}", key) for key in ids]

    # The search can find: each table with texts, the planner's statistics, and the data files of them all.
    before = await house.search(needles)
    with_texts = {name.split(".")[0] for name in {needle.what for needle in needles} if "." in name}
    tables = {"patron", "card", "address", "block", "ledger_entry", "pg_statistic"} | with_texts
    assert owners(before, "table ") >= tables
    assert owners(before) >= tables
    assert owners(await house.search(numbers)) >= {"loan", "reservation", "group_membership", "privacy_waiver"}

    await vera.purged(purged)
    for start in range(0, len(marked), 200):
        await vera.purged(*[f"pat_{key}" for key in marked[start : start + 200]])
    await dora.deleted(deleted)

    # Erased, and still in the data files: what a DELETE and a VACUUM leave behind.
    await house.connection.execute("VACUUM")
    erased = await places.tables(house.connection, needles)
    assert owners(erased, "table ") <= {"pg_statistic"}, erased
    assert owners(await house.search(needles)) >= {"patron", "card", "address", "block", "ledger_entry"}

    done = await house.command("erase-at-rest")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{2 + len(marked)} patrons are erased at rest"), done.stdout

    found = await house.search(needles)
    assert found == {}, found
    kept = {table.name for table in KEPT_TABLES if table.erasure is Erasure.KEPT_OPAQUE}
    assert owners(await house.search(numbers)) <= kept | {"pg_statistic"}
    exports = house.settings.exports_dir
    assert [path for path in exports.rglob("*") if path.is_file()] == []
    assert {row["state"] for row in await db.rows("SELECT state FROM tombstone")} == {"AT_REST_ERASED"}

    # It is not the search that has become blind.
    alive = list(disguises("a marked text", STAYS.letters))
    assert owners(await house.search(alive)) >= {"patron", "card", "address", "pg_statistic"}
    await every_mutation_was_done(house, {*vera.done, *dora.done})
    await a_line_in_a_log_is_found(house, needles)


async def every_mutation_was_done(house: House, done: set[str]) -> None:
    """A mutation that touches patrons and is not in the walk would be a hole in the proof."""
    from patrongraph.schema import schema

    known = schema._schema.mutation_type
    assert known is not None
    of_staff = {"signIn", "signOut", "reauthenticate", "changePassword"}
    of_jobs = {"pauseJob", "resumeJob", "cancelJob", "retryFailedItems"}
    assert set(known.fields) - done - of_staff - of_jobs == set(), "put these into the walk of life.py"


async def a_line_in_a_log_is_found(house: House, needles: list[Needle]) -> None:
    log = house.settings.data_dir / "log" / "worker.log"
    with log.open("a") as lines:
        lines.write('{"message": "could not find \\u00c5' + GONE.letters.upper() + '"}\n')
    found = await places.data_files(house.connection, house.settings.data_dir, needles)
    assert found == {"file log/worker.log": ["a marked text (utf-8)"]}


def test_each_disguise_is_seen() -> None:
    import base64
    import json
    from urllib.parse import quote

    needles = list(disguises("x", GONE.letters))
    said = GONE.text("name")
    for written in (
        said.encode(), said.upper().encode(), said.encode("utf-16-le"), said.encode("utf-16-be"),
        said.encode().hex().encode(),
        json.dumps(said).encode(), quote(said).encode(), "".join(f"\\u{ord(c):04x}" for c in said).encode(),
        *(base64.b64encode(b"-" * n + said.encode()) for n in range(4)),
        *(base64.b64encode(b"-" * n + said.upper().encode()) for n in range(4)),
        *(base64.b64encode(b"-" * n + said.lower().encode() + b"-" * n) for n in range(4)),
    ):  # fmt: skip
        assert found_in(b"\0" * 5 + written + b"\0" * 5, needles) != [], written
    assert found_in(STAYS.text("name").encode() * 3, needles) == []


def test_a_column_that_the_walk_leaves_empty_is_noticed() -> None:
    """What planted() asserts, seen from the registry: no column is excused that is not in it."""
    columns = {f"{table.name}.{column}" for table in PATRON_TABLES for column in table.columns}
    assert set(EMPTY) <= columns
    assert columns >= COMMON
