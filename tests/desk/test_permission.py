"""Every verb of the desk needs its permission, takes ids of its own kind only, and stores no broken text."""

from typing import Any

import pytest
from tests.clients import Api
from tests.desk.conftest import Desk
from tests.desk.test_cancel_reservation import CANCEL
from tests.desk.test_charge import CHARGE
from tests.desk.test_check_in import CHECK_IN
from tests.desk.test_check_out import CHECK_OUT
from tests.desk.test_pay import PAY
from tests.desk.test_renew import RENEW
from tests.desk.test_reserve import RESERVE
from tests.desk.test_waive import WAIVE
from tests.town import Town, nothing_changes

from patrongraph.permissions import Permission

# Each verb with what would work, and what is no id, no text or no sum.
VERBS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    (
        CHECK_OUT,
        {"patron": {"id": "pat_1"}, "itemBarcode": "free"},
        [
            {"patron": {"id": "loan_1"}},
            {"patron": {"id": ""}},
            {"patron": {"id": None}},
            {"patron": {}},
            {"patron": {"id": "pat_1", "barcode": "B1"}},
            {"patron": {"barcode": "a\0b"}},
            {"itemBarcode": "a\0b"},
            {"itemBarcode": None},
            {"branchId": "pat_1"},
            {"dueAt": "tomorrow"},
            {"dueAt": "2999-01-01T00:00:00"},
        ],
    ),
    (CHECK_IN, {"itemBarcode": "lent"}, [{"itemBarcode": "a\0"}, {"itemBarcode": None}]),
    (RENEW, {"loanId": "loan_1"}, [{"loanId": "pat_1"}, {"loanId": "1"}, {"loanId": None}]),
    (
        RESERVE,
        {"patron": {"barcode": "B1"}, "itemBarcode": "free"},
        [{"patron": {"id": "B1"}}, {"pickupBranchId": "res_1"}, {"itemBarcode": "\0"}],
    ),
    (CANCEL, {"reservationId": "res_1"}, [{"reservationId": "loan_1"}, {"reservationId": "res_0"}]),
    (
        CHARGE,
        {"patronId": "pat_1", "amount": "1.00", "reason": "Fee"},
        [
            {"patronId": "B1"},
            {"amount": "one"},
            {"amount": "NaN"},
            {"amount": "Infinity"},
            {"amount": None},
            {"reason": "a\0b"},
            {"note": "a\0b"},
            {"loanId": "debt_1"},
        ],
    ),
    (
        PAY,
        {"patronId": "pat_1", "amount": "1.00"},
        [{"patronId": "grp_1"}, {"debtId": "entry_1"}, {"amount": "-Infinity"}, {"idempotencyKey": "a\0b"}],
    ),
    (WAIVE, {"debtId": "debt_1", "reason": "why"}, [{"debtId": "loan_1"}, {"reason": "\0"}, {"amount": ""}]),
]
NAMES = [
    "checkOut",
    "checkIn",
    "renewLoan",
    "placeReservation",
    "cancelReservation",
    "chargeDebt",
    "payDebt",
    "waiveDebt",
]
EACH_VERB = pytest.mark.parametrize(("mutation", "given", "wrong"), VERBS, ids=NAMES)


@pytest.fixture(autouse=True)
async def _something_to_do(desk: Desk) -> None:
    patron = await desk.patron()
    await desk.item("free")
    item = await desk.item("lent")
    await desk.loan(patron, item)
    await desk.reservation(patron, await desk.item("wanted"))
    await desk.town.charge(patron, "5.00")


@EACH_VERB
async def test_without_the_permission_nothing_happens(
    api: Api, town: Town, desk: Desk, mutation: str, given: dict[str, Any], wrong: Any
) -> None:
    lesser = await town.token(*(frozenset(Permission) - {Permission.CIRCULATION_DESK}))
    async with nothing_changes():
        assert await api.refused(mutation, {"input": given}, lesser) == ["FORBIDDEN"]
        assert await api.refused(mutation, {"input": given}) == ["UNAUTHENTICATED"]
    # With it, and nothing else, the very same request works.
    assert (await desk.ask(mutation, **given))["__typename"].endswith("Success")


@EACH_VERB
async def test_what_cannot_be_read_or_stored_is_refused_before_anything_is_written(
    api: Api, desk: Desk, mutation: str, given: dict[str, Any], wrong: list[dict[str, Any]]
) -> None:
    async with nothing_changes():
        for part in wrong:
            answer = await api.post(mutation, {"input": given | part}, desk.token)
            body = answer.json()
            assert body.get("data") is None, part
            assert body["errors"][0]["extensions"]["code"] in ("BAD_ARGUMENT", "BAD_VARIABLES", "BAD_INPUT"), (
                answer.text
            )


@EACH_VERB
async def test_another_library_changes_nothing_here(
    api: Api, other_desk: Desk, mutation: str, given: dict[str, Any], wrong: Any
) -> None:
    found = await other_desk.refused(mutation, **given)
    if mutation == CHECK_IN:
        assert [each["code"] for each in found["refusals"]] == ["ON_LOAN_ELSEWHERE"]
    else:
        assert (found["__typename"], found["code"]) == ("NotFound", "NOT_FOUND")
