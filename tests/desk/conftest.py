"""What the desk's tests send, and what must hold after each of them: items, loans and ledger agree."""

from collections.abc import AsyncIterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest_asyncio
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

PROBLEM = """
  __typename
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
"""
REFUSED = PROBLEM + "... on CirculationRefused { refusals { code message amountToClear } }"

# Charges whose amount is not what is left plus what settled it.
UNEQUAL = """
SELECT charge.id FROM ledger_entry charge
LEFT JOIN ledger_entry entry ON entry.charge_id = charge.id
WHERE charge.kind = 'CHARGE'
GROUP BY charge.id, charge.amount, charge.outstanding
HAVING charge.outstanding > 0 AND charge.amount <> charge.outstanding
         + coalesce(sum(entry.amount) FILTER (WHERE entry.kind IN ('PAYMENT', 'WAIVE', 'WRITE_OFF')), 0)
"""

# Items that are on loan and say that they are here.
ASTRAY = """
SELECT item.id FROM item JOIN loan ON loan.item_id = item.id AND loan.returned_at IS NULL
WHERE item.status IN ('AVAILABLE', 'ON_HOLD_SHELF')
"""

Json = dict[str, Any]


class Desk:
    """One member of the staff at the desk of a town, with a token that allows the desk and nothing else."""

    def __init__(self, api: Api, town: Town, token: str) -> None:
        self.api = api
        self.town = town
        self.token = token

    async def ask(self, mutation: str, **given: Any) -> Json:
        found: Json = (await self.api.data(mutation, {"input": given}, self.token))["found"]
        return found

    async def refused(self, mutation: str, **given: Any) -> Json:
        """A request that must change nothing."""
        async with nothing_changes():
            return await self.ask(mutation, **given)

    async def reasons(self, mutation: str, **given: Any) -> list[str]:
        """The codes of a refusal by the desk, which must change nothing."""
        found = await self.refused(mutation, **given)
        assert (found["__typename"], found["code"]) == ("CirculationRefused", "CIRCULATION_REFUSED"), found
        assert found["message"] == " ".join(dict.fromkeys(each["message"] for each in found["refusals"]))
        return [each["code"] for each in found["refusals"]]

    async def patron(self, **columns: Any) -> int:
        """An active patron."""
        [made] = await self.town.patrons(1, status="ACTIVE")
        await change("patron", made, **columns)
        return made

    async def item(self, barcode: str, status: str = "AVAILABLE") -> int:
        made: int = await db.value(
            "INSERT INTO item (library_id, barcode, title, status, branch_id) VALUES ($1, $2, 'Title', $3, $4)"
            " RETURNING id",
            self.town.id,
            barcode,
            status,
            self.town.branch,
        )
        return made

    async def loan(self, patron: int, item: int, **columns: Any) -> int:
        """An open loan made eight days ago, due in thirteen."""
        made: int = await db.value(
            "INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, renewals_left)"
            " VALUES ($1, $2, $3, now() - interval '8 days', now() + interval '13 days', 2) RETURNING id",
            self.town.id,
            patron,
            item,
        )
        await change("loan", made, **columns)
        await change("item", item, status="LOST" if columns.get("lost") else "ON_LOAN")
        return made

    async def reservation(self, patron: int, item: int, **columns: Any) -> int:
        made: int = await db.value(
            "INSERT INTO reservation (library_id, patron_id, item_id, requested_at) VALUES ($1, $2, $3, now())"
            " RETURNING id",
            self.town.id,
            patron,
            item,
        )
        await change("reservation", made, **columns)
        return made

    async def block(self, patron: int, message: str | None = None) -> int:
        made: int = await db.value(
            "INSERT INTO block (library_id, patron_id, comment, message) VALUES ($1, $2, 'loud', $3) RETURNING id",
            self.town.id,
            patron,
            message,
        )
        return made

    async def refuse_service(self, patron: int) -> None:
        """Give a patron all four reasons."""
        await self.block(patron, "Come to the desk.")
        await self.town.policy(block_level=Decimal(5))
        await self.town.charge(patron, "7.50")
        await db.rows(
            "UPDATE patron SET status = 'INACTIVE', expires_on = current_date - 1 WHERE id = $1 RETURNING id", patron
        )


PATRONS_REASONS = ["MANUAL", "DEBT", "INACTIVE", "EXPIRED"]


async def change(table: str, row_id: int, **columns: Any) -> None:
    for name, value in columns.items():
        await db.rows(f"UPDATE {table} SET {name} = $2 WHERE id = $1 RETURNING id", row_id, value)


async def status_of(item: int) -> str:
    found: str = await db.value("SELECT status FROM item WHERE id = $1", item)
    return found


async def events(action: str) -> list[tuple[Any, ...]]:
    """What the audit tells of an action: subject and detail."""
    found = await db.rows(
        "SELECT subject_kind, subject_id, detail::text FROM audit_event WHERE action = $1 ORDER BY id", action
    )
    return [tuple(row) for row in found]


@pytest_asyncio.fixture
async def desk(api: Api, town: Town) -> Desk:
    """The desk of NORTH."""
    return Desk(api, town, await town.token(Permission.CIRCULATION_DESK))


@pytest_asyncio.fixture
async def other_desk(api: Api, other_town: Town) -> Desk:
    """The desk of SOUTH."""
    return Desk(api, other_town, await other_town.token(Permission.CIRCULATION_DESK))


@pytest_asyncio.fixture(autouse=True)
async def accounts_agree(database: ModuleType) -> AsyncIterator[None]:
    """After every test, whatever it did, the ledger adds up and no lent item says that it is here."""
    yield
    assert await db.rows(UNEQUAL) == []
    assert await db.rows(ASTRAY) == []
