"""Two members of the staff of two libraries do what nobody planned, at the same time, and the rules hold after it.

Each step is a pair of operations that run concurrently on few patrons and few items, so that they meet. A worker
purges beside them. What must hold is asked in plain SQL. LIFE_EXAMPLES=500 asks for more, and for other ones each time.
"""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from tests.clients import Api
from tests.town import Town, make_town, wait_until

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.desk import actions as desk
from patrongraph.desk import money, reservations
from patrongraph.desk.queries import Borrower
from patrongraph.erasure import actions as purges
from patrongraph.erasure import deletion, lost
from patrongraph.groups import actions as groups
from patrongraph.jobs.queries import progress
from patrongraph.patrons import actions as patrons
from patrongraph.patrons import blocks
from patrongraph.patrons.register import register
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.problems import Refused
from patrongraph.settings import Settings, use_settings
from patrongraph.staff.actions import create_token
from patrongraph.workers.runner import Runner

ASKED_FOR = os.environ.get("LIFE_EXAMPLES")
EXAMPLES = int(ASKED_FOR or 30)

KINDS = (
    "check_out", "check_in", "renew", "reserve", "cancel", "charge", "pay", "waive", "move", "remove", "lead",
    "grant", "revoke", "block", "lift", "deactivate", "reactivate", "register", "delete", "restore", "purge",
    "mark_lost",
)  # fmt: skip

# What others need to have happened first.
OFTEN = ("check_out", "check_out", "renew", "charge", "charge", "pay", "waive", "move", "lead", "restore")

# The deleting statement itself fails when it meets anything that forbids to delete: exact, whoever deletes.
GUARDS = {
    "loan": "OLD.returned_at IS NULL",
    "reservation": "OLD.state = 'OPEN'",
    "ledger_entry": "OLD.kind = 'CHARGE' AND OLD.outstanding <> 0",
    "patron": "OLD.protected",
}

# Every rule that is broken anywhere, and by which row.
BROKEN = """
SELECT 'a patron is in two groups' AS rule, patron_id AS id FROM group_membership GROUP BY patron_id HAVING count(*) > 1
UNION ALL
SELECT 'a group is empty', id FROM patron_group g
WHERE NOT EXISTS (SELECT FROM group_membership WHERE group_id = g.id)
UNION ALL
SELECT 'a group has two leads', group_id FROM group_membership WHERE lead GROUP BY group_id HAVING count(*) > 1
UNION ALL
SELECT 'a waiver stands for a group that the patron is not in', w.id FROM privacy_waiver w
WHERE revoked_at IS NULL
  AND NOT EXISTS (SELECT FROM group_membership m WHERE m.patron_id = w.patron_id AND m.group_id = w.group_id)
UNION ALL
SELECT 'an item is lent twice', item_id FROM loan WHERE returned_at IS NULL GROUP BY item_id HAVING count(*) > 1
UNION ALL
SELECT 'an item is lent and says otherwise, or the reverse', item.id FROM item
WHERE (status = 'ON_LOAN') <> EXISTS (SELECT FROM loan WHERE item_id = item.id AND returned_at IS NULL)
UNION ALL
SELECT 'an item is kept for nobody', item.id FROM item
WHERE status = 'ON_HOLD_SHELF' AND NOT EXISTS (SELECT FROM reservation WHERE item_id = item.id AND state = 'OPEN')
UNION ALL
SELECT 'a patron waits twice for an item', item_id FROM reservation WHERE state = 'OPEN'
GROUP BY item_id, patron_id HAVING count(*) > 1
UNION ALL
SELECT 'a charge does not add up', charge.id FROM ledger_entry charge
WHERE kind = 'CHARGE' AND (outstanding < 0 OR outstanding <> amount - coalesce((
    SELECT sum(amount) FROM ledger_entry entry
    WHERE entry.charge_id = charge.id AND kind IN ('PAYMENT', 'WAIVE', 'WRITE_OFF')), 0))
UNION ALL
SELECT 'a deleted patron has no tombstone', named.id FROM unnest($1::bigint[]) AS named(id)
WHERE NOT EXISTS (SELECT FROM patron WHERE id = named.id)
  AND NOT EXISTS (SELECT FROM tombstone WHERE patron_id = named.id)
UNION ALL
SELECT 'a patron with a tombstone is still there', id FROM patron
WHERE EXISTS (SELECT FROM tombstone WHERE patron_id = patron.id)
"""

