"""Events of a rare kind of actor are found by an index, not by going through the trail."""

from types import ModuleType

from tests.town import Town

ADD_MANY = """
INSERT INTO audit_event (library_id, actor_kind, action, detail)
SELECT $1, CASE WHEN n = 7 THEN 'PATRON' ELSE 'STAFF' END, 'a.b', '{}' FROM generate_series(1, 20000) AS n
"""

RARE = """
EXPLAIN SELECT id FROM audit_event WHERE library_id = 1 AND actor_kind = 'PATRON' ORDER BY id DESC LIMIT 50
"""


async def test_a_rare_kind_is_looked_up(database: ModuleType, town: Town) -> None:
    await database.rows(ADD_MANY, town.id)
    await database.rows("ANALYZE audit_event")
    plan = "\n".join(row[0] for row in await database.rows(RARE))
    assert "audit_event_actor_kind_idx" in plan, plan
