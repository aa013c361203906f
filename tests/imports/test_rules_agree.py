"""What a file may say of a patron is what a form may say: the rules in SQL agree with those in Python on every text."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.imports.files import take_in

from patrongraph import db
from patrongraph.imports.checks import Meaning, checked, resolved
from patrongraph.imports.models import ImportFormat
from patrongraph.patrons import rules
from patrongraph.patrons.rules import PostalAddress, Reasons

FIELDS = ("first_name", "email", "phone", "category", "username", "barcode", "notes", "postal_code", "city")
ODD = (
    "", " ", "a", " a ", "\u00a0a\u2003", "A\u030a", "\u212b", "a\tb", "a\nb", "a\r\nb", "a\x7fb", "a\u0085b", "\u0085",
    "x" * 20, "x" * 21, "x" * 60, "x" * 61, "x" * 100, "x" * 101, "x" * 200, "x" * 201, "x" * 320, "x" * 321, "é" * 100,
    "a b", "a\u2009b", "a\u200bb", "a@b", "a@b.c", "a@b.c.d", "a@b..c", "a@@b.c", "@b.c", "a@.c", "a b@c.d", "a@b c.d",
    "ä@b.c", "x" * 64 + "@b.c", "x" * 65 + "@b.c", "a@b.c\u00a0", "a\u00a0b@c.d", "B-1!~", "B 1", "Ä1", "🦉",
    "a\x01", "\x1f",
    "\x1ca", "\u180e", "\u3000a", "'", "\\", "$", "^", "$1", "{}", "%s",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(st.sampled_from("aå@. \t\u00a0\u2003\n\x7f!~-"), max_size=8),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
)


Why = tuple[str, int | None]


def in_python(name: str, text: str) -> tuple[list[Why], str]:
    """What a form is told of this, and what is stored when it is told nothing."""
    reasons = Reasons("input")
    if name in rules.LENGTHS:
        [home] = rules.clean_addresses([PostalAddress(street="x", **{name: text})], reasons)
        return [(each.reason.value, each.limit) for each in reasons.found], getattr(home, name)
    cleaned = rules.clean({name: text}, reasons)[name]
    return [(each.reason.value, each.limit) for each in reasons.found], str(cleaned or "")


def in_row(wrong: str | None) -> list[Why]:
    """The same, of what the statement for rows says: a sentence, the reason and perhaps its bound."""
    if wrong is None:
        return []
    _, reason, *limit = wrong.split("\x1f")
    return [(reason, int(limit[0]) if limit else None)]


async def in_sql(rows: list[list[str]]) -> list[Any]:
    await db.rows("DELETE FROM import_row")
    async with db.transaction() as connection:
        records = [(1, 1, line, cells) for line, cells in enumerate(rows)]
        columns = ("job_id", "library_id", "line", "cells")
        await connection.copy_records_to_table("import_row", records=records, columns=columns)
        meaning = Meaning(ImportFormat.PATRONS, FIELDS, whole=False)
        return list(await db.rows(f"SELECT * FROM ({resolved(meaning, 'job_id = $2')}) r ORDER BY line", 1, 1))


async def test_odd_texts_in_every_field(town) -> None:
    found = await in_sql([[text] * len(FIELDS) for text in ODD])
    for text, row in zip(ODD, found, strict=True):
        agree(text, row)


def agree(text: str, row: Any) -> None:
    for name in FIELDS:
        whys, stored = in_python(name, text)
        if name == "barcode" and not text.strip():
            continue  # a form has to give one, and an empty cell leaves the card
        assert in_row(row[f"w_{name}"]) == whys, (name, text, row[f"w_{name}"])
        if not whys:
            assert (row[f"v_{name}"] or "") == stored, (name, text)


async def test_any_text_in_every_field(town) -> None:
    texts: list[str] = []

    @given(st.lists(TEXTS, min_size=40, max_size=40))
    @settings(max_examples=25, deadline=None, database=None)
    def collect(made: list[str]) -> None:
        texts.extend(made)

    collect()
    for text, row in zip(texts, await in_sql([[text] * len(FIELDS) for text in texts]), strict=True):
        agree(text, row)


@pytest.mark.parametrize("name", ["date_of_birth", "expires_on"])
async def test_days(town, name: str) -> None:
    today = dt.datetime.now(dt.UTC).date()
    years = (-131, -130, -129, -101, -100, -99, -1, 0, 1, 99, 100, 101)
    days = [today + dt.timedelta(days=1), today, *(today.replace(year=today.year + n, month=6, day=1) for n in years)]
    text = f"barcode,last_name,{name}\n" + "".join(f"B{n},X,{day.isoformat()}\n" for n, day in enumerate(days))
    job_id = await take_in(town, text, ImportFormat.PATRONS)
    meaning = Meaning(ImportFormat.PATRONS, ("barcode", "last_name", name), whole=False)
    found = await db.rows(f"SELECT * FROM ({checked(meaning, 'job_id = $2')}) c ORDER BY line", town.id, job_id)
    for day, row in zip(days, found, strict=True):
        reasons = Reasons("input")
        rules.clean({name: day}, reasons)
        told = [in_row(each.split("\x1f", 2)[2]) for each in row["problems"]]
        assert told == [[(each.reason.value, each.limit)] for each in reasons.found], (day, row["problems"])
