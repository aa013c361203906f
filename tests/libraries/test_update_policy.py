"""updateLibraryPolicy through the API: one setting at a time, its audit entry, and every way it says no."""

from typing import Any

import orjson
import pytest
from tests.clients import Api, why
from tests.town import Town, contents, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

FIELDS = (
    "name locale blockLevel retainDeletedPatronLoans purgeWaiveLimit graceDays maxPurgePerOperation exportTtlHours"
    " groupLeadAccess"
)
UPDATE = f"""
mutation($input: UpdateLibraryPolicyInput!) {{ found: updateLibraryPolicy(input: $input) {{
  __typename
  ... on UpdateLibraryPolicySuccess {{ changed library {{ {FIELDS} }} }}
  ... on Problem {{ code message }}
  ... on InvalidInput {{ fields {{ field message reason limit }} }}
}} }}
"""
AS_MADE = {
    "name": "NORTH", "locale": "en", "blockLevel": None, "retainDeletedPatronLoans": True, "purgeWaiveLimit": "0.00",
    "graceDays": 0, "maxPurgePerOperation": 200, "exportTtlHours": 72, "groupLeadAccess": False,
}  # fmt: skip


async def update(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(UPDATE, {"input": given}, token))["found"]


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.SETTINGS_MANAGE)


async def test_what_is_left_out_stays(api: Api, town: Town, other_town: Town, token: str) -> None:
    others = await contents(other_town.id)
    shown: dict[str, Any] = dict(AS_MADE)
    for given, changed in (
        ({"name": " North  Shore "}, {"name": "North Shore"}),
        ({"blockLevel": "12.5"}, {"blockLevel": "12.50"}),
        ({"graceDays": 30, "groupLeadAccess": True}, {"graceDays": 30, "groupLeadAccess": True}),
        ({"blockLevel": None, "purgeWaiveLimit": "3"}, {"blockLevel": None, "purgeWaiveLimit": "3.00"}),
        (
            {"retainDeletedPatronLoans": False, "maxPurgePerOperation": 1, "exportTtlHours": 720, "locale": "sv"},
            {"retainDeletedPatronLoans": False, "maxPurgePerOperation": 1, "exportTtlHours": 720, "locale": "sv"},
        ),
    ):
        shown |= changed
        assert await update(api, token, **given) == {
            "__typename": "UpdateLibraryPolicySuccess", "changed": True, "library": shown,
        }  # fmt: skip
    async with nothing_changes():
        same = await update(api, token, name="North Shore", graceDays=30, purgeWaiveLimit="3.000")
    assert same == {"__typename": "UpdateLibraryPolicySuccess", "changed": False, "library": shown}
    events = await db.rows("SELECT detail FROM audit_event WHERE action = 'library.update_policy' ORDER BY id")
    assert [orjson.loads(event["detail"]) for event in events] == [
        {"changed": ["NAME"]},
        {"changed": ["BLOCK_LEVEL"], "block_level": "12.5"},
        {"changed": ["GRACE_DAYS", "GROUP_LEAD_ACCESS"], "grace_days": 30, "group_lead_access": True},
        {"changed": ["BLOCK_LEVEL", "PURGE_WAIVE_LIMIT"], "block_level": None, "purge_waive_limit": "3"},
        {
            "changed": ["LOCALE", "RETAIN_DELETED_PATRON_LOANS", "MAX_PURGE_PER_OPERATION", "EXPORT_TTL_HOURS"],
            "retain_deleted_patron_loans": False, "max_purge_per_operation": 1,
            "export_ttl_hours": 720,
        },
    ]  # fmt: skip
    assert await contents(other_town.id) == others


async def test_every_field_that_is_wrong_is_named(api: Api, town: Town, token: str) -> None:
    async with nothing_changes():
        no = await update(
            api, token, name=" ", locale="Swedish", blockLevel="-1", purgeWaiveLimit="0.005", graceDays=366,
            maxPurgePerOperation=201, exportTtlHours=0,
        )  # fmt: skip
    assert no["code"] == "INVALID_INPUT"
    assert {each["field"]: each["message"] for each in no["fields"]} == {
        "input.name": "A library name has 1 to 200 characters.",
        "input.locale": "A language is a code such as en or sv.",
        "input.blockLevel": "An amount is from 0 to 9999999999.99, with at most two decimals.",
        "input.purgeWaiveLimit": "An amount is from 0 to 9999999999.99, with at most two decimals.",
        "input.graceDays": "The days of grace are a number from 0 to 365.",
        "input.maxPurgePerOperation": "The patrons of one purge are a number from 1 to 200.",
        "input.exportTtlHours": "The hours that a file is kept are a number from 1 to 720.",
    }
    assert {each["field"].removeprefix("input."): (each["reason"], each["limit"]) for each in no["fields"]} == {
        "name": ("REQUIRED", None), "locale": ("NOT_A_CODE", None), "blockLevel": ("TOO_SMALL", 0),
        "purgeWaiveLimit": ("TOO_PRECISE", 2), "graceDays": ("TOO_LARGE", 365),
        "maxPurgePerOperation": ("TOO_LARGE", 200), "exportTtlHours": ("TOO_SMALL", 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "n" * 201}, ("TOO_LONG", 200)),
        ({"name": "a\x07b"}, ("NOT_PRINTABLE", None)),
        ({"graceDays": -1}, ("TOO_SMALL", 0)),
        ({"maxPurgePerOperation": 0}, ("TOO_SMALL", 1)),
        ({"exportTtlHours": 721}, ("TOO_LARGE", 720)),
        ({"blockLevel": "10000000000"}, ("TOO_LARGE", None)),
    ],
)
async def test_the_bound_that_a_value_breaks_is_named(
    api: Api, town: Town, token: str, given: dict[str, Any], reason: tuple[str, int | None]
) -> None:
    async with nothing_changes():
        no = await update(api, token, **given)
    assert why(no) == [reason]


@pytest.mark.parametrize("field", [name for name in AS_MADE if name != "blockLevel"])
async def test_only_the_block_level_may_be_null(api: Api, town: Town, token: str, field: str) -> None:
    async with nothing_changes():
        no = await update(api, token, **{field: None})
    assert ([each["field"] for each in no["fields"]], why(no)) == ([f"input.{field}"], [("REQUIRED", None)])
