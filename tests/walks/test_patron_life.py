"""Walk 4, one patron's life: from the registration beside a parent to the tombstone.

Everything here is done by staff at one desk, at once, each by one mutation: no job, no worker. Every mutation answers
with the patron as it is now, or with a problem that lists each reason, not only the first.
"""

from decimal import Decimal
from typing import Any

import orjson
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db

PROBLEM = "... on Problem { code message }"
REGISTER = f"""
mutation($input: RegisterPatronInput!) {{ found: registerPatron(input: $input) {{
  ... on RegisterPatronSuccess {{ patron {{
    id barcode firstName email category status addresses {{ street }} group {{ memberCount lead {{ id }} }}
  }} }} {PROBLEM}
}} }}"""
BLOCK = f"""
mutation($input: BlockPatronInput!) {{ found: blockPatron(input: $input) {{
  ... on BlockSuccess {{ block {{ id comment message }} patron {{ blocked }} }} {PROBLEM}
}} }}"""
LIFT = f"""
mutation($input: LiftBlockInput!) {{ found: liftBlock(input: $input) {{
  ... on BlockSuccess {{ patron {{ blocked blockReasons {{ code }} }} }} {PROBLEM}
}} }}"""
REFUSED = f"{PROBLEM} ... on CirculationRefused {{ refusals {{ code amountToClear }} }}"
CHECK_OUT = f"""
mutation($input: CheckOutInput!) {{ found: checkOut(input: $input) {{
  ... on CheckOutSuccess {{ loan {{ id item {{ title status }} }} }} {REFUSED}
}} }}"""
CHECK_IN = f"""
mutation($input: CheckInInput!) {{ found: checkIn(input: $input) {{
  ... on CheckInSuccess {{ wasOnLoan itemStatus loan {{ id }} }} {REFUSED}
}} }}"""
CHARGE = f"""
mutation($input: ChargeDebtInput!) {{ found: chargeDebt(input: $input) {{
  ... on ChargeDebtSuccess {{ debt {{ id outstanding }} patron {{
    blocked blockReasons {{ code debt level amountToClear }}
  }} }} {PROBLEM}
}} }}"""
PAY = f"""
mutation($input: PayDebtInput!) {{ found: payDebt(input: $input) {{
  ... on SettleDebtSuccess {{ debts {{ id outstanding }} patron {{ blocked }} }} {PROBLEM}
}} }}"""
RESERVE = f"""
mutation($input: PlaceReservationInput!) {{ found: placeReservation(input: $input) {{
  ... on PlaceReservationSuccess {{ reservation {{ id }} }} {REFUSED}
}} }}"""
CANCEL = f"""
mutation($input: CancelReservationInput!) {{ found: cancelReservation(input: $input) {{
  ... on CancelReservationSuccess {{ changed }} {REFUSED}
}} }}"""
MOVE = f"""
mutation($input: MoveToGroupInput!) {{ found: moveToGroup(input: $input) {{
  ... on MoveToGroupPreview {{ changed moving {{ id }} targetMember {{ id }} dissolved {{ id }} }}
  ... on MoveToGroupSuccess {{ changed dissolvedCount group {{ id memberCount lead {{ id }} }} }} {PROBLEM}
}} }}"""
GRANT = f"""
mutation($input: PrivacyWaiverInput!) {{ found: grantPrivacyWaiver(input: $input) {{
  ... on GrantPrivacyWaiverSuccess {{ changed waiver {{ grantedAt }} }} {PROBLEM}
}} }}"""
DEACTIVATE = f"""
mutation($input: PatronIdsInput!) {{ found: deactivatePatrons(input: $input) {{
  ... on PatronsStatusSuccess {{ changed patrons {{ status blockReasons {{ code }} }} }} {PROBLEM}
}} }}"""
DELETE = f"""
mutation($input: DeletePatronInput!) {{ found: deletePatron(input: $input) {{
  ... on DeletePatronPreview {{ rows {{ table rows }} statistics graceDays eraseAfter confirmationToken }}
  ... on DeletePatronSuccess {{ erased rows {{ table rows }} statistics patron {{ id }} }}
  ... on Obstacles {{ obstacles {{ code count ids }} }} {PROBLEM}
}} }}"""