CROSSED = """
SELECT '{child}.{key} crosses libraries', c.id::bigint FROM {child} c JOIN {parent} p ON p.id = c.{key}
WHERE c.library_id <> p.library_id
"""
WITHIN = [
    ("loan", "patron_id", "patron"), ("reservation", "patron_id", "patron"), ("ledger_entry", "patron_id", "patron"),
    ("ledger_entry", "charge_id", "ledger_entry"), ("ledger_entry", "created_by_id", "staff_user"),
    ("block", "patron_id", "patron"), ("block", "placed_by_id", "staff_user"), ("card", "patron_id", "patron"),
    ("address", "patron_id", "patron"), ("group_membership", "patron_id", "patron"),
    ("group_membership", "group_id", "patron_group"), ("privacy_waiver", "patron_id", "patron"),
    ("privacy_waiver", "group_id", "patron_group"), ("patron", "branch_id", "branch"),
]  # fmt: skip

# What is about a patron who is gone, in any table; a tombstone and the items of jobs may name the opaque id.
NAMES_A_PATRON = """
SELECT table_name::text AS name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'patron_id' AND table_name NOT IN ('tombstone', 'job_item')
"""
LEFT_OVER = """
SELECT 'a row is left in {name}', patron_id FROM {name}
WHERE patron_id IS NOT NULL AND NOT EXISTS (SELECT FROM patron WHERE id = patron_id)
"""

OWED = "SELECT coalesce(sum(outstanding), 0) FROM ledger_entry WHERE patron_id = $1 AND kind = 'CHARGE'"
# One that is open, if the patron's library has one; the patron's own, if there is one.
FIRST_OPEN = """
SELECT id FROM {table} WHERE library_id = (SELECT library_id FROM patron WHERE id = $1)
ORDER BY ({open}) DESC, patron_id = $1 DESC, id DESC LIMIT 1
"""
LATEST = {
    "loan": FIRST_OPEN.format(table="loan", open="returned_at IS NULL"),
    "reservation": FIRST_OPEN.format(table="reservation", open="state = 'OPEN'"),
    "debt": "SELECT max(id) FROM ledger_entry WHERE patron_id = $1 AND kind = 'CHARGE'",
    "block": FIRST_OPEN.format(table="block", open="lifted_at IS NULL"),
    "group": "SELECT max(group_id) FROM group_membership WHERE patron_id = $1",
}
BORROWER = """
SELECT patron_id FROM loan
WHERE library_id = (SELECT library_id FROM patron WHERE id = $1) AND returned_at IS NULL
ORDER BY patron_id = $1 DESC, id LIMIT 1
"""
OPEN_LOANS = "SELECT id FROM loan WHERE patron_id = $1 AND returned_at IS NULL ORDER BY id"
NOBODY = 999_999_999


@dataclass(frozen=True)
class Step:
    """One operation: by whom, on whom, with whom or what. Numbers choose among what there is."""

    kind: str
    town: int
    patron: int
    other: int
    amount: int


