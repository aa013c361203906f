"""Statistics over HTTP against SQL written by hand for the same answer, one request after the other."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from bench.house import Child, House
from bench.meter import postgres_seconds, server_seconds
from bench.reads import ask_ours, first_difference
from bench.results import Result, judged

TARGET = "<= 1.5"

# The loans from {first} on, before {after}, by month, branch and category, as somebody who knows the days writes it.
BY_BRANCH = """
SELECT json_agg(row_to_json(x)) FROM (
  SELECT t.month, (SELECT row_to_json(o) FROM (SELECT b.code) o) AS branch, t.category, t.loans, t.returned
  FROM (
    SELECT month, branch_id, category, sum(loans)::bigint AS loans, sum(returned)::bigint AS returned
    FROM (
      SELECT date_trunc('month', l.checked_out_at)::date AS month, l.branch_id, p.category, count(*) AS loans,
             count(*) FILTER (WHERE l.returned_at IS NOT NULL AND NOT l.lost) AS returned
      FROM loan l JOIN patron p ON p.id = l.patron_id
      WHERE l.library_id = {library} AND l.checked_out_at >= timestamptz '{first} 00:00+00'
        AND l.checked_out_at < timestamptz '{after} 00:00+00'
      GROUP BY 1, 2, 3
      UNION ALL
      SELECT date_trunc('month', checked_out_on::timestamp)::date, branch_id, category, count(*),
             count(*) FILTER (WHERE NOT lost)
      FROM loan_statistic
      WHERE library_id = {library} AND checked_out_on >= date '{first}' AND checked_out_on < date '{after}'
      GROUP BY 1, 2, 3
    ) part GROUP BY 1, 2, 3
  ) t LEFT JOIN branch b ON b.id = t.branch_id
  ORDER BY t.month, b.code, t.branch_id, t.category
) x
"""

# The same by material type, for which every loan's item is looked at.
BY_MATERIAL = """
SELECT json_agg(row_to_json(x)) FROM (
  SELECT material_type AS "materialType", sum(loans)::bigint AS loans, sum(returned)::bigint AS returned
  FROM (
    SELECT i.material_type, count(*) AS loans,
           count(*) FILTER (WHERE l.returned_at IS NOT NULL AND NOT l.lost) AS returned
    FROM loan l JOIN item i ON i.id = l.item_id
    WHERE l.library_id = {library} AND l.checked_out_at >= timestamptz '{first} 00:00+00'
      AND l.checked_out_at < timestamptz '{after} 00:00+00'
    GROUP BY 1
    UNION ALL
    SELECT material_type, count(*), count(*) FILTER (WHERE NOT lost)
    FROM loan_statistic
    WHERE library_id = {library} AND checked_out_on >= date '{first}' AND checked_out_on < date '{after}'
    GROUP BY 1
  ) part GROUP BY 1 ORDER BY 1
) x
"""

QUERY = """
query($from: Date!, $to: Date!, $by: [StatisticDimension!]!) {{
  loanStatistics(from: $from, to: $to, by: $by) {{ {fields} loans returned }}
}}
"""

# A whole year of the library's loans, and how many loans are in it.
YEAR = """
SELECT extract(year FROM checked_out_at)::int AS year, count(*)::int AS loans FROM loan WHERE library_id = $1
GROUP BY 1 ORDER BY 2 DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Report:
    """One question: what we are asked, and the SQL of the same."""

    title: str
    by: tuple[str, ...]
    fields: str
    sql: str


REPORTS = (
    Report("a year by month, branch and category", ("MONTH", "BRANCH", "CATEGORY"), "month branch { code } category",
           BY_BRANCH),
    Report("a year by material type", ("MATERIAL_TYPE",), "materialType", BY_MATERIAL),
)  # fmt: skip


async def _measure(house: House, api: Child, library: int, token: str, report: Report, rounds: int) -> Result:
    connection = await house.connect()
    try:
        found = await connection.fetchrow(YEAR, library)
        assert found is not None
        first, last, after = f"{found['year']}-01-01", f"{found['year']}-12-31", f"{found['year'] + 1}-01-01"
        sql = report.sql.format(library=library, first=first, after=after)
        variables: dict[str, object] = {"from": first, "to": last, "by": list(report.by)}
        document = QUERY.format(fields=report.fields)
        return await _alternate(house, api, connection, sql, document, variables, token, report, found["loans"], rounds)
    finally:
        await connection.close()


async def _alternate(
    house: House,
    api: Child,
    connection: "asyncpg.Connection[asyncpg.Record]",
    sql: str,
    document: str,
    variables: dict[str, object],
    token: str,
    report: Report,
    loans: int,
    rounds: int,
) -> Result:
    ours, reference, cpu_ours, cpu_reference = [], [], [], []
    for _ in range(rounds + 1):
        before, begun = server_seconds(api.pid) + postgres_seconds(house.postmaster), time.perf_counter()
        mine: Any = ask_ours(api, document, variables, token)["data"]["loanStatistics"]
        ours.append((time.perf_counter() - begun) * 1000)
        middle = server_seconds(api.pid) + postgres_seconds(house.postmaster)
        begun = time.perf_counter()
        theirs = orjson.loads(await connection.fetchval(sql) or "[]")
        reference.append((time.perf_counter() - begun) * 1000)
        cpu_ours.append(middle - before)
        cpu_reference.append(server_seconds(api.pid) + postgres_seconds(house.postmaster) - middle)
        different = first_difference(mine, theirs)
        if different is not None:
            raise SystemExit(f"statistics, {report.title}: ours / reference differ at {different}")
    pairs = list(zip(ours, reference, strict=True))[1:]  # nobody pays for the first reading from the disk
    return judged(
        f"statistics: {report.title}",
        "ms",
        statistics.median(mine for mine, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(mine / theirs for mine, theirs in pairs),
        target=TARGET,
        cpu_ours=statistics.median(cpu_ours[1:]),
        cpu_reference=statistics.median(cpu_reference[1:]),
        note=f"{loans:,} loans in {len(mine)} groups",
    )


def run(house: House, api: Child, library: int, token: str, *, rounds: int) -> list[Result]:
    """Measure each report in alternating rounds. Raises SystemExit when an answer differs."""
    return [asyncio.run(_measure(house, api, library, token, report, rounds)) for report in REPORTS]
