"""Over many loans made by chance, SQL counts what a naive count in Python does, whatever is asked.

STATISTICS_EXAMPLES=1000 asks more, and other questions each time.
"""

import datetime as dt
import os
from types import ModuleType
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.graph.conftest import ROOMY, Ways
from tests.graph.reference import Reference, World
from tests.town import make_town

from patrongraph import db
from patrongraph.context import system_actor
from patrongraph.graph.engine import Engine
from patrongraph.schema import schema
from patrongraph.settings import Settings
from patrongraph.statistics.grouping import StatisticDimension

ASKED_FOR = os.environ.get("STATISTICS_EXAMPLES")
FIRST, DAYS = dt.date(2023, 12, 20), 800
CATEGORIES, MATERIALS, COHORTS = ["", "Adult", "Child", "Élève"], ["", "BOOK", "DVD", "a b"], ["10A", "9B", "8C"]

# Three libraries that lend to one another: 60 patrons, 90 items, 500 loans and 300 that purges have kept.
FILL = (
    """INSERT INTO branch (library_id, code, name) SELECT l.id, named.code, named.code
       FROM library l, unnest('{ANNEX,Öst}'::text[]) AS named(code) RETURNING id""",
    """INSERT INTO cohort (library_id, code, name) SELECT l.id, named.code, named.code
       FROM library l, unnest('{10A,9B,8C}'::text[]) AS named(code) RETURNING id""",
    """INSERT INTO patron (library_id, first_name, last_name, category, cohort_id, status, status_changed_at,
                           registered_at, updated_at)
       SELECT l.id, 'A', 'B', ('{"",Adult,Child,Élève}'::text[])[1 + n % 4],
              (SELECT c.id FROM cohort c WHERE c.library_id = l.id AND n % 5 < 4 ORDER BY c.id OFFSET n % 5 LIMIT 1),
              'ACTIVE', now(), now(), now()
       FROM library l, generate_series(1, 20) n RETURNING id""",
    """INSERT INTO item (library_id, branch_id, barcode, title, material_type)
       SELECT l.id,
              (SELECT b.id FROM branch b WHERE b.library_id = l.id AND n % 4 < 3 ORDER BY b.id OFFSET n % 4 LIMIT 1),
              'I' || n, 'T', ('{"",BOOK,DVD,"a b"}'::text[])[1 + n % 4]
       FROM library l, generate_series(1, 30) n RETURNING id""",
    """WITH chance AS (
           SELECT n, hashint4(n)::bigint + 2147483648 AS a, hashint4(n + 100000)::bigint + 2147483648 AS b,
                  hashint4(n + 200000)::bigint + 2147483648 AS c
           FROM generate_series(1, 500) n
       ), made AS (
           SELECT n, (SELECT id FROM patron ORDER BY id OFFSET a % 60 LIMIT 1) AS patron_id,
                  (SELECT id FROM item ORDER BY id OFFSET b % 90 LIMIT 1) AS item_id,
                  '2023-12-25 00:00+00'::timestamptz + make_interval(days => (c % 750)::int)
                      + CASE n % 4 WHEN 0 THEN interval '0' WHEN 1 THEN interval '-1 microsecond'
                                   ELSE make_interval(secs => a % 86400) END AS out,
                  n > 470 AS open, a % 7 = 0 AS lost, b % 30 AS days
           FROM chance
       )
       INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, returned_at, lost, branch_id)
       SELECT p.library_id, p.id, m.item_id, m.out, m.out + interval '28 days',
              CASE WHEN NOT m.open THEN m.out + make_interval(days => m.days::int, hours => 5) END, m.lost,
              (SELECT b.id FROM branch b WHERE b.library_id = p.library_id AND n % 5 < 3
               ORDER BY b.id OFFSET n % 5 LIMIT 1)
       FROM made m JOIN patron p ON p.id = m.patron_id
       ON CONFLICT DO NOTHING RETURNING id""",
    """INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, material_type, item_branch_id, branch_id,
                                   category, cohort_code, lost)
       SELECT l.id, date '2023-12-25' + n * 7 % 750, date '2023-12-25' + n * 7 % 750 + n % 40,
              ('{"",BOOK,DVD,MAP}'::text[])[1 + n % 4],
              (SELECT b.id FROM branch b ORDER BY b.id OFFSET n % 9 LIMIT 1),
              (SELECT b.id FROM branch b WHERE b.library_id = l.id AND n % 4 < 3 ORDER BY b.id OFFSET n % 4 LIMIT 1),
              ('{"",Adult,Gone}'::text[])[1 + n % 3], ('{10A,7X}'::text[])[1 + n % 3], n % 11 = 0
       FROM library l, generate_series(1, 100) n RETURNING id""",
)