@dataclass
class World:
    """Two libraries with two members of staff each, and what they did."""

    towns: list[Town]
    staff: list[list[Actor]]
    people: list[list[int]]
    items: list[str]
    barcodes: dict[int, str]
    rules: str
    owed: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    made: int = 0

    def patron(self, town: int, number: int) -> int:
        """Mostly the library's own; every eighth is the other library's, who must stay unknown."""
        theirs = self.people[1 - town] if number % 8 == 7 else self.people[town]
        return theirs[number % len(theirs)]

    async def latest(self, what: str, patron: int) -> int:
        return await db.value(LATEST[what], patron) or NOBODY

    def new_barcode(self) -> str:
        self.made += 1
        return f"R{self.towns[0].id}-{self.made}"

    def settle(self, step: Step, patron: int, amount: Decimal) -> None:
        self.owed[patron] += amount if step.kind == "charge" else -amount

    async def check(self) -> None:
        everybody = [patron for people in self.people for patron in people]
        assert [tuple(row) for row in await db.rows(self.rules, everybody)] == []
        there = await db.rows("SELECT id FROM patron WHERE id = ANY($1::bigint[])", everybody)
        for row in there:
            assert await db.value(OWED, row["id"]) == self.owed[row["id"]]


async def make_world(number: int) -> World:
    towns = [await make_town(f"NORTH{number}"), await make_town(f"SOUTH{number}")]
    await towns[1].policy(grace_days=7)
    staff, people, items = [], [], []
    for town in towns:
        await town.policy(block_level=Decimal(3))
        anna = await town.staff(*ALL_PERMISSIONS)
        bert = await db.value(
            "INSERT INTO staff_user (library_id, username, display_name, password_hash)"
            " VALUES ($1, 'bert', 'Bert', 'x') RETURNING id",
            town.id,
        )
        await db.rows(
            "INSERT INTO staff_role (staff_user_id, role_id)"
            " SELECT $1, role_id FROM staff_role WHERE staff_user_id = $2 RETURNING id",
            bert,
            anna.id,
        )
        staff.append([anna, await town.signed_in(bert, *anna.permissions)])
        people.append(await town.patrons(3, status="ACTIVE") + await town.patrons(1))
        for each in range(2):
            barcode = f"item-{town.id}-{each}"
            items.append(barcode)
            await db.rows(
                "INSERT INTO item (library_id, barcode, title, status, price)"
                " VALUES ($1, $2, 'Title', 'AVAILABLE', 7.50) RETURNING id",
                town.id,
                barcode,
            )
    left = [LEFT_OVER.format(name=row["name"]) for row in await db.rows(NAMES_A_PATRON)]
    crossed = [CROSSED.format(child=child, key=key, parent=parent) for child, key, parent in WITHIN]
    rules = " UNION ALL ".join([BROKEN, *left, *crossed])
    return World(towns, staff, people, items, {p: f"B{p}" for both in people for p in both}, rules)


async def act(world: World, who: int, step: Step) -> bool:
    """Do it in process; return whether it was done. Anything but Refused comes through."""
    actor = world.staff[step.town][who]
    patron, other = world.patron(step.town, step.patron), world.patron(step.town, step.other)
    try:
        if step.kind in DESK:
            await DESK[step.kind](world, actor, step, patron)
        else:
            await ACCOUNT[step.kind](world, actor, patron, other)
    except Refused:
        return False
    return True


def barcode_of(world: World, step: Step) -> str:
    return world.items[step.other % len(world.items)]


async def check_out(world: World, actor: Actor, step: Step, patron: int) -> None:
    await desk.check_out(actor, Borrower(id=patron), barcode_of(world, step))


async def check_in(world: World, actor: Actor, step: Step, patron: int) -> None:
    await desk.check_in(actor, barcode_of(world, step))


async def renew(world: World, actor: Actor, step: Step, patron: int) -> None:
    loan = await world.latest("loan", patron)
    # As if it had been lent a day earlier: what is renewed on the day of the loan is refused.
    await db.rows("UPDATE loan SET due_at = due_at - interval '1 day' WHERE id = $1 RETURNING id", loan)
    await desk.renew(actor, loan)


async def reserve(world: World, actor: Actor, step: Step, patron: int) -> None:
    await reservations.place(actor, Borrower(id=patron), barcode_of(world, step))


async def cancel(world: World, actor: Actor, step: Step, patron: int) -> None:
    await reservations.cancel(actor, await world.latest("reservation", patron))


