"""One definition of every patron filter, for pages, purges and exports alike: a predicate over a patron row."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from patrongraph import db
from patrongraph.graph.arguments import Where
from patrongraph.graph.ids import decode_id

MOST_WORDS = 5
"""Words of a search that count; the rest is ignored."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """SQL over patron {t} with {value}; `prefix` when clients give the value as an id of that kind."""

    sql: str
    sql_type: str
    prefix: str | None = None


PREDICATES: Mapping[str, Predicate] = {
    "status": Predicate("{t}.status = {value}", "text"),
    "category": Predicate("{t}.category = {value}", "text"),
    "branch_id": Predicate("{t}.branch_id = {value}", "bigint", "branch"),
    "cohort_id": Predicate("{t}.cohort_id = {value}", "bigint", "cohort"),
    "group_id": Predicate(
        "{t}.id IN (SELECT m.patron_id FROM group_membership m"
        " WHERE m.group_id = {value} AND m.library_id = {library})",
        "bigint",
        "grp",
    ),
    "expired_before": Predicate("{t}.expires_on < {value}", "date"),
    "inactive_since": Predicate("{t}.status <> 'ACTIVE' AND {t}.status_changed_at <= {value}", "timestamptz"),
    "last_activity_before": Predicate(
        "({t}.last_activity_at IS NULL OR {t}.last_activity_at < {value})", "timestamptz"
    ),
}
"""By the name of the part in PatronCriteria; a client writes it in camel case."""

_EMAIL = "lower({t}.email) = lower({value})"
_BARCODE = "{t}.id IN (SELECT c.patron_id FROM card c WHERE c.library_id = {library} AND c.barcode = {value})"
# chr(1114111), the last character there is, ends the range of everything that begins with the text.
_PREFIX = "{t}.sort_key >= fold_sort({value}) AND {t}.sort_key < fold_sort({value}) || chr(1114111)"
_WORD = "(named.search_key LIKE {value} || '%' OR named.search_key LIKE '% ' || {value} || '%')"
# OFFSET 0 keeps the words a query of their own, which the trigram index serves; else a plan that is made without
# knowing the words might walk the whole library by name to find a page of them.
_WORDS = "{t}.id IN (SELECT named.id FROM patron named WHERE named.library_id = {library} AND {words} OFFSET 0)"


def _words(text: str) -> list[str]:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.split()[:MOST_WORDS]


def classify_search(text: str | None) -> tuple[str, int]:
    """Return how a search text is understood: NONE, EMAIL, BARCODE, PREFIX or WORDS with their number."""
    stripped = (text or "").strip()
    if not stripped:
        return "NONE", 0
    if "@" in stripped:
        return "EMAIL", 1
    if not any(letter.isalpha() for letter in stripped):
        return "BARCODE", 1
    if "," in stripped:
        return "PREFIX", 1
    return "WORDS", len(_words(stripped))


def _search_value(kind: str, index: int, text: str) -> str:
    if kind == "WORDS":
        return _words(text)[index]
    return " ".join(text.replace(",", " ").split()) if kind == "PREFIX" else text.strip()


def _search_sql(kind: str, placeholders: list[str]) -> str:
    """Return the predicate of a search whose values have these placeholders."""
    if kind == "WORDS":
        words = " AND ".join(_WORD.replace("{value}", f"fold_search({each})") for each in placeholders)
        return _WORDS.replace("{words}", words)
    return {"EMAIL": _EMAIL, "BARCODE": _BARCODE, "PREFIX": _PREFIX}[kind].replace("{value}", placeholders[0])


def where_patrons(where: Where) -> None:
    """Add the predicates of arguments `search` and `filter` of a compiled list of patrons."""
    kind, words = where.classify(classify_search, "search")
    if words:
        found = [where.bind("text", "search", convert=_SearchWord(kind, index)) for index in range(words)]
        where.add(_search_sql(kind, found))
    where_filter(where)


@dataclass(frozen=True, slots=True)
class _SearchWord:
    """Takes one word out of a search text; equal ones share a parameter."""

    kind: str
    index: int

    def __call__(self, text: str) -> str:
        return _search_value(self.kind, self.index, text)


@dataclass(frozen=True, slots=True)
class _Id:
    """Takes the key out of a client's id. Raises BadArgument."""

    prefix: str

    def __call__(self, text: str) -> int:
        return decode_id(self.prefix, text)


def where_filter(where: Where) -> None:
    """Add the predicates of argument `filter` that are given."""
    for name, predicate in PREDICATES.items():
        argument = to_camel_case(name)
        if where.given("filter", argument):
            convert = _Id(predicate.prefix) if predicate.prefix else None
            value = where.bind(predicate.sql_type, "filter", argument, convert=convert)
            where.add(predicate.sql.replace("{value}", value))


@dataclass(frozen=True, slots=True)
class PatronCriteria:
    """Which patrons of a library, outside the graph; None leaves a part out.

    Ids are keys of rows. `expired_before` and `last_activity_before` are exclusive, `inactive_since` is
    inclusive: deactivated at that moment or earlier. `search` is understood as in Query.patrons.
    """

    status: str | None = None
    category: str | None = None
    branch_id: int | None = None
    cohort_id: int | None = None
    group_id: int | None = None
    expired_before: date | None = None
    inactive_since: datetime | None = None
    last_activity_before: datetime | None = None
    search: str | None = None

    def parts(self) -> dict[str, Any]:
        """Return the parts that are set, by name."""
        found = asdict(self)
        return {name: part for name, part in found.items() if part is not None and part != ""}

    def where(self, library_id: int) -> tuple[str, list[object]]:
        """Return a predicate over patron p, always with the library's, and the parameters from $1 on."""
        conditions, arguments = ["p.library_id = $1::bigint"], list[object]((library_id,))

        def bind(value: object, sql_type: str) -> str:
            arguments.append(value)
            return f"${len(arguments)}::{sql_type}"

        def add(predicate: str) -> None:
            conditions.append(predicate.replace("{t}", "p").replace("{library}", "$1::bigint"))

        for name, predicate in PREDICATES.items():
            value = getattr(self, name)
            if value is not None:
                add(predicate.sql.replace("{value}", bind(value, predicate.sql_type)))
        kind, words = classify_search(self.search)
        if words:
            values = [_search_value(kind, index, self.search or "") for index in range(words)]
            add(_search_sql(kind, [bind(value, "text") for value in values]))
        return " AND ".join(f"({each})" for each in conditions), arguments


async def matching_ids(library_id: int, criteria: PatronCriteria) -> list[int]:
    """Return the ids of the library's patrons that match, ascending."""
    predicate, arguments = criteria.where(library_id)
    found = await db.rows(f"SELECT p.id FROM patron p WHERE {predicate} ORDER BY p.id", *arguments)
    return [row["id"] for row in found]