async def test_a_patrons_life(api: Api, town: Town) -> None:
    mother, neighbour = await town.patrons(2, status="ACTIVE")
    home = await town.group(neighbour)
    await town.policy(block_level=Decimal(5))
    for barcode, title in (("book-1", "Pippi"), ("book-2", "Emil")):
        await db.rows(
            "INSERT INTO item (library_id, barcode, title, status) VALUES ($1, $2, $3, 'AVAILABLE') RETURNING id",
            town.id, barcode, title,
        )  # fmt: skip
    token = await town.token()

    async def ask(mutation: str, **given: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await api.data(mutation, {"input": given}, token))["found"]
        return found

    async def refused(mutation: str, **given: Any) -> dict[str, Any]:
        async with nothing_changes():
            return await ask(mutation, **given)

    # Station 1, the registration. The child gets a copy of the mother's address and category, not her e-mail. The
    # mother was in no group, so one is made of the two; nobody leads it.
    child = (await ask(REGISTER, firstName="Lisa", lastName="Berg", barcode="child-1", cloneFrom=f"pat_{mother}"))[
        "patron"
    ]
    lisa = child["id"]
    assert child == {
        "id": lisa, "barcode": "child-1", "firstName": "Lisa", "email": None, "category": "Pupil", "status": "ACTIVE",
        "addresses": [{"street": f"Street {mother}"}], "group": {"memberCount": 2, "lead": None},
    }  # fmt: skip
    assert await db.value("SELECT count(*) FROM address WHERE street = $1", f"Street {mother}") == 2

    # Station 2, the block. Staff must say why; what the patron is told is another sentence.
    blocked = await ask(BLOCK, patronId=lisa, comment="Ran in the stacks.", message="Please see us.")
    block = blocked["block"]
    assert (block["comment"], block["message"]) == ("Ran in the stacks.", "Please see us.")
    assert blocked["patron"] == {"blocked": True}

    # Station 3, the desk. A charge above the library's level blocks as well, by itself. No loan, with every reason,
    # and the sum that would end the one that money ends.
    owed = await ask(CHARGE, patronId=lisa, amount="7.50", reason="Torn page")
    debt = owed["debt"]["id"]
    assert owed["debt"]["outstanding"] == "7.50"
    assert owed["patron"]["blockReasons"] == [
        {"code": "MANUAL", "debt": None, "level": None, "amountToClear": None},
        {"code": "DEBT", "debt": "7.50", "level": "5.00", "amountToClear": "2.51"},
    ]
    no = await refused(CHECK_OUT, patron={"barcode": "child-1"}, itemBarcode="book-1")
    assert (no["code"], no["refusals"]) == (
        "CIRCULATION_REFUSED",
        [{"code": "MANUAL", "amountToClear": None}, {"code": "DEBT", "amountToClear": "2.51"}],
    )

    # Station 4, lifted and paid. The debt stands below the level now, and blocks no more; nobody had to lift that.
    lifted = await ask(LIFT, blockId=block["id"], reason="She said sorry.")
    assert lifted["patron"] == {"blocked": True, "blockReasons": [{"code": "DEBT"}]}
    short = await ask(PAY, patronId=lisa, amount="2.50")
    assert short == {"debts": [{"id": debt, "outstanding": "5.00"}], "patron": {"blocked": True}}
    enough = await ask(PAY, patronId=lisa, amount="0.01")
    assert enough == {"debts": [{"id": debt, "outstanding": "4.99"}], "patron": {"blocked": False}}

    # Station 5, a loan and a place in a queue.
    lent = (await ask(CHECK_OUT, patron={"barcode": "child-1"}, itemBarcode="book-1"))["loan"]
    assert lent["item"] == {"title": "Pippi", "status": "ON_LOAN"}
    reservation = (await ask(RESERVE, patron={"id": lisa}, itemBarcode="book-2"))["reservation"]["id"]

    # Station 6, another family. Unconfirmed, the move only shows whose barcode it was; confirmed, the child leaves
    # one group for the other. The mother keeps hers.
    where = {"patronBarcode": "child-1", "into": {"memberBarcode": f"B{neighbour}"}}
    async with nothing_changes():
        shown = await ask(MOVE, **where, confirm=False)
    assert shown == {
        "changed": 1, "moving": [{"id": lisa}], "targetMember": {"id": f"pat_{neighbour}"}, "dissolved": [],
    }  # fmt: skip
    moved = await ask(MOVE, **where, confirm=True)
    assert moved == {
        "changed": 1, "dissolvedCount": 0,
        "group": {"id": f"grp_{home}", "memberCount": 2, "lead": {"id": f"pat_{neighbour}"}},
    }  # fmt: skip

    # Station 7, consent. Its lead may see titles only because she says so; said twice is said once.
    given = await ask(GRANT, patronId=lisa)
    assert given["changed"] is True
    assert await ask(GRANT, patronId=lisa) == {"changed": False, "waiver": given["waiver"]}

    # Station 8, out of use. What she has borrowed stays borrowed.
    off = await ask(DEACTIVATE, patronIds=[lisa])
    assert off == {"changed": 1, "patrons": [{"status": "INACTIVE", "blockReasons": [{"code": "INACTIVE"}]}]}

    # Station 9, the deletion is refused: all that is in the way at once, with the ids to clear it by.
    no = await refused(DELETE, patronId=lisa)
    assert (no["code"], no["obstacles"]) == (
        "OBSTACLES",
        [
            {"code": "DEBTS", "count": 1, "ids": [debt]},
            {"code": "OPEN_LOANS", "count": 1, "ids": [lent["id"]]},
            {"code": "OPEN_RESERVATIONS", "count": 1, "ids": [reservation]},
        ],
    )

    # Station 10, cleared. Returns, payments and cancellations work for inactive patrons too.
    back = await ask(CHECK_IN, itemBarcode="book-1")
    assert back == {"wasOnLoan": True, "itemStatus": "AVAILABLE", "loan": {"id": lent["id"]}}
    assert await ask(CANCEL, reservationId=reservation) == {"changed": True}
    paid = await ask(PAY, patronId=lisa, amount="4.99", debtId=debt)
    assert paid["debts"] == [{"id": debt, "outstanding": "0.00"}]

    # Station 11, confirmed twice. The first call shows what goes and changes nothing; its token is the second's.
    async with nothing_changes():
        shown = await ask(DELETE, patronId=lisa)
    rows = {row["table"]: row["rows"] for row in shown["rows"]}
    assert rows == {
        "patron": 1, "card": 1, "address": 1, "block": 1, "loan": 1, "reservation": 1, "ledger_entry": 4,
        "group_membership": 1, "privacy_waiver": 1,
    }  # fmt: skip
    assert (shown["statistics"], shown["graceDays"], shown["eraseAfter"]) == (1, 0, None)
    gone = await ask(DELETE, patronId=lisa, confirmationToken=shown["confirmationToken"])
    assert gone == {"erased": True, "rows": shown["rows"], "statistics": 1, "patron": None}

    # Station 12, what is left: an opaque id with counts, and one loan that was nobody's.
    number = int(lisa.removeprefix("pat_"))
    assert await town.remaining() == [mother, neighbour]
    for table in rows.keys() - {"patron"}:
        assert await db.value(f"SELECT count(*) FROM {table} WHERE patron_id = $1", number) == 0
    assert orjson.loads(await db.value("SELECT rows FROM tombstone WHERE patron_id = $1", number)) == rows
    assert await db.value("SELECT title FROM loan_statistic") == "Pippi"
    assert (await refused(DELETE, patronId=lisa))["code"] == "NOT_FOUND"

    # Station 13, who did it. The audit tells the whole life in words that name nobody.
    told = await db.rows("SELECT action FROM audit_event WHERE subject_kind = 'patron' AND subject_id = $1", number)
    assert {row["action"] for row in told} >= {
        "patron.register", "patron.block", "patron.unblock", "desk.charge", "desk.pay", "desk.check_out",
        "desk.check_in", "desk.reserve", "desk.cancel_reservation", "group.move", "group.waiver.grant",
        "patron.deactivate", "patron.delete",
    }  # fmt: skip
    details = await db.value("SELECT string_agg(detail::text, ' ') FROM audit_event")
    assert not any(word in details for word in ("Lisa", "Berg", "child-1", "stacks", "sorry"))