async def charge(world: World, actor: Actor, step: Step, patron: int) -> None:
    await money.charge(actor, patron, Decimal(step.amount), "Fee")
    world.settle(step, patron, Decimal(step.amount))


async def pay(world: World, actor: Actor, step: Step, patron: int) -> None:
    await money.pay(actor, patron, Decimal(step.amount))
    world.settle(step, patron, Decimal(step.amount))


async def waive(world: World, actor: Actor, step: Step, patron: int) -> None:
    await money.waive(actor, await world.latest("debt", patron), "kindness", amount=Decimal(step.amount))
    world.settle(step, patron, Decimal(step.amount))


async def move(world: World, actor: Actor, patron: int, other: int) -> None:
    group = await db.value(LATEST["group"], other)
    where = {"member_barcode": world.barcodes[other]} if group is None else {"group_id": group}
    await groups.move_to_group(actor, groups.Move(patron_ids=[patron], **where))


async def remove(world: World, actor: Actor, patron: int, other: int) -> None:
    await groups.remove_from_group(actor, [patron, other])


async def lead(world: World, actor: Actor, patron: int, other: int) -> None:
    await groups.set_lead(actor, await world.latest("group", other), None if patron == other else patron)


async def grant(world: World, actor: Actor, patron: int, other: int) -> None:
    await groups.grant_waiver(actor, patron)


async def revoke(world: World, actor: Actor, patron: int, other: int) -> None:
    await groups.revoke_waiver(actor, patron)


async def block(world: World, actor: Actor, patron: int, other: int) -> None:
    await blocks.place(actor, patron, "noisy")


async def lift(world: World, actor: Actor, patron: int, other: int) -> None:
    await blocks.lift(actor, await world.latest("block", patron), "quiet again")


async def deactivate(world: World, actor: Actor, patron: int, other: int) -> None:
    await patrons.deactivate(actor, [patron, other])


async def reactivate(world: World, actor: Actor, patron: int, other: int) -> None:
    await patrons.reactivate(actor, [patron])


async def register_clone(world: World, actor: Actor, patron: int, other: int) -> None:
    barcode = world.new_barcode()
    made = await register(actor, {"barcode": barcode, "first_name": "Child", "last_name": "New"}, clone_from=patron)
    world.barcodes[made] = barcode
    world.people[[town.id for town in world.towns].index(actor.library)].append(made)


async def delete(world: World, actor: Actor, patron: int, other: int) -> None:
    shown = await deletion.delete(actor, patron)
    assert isinstance(shown, deletion.DeletionPreview)
    await deletion.delete(actor, patron, confirmation_token=shown.confirmation_token)


async def restore(world: World, actor: Actor, patron: int, other: int) -> None:
    await deletion.restore(actor, patron)


async def purge(world: World, actor: Actor, patron: int, other: int) -> None:
    started = await purges.start(actor, patron_ids=[patron, other])
    assert isinstance(started, purges.PurgeStarted)
    await purged(actor.library, started.job_id)


async def borrower(patron: int) -> tuple[int, list[int]]:
    """The patron, or else another borrower of the same library, with all open loans."""
    found = await db.value(BORROWER, patron) or patron
    return found, [row["id"] for row in await db.rows(OPEN_LOANS, found)]


async def mark_lost(world: World, actor: Actor, patron: int, other: int) -> None:
    """What it charges it writes off, so nobody owes more or less; with an odd `other` the patron is purged too."""
    patron, loans = await borrower(patron)
    done = await lost.mark(actor, patron, loans, purge=other % 2 == 1)
    assert isinstance(done, lost.MarkedLost)
    assert done.written_off == done.charged == Decimal("7.50") * len(loans)
    if done.job_id is not None:
        await purged(actor.library, done.job_id)


async def purged(library: int, job_id: int) -> None:
    async def ended() -> bool:
        found = await progress(library, job_id)
        assert found is not None
        assert found.failed == 0
        return found.finished

    await wait_until(ended)


