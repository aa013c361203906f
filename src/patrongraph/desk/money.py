"""The verbs of the ledger, a file of its own: a charge and what settles it always add up, in one transaction.

What is left of a charge is its amount less its payments and waivers; both are written together, under the lock of
the patron.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.circulation.models import LedgerKind
from patrongraph.context import Actor, ActorKind
from patrongraph.desk import problems, queries
from patrongraph.desk.queries import Charge
from patrongraph.jobs import idempotency
from patrongraph.problems import InputReason, invalid, wrong_text

LARGEST = Decimal("9999999999.99")
LONGEST_REASON = 60
LONGEST_NOTE = 2000

INSERT_CHARGE = """
INSERT INTO ledger_entry (library_id, patron_id, loan_id, kind, amount, outstanding, reason, note, created_by_id)
VALUES ($1, $2, $3, 'CHARGE', $4, $4, $5, $6, $7)
RETURNING id
"""

# Settles part $2[i] of charge $1[i]: one entry for each, and as much less outstanding, in the order given.
SETTLE = """
WITH part AS (
    SELECT charge_id, amount, place
    FROM unnest($1::bigint[], $2::numeric[]) WITH ORDINALITY AS part(charge_id, amount, place)
), less AS (
    UPDATE ledger_entry charge SET outstanding = charge.outstanding - part.amount
    FROM part WHERE charge.id = part.charge_id
    RETURNING charge.id
)
INSERT INTO ledger_entry (library_id, patron_id, charge_id, kind, amount, note, created_by_id)
SELECT $3, $4, part.charge_id, $5, part.amount, $6, $7
FROM part JOIN less ON less.id = part.charge_id
ORDER BY part.place
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Charged:
    """The new debt."""

    debt_id: int
    patron_id: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The debts that were settled, wholly or in part, and the entries that did it, in that order."""

    patron_id: int
    debt_ids: list[int]
    entry_ids: list[int]


async def charge(
    actor: Actor,
    patron_id: int,
    amount: Decimal,
    reason: str,
    *,
    note: str | None = None,
    loan_id: int | None = None,
    idempotency_key: str | None = None,
) -> Charged:
    """Put a charge on a patron's account, also an inactive or blocked one's.

    Raises Refused: NOT_FOUND, also for a loan that is not this patron's, INVALID_INPUT, IDEMPOTENCY_MISMATCH.
    """
    body = (patron_id, amount, reason, note, loan_id)
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "chargeDebt", body)
        if earlier is not None:
            return Charged(**earlier)
        sum_ = _money(amount)
        why = _text("input.reason", reason, LONGEST_REASON)
        remark = None if note is None else _text("input.note", note, LONGEST_NOTE)
        patron = await queries.lock_patron(actor.library, patron_id)
        if patron is None:
            raise problems.missing("patron")
        if loan_id is not None:
            loan = await queries.own_loan(actor.library, loan_id)
            if loan is None or loan.patron_id != patron.id:
                raise problems.missing("loan")
        made: int = await db.value(
            INSERT_CHARGE, actor.library, patron.id, loan_id, sum_, why, remark, _staff_id(actor)
        )
        await record(actor, "desk.charge", ("patron", patron.id), debt=made)
        done = Charged(made, patron.id)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


async def pay(
    actor: Actor,
    patron_id: int,
    amount: Decimal,
    *,
    debt_id: int | None = None,
    idempotency_key: str | None = None,
) -> Settled:
    """Take a payment: towards that debt, else towards all of the patron's, the oldest first.

    Raises Refused: NOT_FOUND, also for a debt that is not this patron's, INVALID_INPUT, MORE_THAN_OWED,
    IDEMPOTENCY_MISMATCH.
    """
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "payDebt", (patron_id, amount, debt_id))
        if earlier is not None:
            return Settled(**earlier)
        paid = _money(amount)
        patron = await queries.lock_patron(actor.library, patron_id)
        if patron is None:
            raise problems.missing("patron")
        if debt_id is None:
            charges = await queries.open_charges(actor.library, patron.id)
        else:
            named = await queries.own_charge(actor.library, debt_id)
            if named is None or named.patron_id != patron.id:
                raise problems.missing("debt")
            charges = [named]
        done = await _settle(actor, patron.id, charges, paid, kind=LedgerKind.PAYMENT)
        await record(actor, "desk.pay", ("patron", patron.id), entries=done.entry_ids)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


async def waive(
    actor: Actor, debt_id: int, reason: str, *, amount: Decimal | None = None, idempotency_key: str | None = None
) -> Settled:
    """Forgive a debt, all that is left of it or that amount; the reason is kept beside the entry.

    Raises Refused: NOT_FOUND, INVALID_INPUT, MORE_THAN_OWED (also when nothing is left), IDEMPOTENCY_MISMATCH.
    """
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "waiveDebt", (debt_id, reason, amount))
        if earlier is not None:
            return Settled(**earlier)
        why = _text("input.reason", reason, LONGEST_NOTE)
        asked = None if amount is None else _money(amount)
        found = await queries.own_charge(actor.library, debt_id)
        patron = None if found is None else await queries.lock_patron(actor.library, found.patron_id)
        debt = await queries.own_charge(actor.library, debt_id)
        if patron is None or debt is None:
            raise problems.missing("debt")
        sum_ = debt.outstanding if asked is None else asked
        done = await _settle(actor, patron.id, [debt], sum_, kind=LedgerKind.WAIVE, note=why)
        await record(actor, "desk.waive", ("patron", patron.id), entries=done.entry_ids)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


async def _settle(
    actor: Actor,
    patron_id: int,
    charges: Sequence[Charge],
    total: Decimal,
    *,
    kind: LedgerKind,
    note: str | None = None,
) -> Settled:
    """Spread a sum over charges of a patron who is held still, in their order."""
    owed = sum((each.outstanding for each in charges if each.outstanding > 0), Decimal("0.00"))
    if total > owed or owed == 0:
        raise problems.more_than_owed(max(total, Decimal("0.00")), owed)
    ids: list[int] = []
    parts: list[Decimal] = []
    rest = total
    for each in charges:
        part = min(rest, each.outstanding)
        if part > 0:
            ids.append(each.id)
            parts.append(part)
            rest -= part
    made = await db.rows(SETTLE, ids, parts, actor.library, patron_id, kind.value, note, _staff_id(actor))
    return Settled(patron_id, ids, [row["id"] for row in made])


def _money(amount: Decimal) -> Decimal:
    """Return the amount in cents. Raises Refused (INVALID_INPUT)."""
    if not 0 < amount <= LARGEST:
        reason = InputReason.TOO_LARGE if amount > LARGEST else InputReason.TOO_SMALL
        raise invalid("input.amount", f"An amount is more than 0 and at most {LARGEST}.", reason)
    cents = amount.quantize(Decimal("0.01"))
    if cents != amount:
        raise invalid("input.amount", "An amount has at most two decimals.", InputReason.TOO_PRECISE, 2)
    return cents


def _text(field: str, text: str, longest: int) -> str:
    """Return the text without spaces around it. Raises Refused (INVALID_INPUT)."""
    stripped = text.strip()
    if not 1 <= len(stripped) <= longest:
        raise invalid(field, f"Give a text of 1 to {longest} characters.", *wrong_text(stripped, longest))
    return stripped


def _staff_id(actor: Actor) -> int | None:
    return actor.id if actor.kind is ActorKind.STAFF else None
