"""A library with a patron about whom every table says something, a group mate, and another library."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio

from patrongraph.context import Actor, system_actor
from patrongraph.exports.actions import run_patron_export, run_patrons_export
from patrongraph.jobs import leases
from patrongraph.jobs.leases import Lease
from patrongraph.jobs.models import JobKind
from patrongraph.settings import Settings

EXPORTS = {JobKind.EXPORT_PATRON: run_patron_export, JobKind.EXPORT_PATRONS: run_patrons_export}


def moment(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


Add = Callable[..., Awaitable[int]]


@pytest.fixture
def add(database: ModuleType) -> Add:
    """Insert one row and return its first column, the id."""

    async def insert(table: str, **values: object) -> int:
        marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks}) RETURNING *"
        return int(await database.value(sql, *values.values()))

    return insert


@dataclass(frozen=True)
class Town:
    """A library with one branch and one cohort, and its operator."""

    id: int
    branch: int
    cohort: int
    staff: int
    operator: Actor


async def _town(add: Add, code: str) -> Town:
    library = await add("library", code=code, name=f"{code.title()} Library", currency="EUR", export_ttl_hours=48)
    branch = await add("branch", library_id=library, code="MAIN", name=f"{code.title()} Main")
    cohort = await add("cohort", library_id=library, code="7A", name=f"{code.title()} Seven")
    staff = await add(
        "staff_user", library_id=library, username="anna", display_name="STAFFNAME Anna", password_hash="x"
    )
    return Town(library, branch, cohort, staff, system_actor(library))


@pytest_asyncio.fixture
async def north(add: Add) -> Town:
    return await _town(add, "NORTH")


@pytest_asyncio.fixture
async def south(add: Add) -> Town:
    return await _town(add, "SOUTH")


@pytest.fixture
def patron(add: Add) -> Callable[..., Awaitable[int]]:
    async def make(town: Town, first: str = "Per", last: str = "Person", **values: object) -> int:
        made = {"registered_at": moment(1), "status_changed_at": moment(1), "updated_at": moment(1)} | values
        return await add("patron", library_id=town.id, first_name=first, last_name=last, **made)

    return make


@dataclass(frozen=True)
class Ada:
    """The patron with everything, and somebody in the same group."""

    id: int
    mate: int


@pytest_asyncio.fixture
async def ada(add: Add, north: Town, patron: Callable[..., Awaitable[int]]) -> Ada:
    """Ada Lovelace of NORTH; every value here is in her document, unless it is in capitals."""
    person = await add("person", created_at=moment(1))
    who = await patron(
        north, "Ada", "Lovelace", middle_name="Augusta", preferred_name="Addie \"A\"\n\\\u0001 ä😀",
        person_id=person, external_id="ext-1", username="ada", date_of_birth=date(1815, 12, 10),
        email="ada@example.org", phone="+44 1", category="Adult", cohort_id=north.cohort,
        branch_id=north.branch, status="INACTIVE", status_changed_at=moment(2), protected=True,
        expires_on=date(2027, 1, 31), last_activity_at=moment(3), notes="Likes engines.",
    )  # fmt: skip
    mate = await patron(north, "MATEFIRST", "MATELAST", email="mate@secret.example")
    own = {"library_id": north.id, "patron_id": who}
    await add("patron_pin", **own, pin_hash="$argon2id$CANARY-PIN-HASH", changed_at=moment(1))
    await add("session", **own, token_sha256="c" * 64, created_at=moment(1), expires_at=moment(30),
              last_seen_at=moment(1))  # fmt: skip
    await add("address", **own, street="1 Dorset St", postal_code="W1", city="London", country="GB")
    await add("address", **own, kind="MAILING", street="2 Mail St", region="Kent")
    await add("card", **own, barcode="B-OLD", active=False, created_at=moment(1))
    await add("card", **own, barcode="B-NEW", created_at=moment(2))
    await add("block", **own, comment="Owes a chat", message="Come by", placed_by_id=north.staff,
              placed_at=moment(4), expires_at=moment(20))  # fmt: skip
    await add("block", **own, comment="Old one", placed_by_id=north.staff, placed_at=moment(1),
              lifted_by_id=north.staff, lifted_at=moment(2), lift_reason="Settled")  # fmt: skip
    group = await add("patron_group", library_id=north.id, external_id="GROUPSECRET", created_at=moment(1))
    await add("group_membership", **own, group_id=group, lead=True, joined_at=moment(5))
    await add("group_membership", library_id=north.id, patron_id=mate, group_id=group, joined_at=moment(6))
    await add("privacy_waiver", **own, group_id=group, granted_at=moment(6), revoked_at=moment(7))
    await _circulation(add, north, who, mate)
    job = await add("job", library_id=north.id, kind="EXPORT_PATRON", itemised=False, state="SUCCEEDED")
    year = await add("rollover", library_id=north.id, year=2025, job_id=job)
    await add("rollover_step", **own, rollover_id=year, from_cohort_id=None, to_cohort_id=north.cohort,
              deactivate=True, done_at=moment(2), deactivated=True)  # fmt: skip
    export = await add("data_export", **own, job_id=job, format="JSON", state="EXPIRED", created_at=moment(1),
                       ready_at=moment(1, 10), expires_at=moment(4, 10), downloads=1)  # fmt: skip
    await add("download_link", library_id=north.id, export_id=export, token_sha256="d" * 64,
              created_at=moment(1), expires_at=moment(1), staff_user_id=north.staff)  # fmt: skip
    await add("import_row", **own, job_id=job, line=7, cells=["B-NEW", None, "bad"], state="REJECTED", code="INVALID",
              column_name="email", reason="is not an e-mail address")  # fmt: skip
    return Ada(who, mate)


async def _circulation(add: Add, town: Town, who: int, mate: int) -> None:
    own = {"library_id": town.id, "patron_id": who}
    book = await add("item", library_id=town.id, barcode="I-1", title="Notes", author="Menabrea", status="ON_LOAN")
    film = await add("item", library_id=town.id, barcode="I-2", title="Engine", status="AVAILABLE")
    await add("loan", **own, item_id=film, checked_out_at=moment(1), due_at=moment(15), returned_at=moment(9),
              branch_id=town.branch)  # fmt: skip
    loan = await add("loan", **own, item_id=book, checked_out_at=moment(10), due_at=moment(24), renewals_left=2)
    await add("reservation", **own, item_id=film, requested_at=moment(8), pickup_branch_id=town.branch,
              frozen=True, state="OPEN")  # fmt: skip
    await add("reservation", library_id=town.id, patron_id=mate, item_id=book, requested_at=moment(8), state="OPEN")
    charge = await add("ledger_entry", **own, kind="CHARGE", amount=Decimal("12.50"), outstanding=Decimal("2.00"),
                       loan_id=loan, reason="OVERDUE", note="Late", external_id="L-1", created_at=moment(11),
                       created_by_id=town.staff)  # fmt: skip
    await add("ledger_entry", **own, kind="PAYMENT", amount=Decimal("10.50"), charge_id=charge,
              created_at=moment(12), created_by_id=town.staff)  # fmt: skip
    await add("ledger_entry", **own, kind="CHARGE", amount=Decimal("1.00"), outstanding=Decimal("0.00"),
              reason="CARD", created_at=moment(13))  # fmt: skip


TakeLease = Callable[[int], Awaitable[Lease]]


@pytest.fixture
def take(database: ModuleType) -> TakeLease:
    """Take a job the way a worker does."""

    async def claim(job_id: int, owner: str = "worker-1") -> Lease:
        [(lease, _)] = await leases.claim(owner, 60, list(EXPORTS), 1, job_id)
        return lease

    return claim


@pytest.fixture
def work(take: TakeLease) -> Callable[[int], Awaitable[None]]:
    """Do one export job to its end."""

    async def do(job_id: int) -> None:
        lease = await take(job_id)
        await EXPORTS[lease.kind](lease)

    return do


@pytest.fixture
def stored(database: ModuleType, settings: Settings) -> Callable[[], list[Path]]:
    """The files of the exports folder."""

    def paths() -> list[Path]:
        return sorted(settings.exports_dir.iterdir()) if settings.exports_dir.exists() else []

    return paths