DESK: dict[str, Any] = {
    "check_out": check_out, "check_in": check_in, "renew": renew, "reserve": reserve, "cancel": cancel,
    "charge": charge, "pay": pay, "waive": waive,
}  # fmt: skip
ACCOUNT: dict[str, Any] = {
    "move": move, "remove": remove, "lead": lead, "grant": grant, "revoke": revoke, "block": block, "lift": lift,
    "deactivate": deactivate, "reactivate": reactivate, "register": register_clone, "delete": delete,
    "restore": restore, "purge": purge, "mark_lost": mark_lost,
}  # fmt: skip


@pytest_asyncio.fixture
async def a_worker(database: Any, settings: Settings) -> AsyncIterator[None]:
    """A worker beside the desks, and a database that does not let go of what must stay."""
    for table, never in GUARDS.items():
        await db.rows(
            f"CREATE OR REPLACE FUNCTION test_keep_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF {never} THEN RAISE EXCEPTION 'an obstacle is deleted from {table}'; END IF; RETURN OLD; END $$"
        )
        await db.rows(
            f"CREATE OR REPLACE TRIGGER test_keep BEFORE DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION test_keep_{table}()"
        )
    quick = settings.model_copy(update={"job_poll_seconds": 0.1, "job_concurrency": 2})
    use_settings(quick)
    stop = asyncio.Event()
    task = asyncio.create_task(Runner(quick).run(stop))
    yield
    stop.set()
    await task
    for table in GUARDS:
        await db.rows(f"DROP TRIGGER test_keep ON {table}")
        await db.rows(f"DROP FUNCTION test_keep_{table}()")


steps = st.builds(
    Step, st.sampled_from(KINDS + OFTEN), st.integers(0, 1), st.integers(0, 7), st.integers(0, 7), st.integers(1, 4)
)
pairs = st.lists(st.tuples(steps, steps), min_size=16, max_size=30)
worlds = Counter[str]()
done = Counter[str]()


@given(life=pairs)
@settings(
    max_examples=EXAMPLES,
    derandomize=ASKED_FOR is None,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    # Each example makes two libraries of its own, so they may share the database.
    suppress_health_check=list(HealthCheck),
)
async def test_whatever_two_do_at_once_the_rules_hold(a_worker: None, life: list[tuple[Step, Step]]) -> None:
    worlds["made"] += 1
    world = await make_world(worlds["made"])
    for first, second in life:
        note(f"{first}\n    beside {second}")
        both = await asyncio.gather(act(world, 0, first), act(world, 1, second))
        for step, changed in zip((first, second), both, strict=True):
            done[step.kind] += changed
        await world.check()


def test_no_operation_was_always_refused() -> None:
    """After the test above: lives that are refused everything prove nothing."""
    lacking = {kind for kind in KINDS if not done[kind]}
    assert worlds["made"] < 30 or lacking == set()


MUTATION = (
    "mutation($input: {type}!) {{ found: {name}(input: $input) {{ __typename ... on Problem {{ code }} {more} }} }}"
)


async def say(api: Api, token: str, name: str, more: str = "", **given: Any) -> dict[str, Any]:
    text = MUTATION.format(type=f"{name[0].upper()}{name[1:]}Input", name=name, more=more)
    for mutations, shared in SHARED.items():
        if name in mutations:
            text = text.replace(f"{name[0].upper()}{name[1:]}Input", shared)
    found: dict[str, Any] = (await api.data(text, {"input": given}, token))["found"]
    assert found["__typename"].endswith(("Success", "Preview")) or found["code"], found
    return found


SHARED = {
    ("deactivatePatrons", "reactivatePatrons", "removeFromGroup"): "PatronIdsInput",
    ("grantPrivacyWaiver", "revokePrivacyWaiver"): "PrivacyWaiverInput",
}