@pytest_asyncio.fixture
async def chance(database: ModuleType, settings: Settings) -> tuple[Ways, list[int]]:
    """The ways to answer, and the libraries."""
    libraries = [(await make_town(code)).id for code in ("NORTH", "SOUTH", "EAST")]
    for statement in FILL:
        await db.rows(statement)
    roomy = Engine(schema, settings.model_copy(update=ROOMY))
    return Ways(roomy, Reference(roomy.schema, await World.load())), libraries


QUERY = """
query($from: Date!, $to: Date!, $by: [StatisticDimension!]!, $filter: StatisticFilter) {
  loanStatistics(from: $from, to: $to, by: $by, filter: $filter) {
    year month day weekday branch { id code } itemBranch { code name } itemLibrary { code } materialType category
    cohort declaredLost loans returned lost open averageDays
  }
}
"""
DAY = st.integers(0, DAYS).map(lambda days: FIRST + dt.timedelta(days=days))
BRANCHES = st.lists(st.integers(1, 9).map("branch_{}".format), max_size=4)


def some(values: list[str]) -> Any:
    return st.lists(st.sampled_from(values), max_size=3)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "branchIds": BRANCHES,
        "itemBranchIds": BRANCHES,
        "materialTypes": some([*MATERIALS, "MAP"]),
        "categories": some([*CATEGORIES, "Gone"]),
        "cohorts": some([*COHORTS, "7X"]),
        "lost": st.booleans(),
        "record": st.sampled_from(["LIVE", "RETAINED"]),
    },
)


@given(
    between=st.tuples(DAY, DAY).map(sorted),
    by=st.lists(st.sampled_from(list(StatisticDimension)), max_size=5),
    chosen=st.none() | FILTERS,
    place=st.integers(0, 2),
)
@examples(
    max_examples=int(ASKED_FOR or 120),
    derandomize=ASKED_FOR is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),  # the fixture only holds what is read
)
async def test_whatever_is_asked(
    chance: tuple[Ways, list[int]], between: list[dt.date], by: list[Any], chosen: Any, place: int
) -> None:
    ways, libraries = chance
    variables = {"from": str(between[0]), "to": str(between[1]), "by": [one.value for one in by], "filter": chosen}
    await ways.agree(QUERY, system_actor(libraries[place]), variables)


async def test_there_is_much_to_count(chance: tuple[Ways, list[int]]) -> None:
    """Of each library; else the test above would compare little."""
    ways, libraries = chance
    for library in libraries:
        variables = {"from": str(FIRST), "to": "2026-12-31", "by": [one.value for one in StatisticDimension]}
        rows = (await ways.agree(QUERY, system_actor(library), variables))["loanStatistics"]
        assert sum(row["loans"] for row in rows) > 220
        assert len(rows) > 200
        for name in ("branch", "itemBranch", "cohort"):
            assert {row[name] is None for row in rows} == {True, False}
        assert {row["declaredLost"] for row in rows} == {True, False}
        assert len({str(row["itemLibrary"]) for row in rows}) == 4
