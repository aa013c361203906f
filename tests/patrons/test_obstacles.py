"""One SQL text names every obstacle with counts and ids, for a set and beside an outer row alike."""

from types import ModuleType

from patrongraph import db
from patrongraph.patrons.models import ObstacleCode
from patrongraph.patrons.queries import ErasureAction, obstacles, obstacles_sql

CORRELATED = f"""
SELECT obstacle.* FROM patron p CROSS JOIN LATERAL ({obstacles_sql("ARRAY[p.id]", "true")}) AS obstacle
WHERE p.library_id = $1 ORDER BY obstacle.patron_id, obstacle.code
"""


async def test_every_obstacle_with_counts_and_ids(database: ModuleType) -> None:
    one = "INSERT INTO library (code, name, purge_waive_limit) VALUES ($1, $1, 5) RETURNING id"
    library, other = await db.value(one, "N"), await db.value(one, "S")
    patron = await db.value(
        "INSERT INTO patron (library_id, last_name, protected) VALUES ($1, 'P', true) RETURNING id", library
    )
    clean = await db.value(
        "INSERT INTO patron (library_id, last_name, status) VALUES ($1, 'C', 'INACTIVE') RETURNING id", library
    )
    items = [
        await db.value(
            "INSERT INTO item (library_id, barcode, title, status) VALUES ($1, $2, 'T', 'ON_LOAN') RETURNING id",
            library, str(n),
        )
        for n in range(3)
    ]  # fmt: skip
    lend = (
        "INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, returned_at, lost)"
        " VALUES ($1, $2, $3, now(), now(), $4, $5) RETURNING id"
    )
    loans = [
        await db.value(lend, library, patron, items[0], None, False),
        await db.value(lend, library, patron, items[1], None, True),
    ]
    returned = await db.value("SELECT now()")
    await db.value(lend, library, patron, items[2], returned, True)
    reserve = (
        "INSERT INTO reservation (library_id, patron_id, item_id, requested_at, state)"
        " VALUES ($1, $2, $3, now(), $4) RETURNING id"
    )
    hold = await db.value(reserve, library, patron, items[0], "OPEN")
    await db.value(reserve, library, patron, items[1], "CANCELLED")
    charge = (
        "INSERT INTO ledger_entry (library_id, patron_id, kind, amount, outstanding, created_at)"
        " VALUES ($1, $2, 'CHARGE', 10, $3::int, now()) RETURNING id"
    )
    debts = [await db.value(charge, library, patron, 2), await db.value(charge, library, patron, 3)]
    credit = await db.value(charge, library, patron, -4)
    await db.value(charge, library, patron, 0)
    deletion = {o.code: (o.count, o.ids) for o in await obstacles(library, [patron, clean], ErasureAction.DELETE)}
    everything = {
        ObstacleCode.OPEN_LOANS: (2, tuple(loans)),
        ObstacleCode.OPEN_RESERVATIONS: (1, (hold,)),
        ObstacleCode.DEBTS: (2, tuple(debts)),
        ObstacleCode.CREDIT_BALANCE: (1, (credit,)),
        ObstacleCode.PROTECTED: (1, ()),
    }
    assert deletion == everything
    purge = await obstacles(library, [patron, clean], ErasureAction.PURGE)
    # The debt is within what the library forgives in a purge, and a purge asks for an inactive patron.
    expected = {**everything, ObstacleCode.NOT_INACTIVE: (1, ())}
    del expected[ObstacleCode.DEBTS]
    assert {o.code: (o.count, o.ids) for o in purge} == expected
    beside = await db.rows(CORRELATED, library)
    assert [(r["patron_id"], r["code"], r["count"], tuple(r["ids"])) for r in beside] == [
        (o.patron_id, o.code, o.count, o.ids) for o in purge
    ]
    await db.value(charge, library, patron, 1)
    codes = {o.code for o in await obstacles(library, [patron], ErasureAction.PURGE)}
    assert ObstacleCode.DEBTS in codes
    assert await obstacles(other, [patron, clean], ErasureAction.PURGE) == []