async def over_graphql(api: Api, token: str, world: World, step: Step) -> None:
    """Send it as a client does; whatever is neither success nor problem fails."""
    patron, other = world.patron(step.town, step.patron), world.patron(step.town, step.other)
    key, ids, amount = f"pat_{patron}", [f"pat_{patron}", f"pat_{other}"], Decimal(step.amount)
    of = {what: await world.latest(what, patron) for what in LATEST}
    reader, loans = await borrower(patron)
    given_up = {"patronId": f"pat_{reader}", "loanIds": [f"loan_{loan}" for loan in loans]}
    lent = {"patron": {"id": key}, "itemBarcode": barcode_of(world, step)}
    settled = {"amount": str(amount)}
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "check_out": ("checkOut", lent),
        "check_in": ("checkIn", {"itemBarcode": lent["itemBarcode"]}),
        "renew": ("renewLoan", {"loanId": f"loan_{of['loan']}"}),
        "reserve": ("placeReservation", lent),
        "cancel": ("cancelReservation", {"reservationId": f"res_{of['reservation']}"}),
        "charge": ("chargeDebt", {"patronId": key, "reason": "Fee"} | settled),
        "pay": ("payDebt", {"patronId": key} | settled),
        "waive": ("waiveDebt", {"debtId": f"debt_{of['debt']}", "reason": "kindness"} | settled),
        "move": ("moveToGroup", {"patronIds": [key], "into": {"memberBarcode": f"B{other}"}, "confirm": True}),
        "remove": ("removeFromGroup", {"patronIds": ids}),
        "lead": ("setGroupLead", {"groupId": f"grp_{of['group']}", "patronId": key}),
        "grant": ("grantPrivacyWaiver", {"patronId": key}),
        "revoke": ("revokePrivacyWaiver", {"patronId": key}),
        "block": ("blockPatron", {"patronId": key, "comment": "noisy"}),
        "lift": ("liftBlock", {"blockId": f"block_{of['block']}", "reason": "quiet"}),
        "deactivate": ("deactivatePatrons", {"patronIds": ids}),
        "reactivate": ("reactivatePatrons", {"patronIds": ids}),
        "register": ("registerPatron", {"barcode": world.new_barcode(), "lastName": "New", "cloneFrom": key}),
        "delete": ("deletePatron", {"patronId": key}),
        "restore": ("restorePatron", {"patronId": key}),
        "purge": ("purgePatrons", {"patronIds": ids, "dryRun": False}),
        "mark_lost": ("markLoansLost", given_up | {"dryRun": False, "purge": other % 2 == 1}),
    }
    name, given = asked[step.kind]
    more = {
        "delete": "... on DeletePatronPreview { confirmationToken }",
        "purge": "... on PurgePatronsSuccess { job { id } }",
        "mark_lost": "... on MarkLoansLostSuccess { job { id } }",
    }.get(step.kind, "")
    found = await say(api, token, name, more, **given)
    if "confirmationToken" in found:
        await say(api, token, name, more, **given, confirmationToken=found["confirmationToken"])
    if found.get("job"):
        await purged(world.towns[step.town].id, int(found["job"]["id"].removeprefix("job_")))
    if step.kind in ("charge", "pay", "waive") and found["__typename"].endswith("Success"):
        world.settle(step, patron, amount)
    done[f"{step.kind} over GraphQL"] += found["__typename"].endswith(("Success", "Preview"))


async def test_the_same_through_the_api(api: Api, a_worker: None) -> None:
    world = await make_world(0)
    tokens = [
        [(await create_token(town.system, name, ALL_PERMISSIONS))[1] for name in ("Anna", "Bert")]
        for town in world.towns
    ]
    chance = Random(7)  # noqa: S311 - the same life each time
    for _ in range(60):
        both = [
            Step(
                chance.choice(KINDS),
                chance.randrange(2),
                chance.randrange(8),
                chance.randrange(8),
                chance.randint(1, 4),
            )
            for _ in range(2)
        ]
        await asyncio.gather(*(over_graphql(api, tokens[s.town][who], world, s) for who, s in enumerate(both)))
        await world.check()
    assert sum(done[f"{kind} over GraphQL"] > 0 for kind in KINDS) >= len(KINDS) // 2
