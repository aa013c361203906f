"""registerPatron through the API: alone or as a copy of a relative; every reason at once; one of two wins."""

import asyncio
from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.patrons.pins import verify_pins
from patrongraph.permissions import Permission

REGISTER = """mutation($input: RegisterPatronInput!) { found: registerPatron(input: $input) {
  __typename
  ... on RegisterPatronSuccess { patron {
    id barcode cards { barcode active } username firstName middleName lastName preferredName dateOfBirth email phone
    addresses { kind street postalCode city region country } category cohort { id } branch { id } expiresOn status
    protected version notes blocked group { memberCount lead { id } } groupLead
  } }
  ... on Problem { code message }
  ... on InvalidInput { field fields { field code message reason limit } }
  ... on BarcodeTaken { field }
  ... on UsernameTaken { field }
} }"""

FORMS = pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"barcode": ""}, "barcode", ("REQUIRED", None)),
        ({"barcode": "  "}, "barcode", ("REQUIRED", None)),
        ({"barcode": "2100 0001"}, "barcode", ("NOT_A_BARCODE", None)),
        ({"barcode": "Ä1"}, "barcode", ("NOT_A_BARCODE", None)),
        ({"barcode": "1" * 101}, "barcode", ("TOO_LONG", 100)),
        ({"firstName": None}, "lastName", ("REQUIRED", None)),
        ({"firstName": " ", "lastName": ""}, "lastName", ("REQUIRED", None)),
        ({"firstName": "a" * 201}, "firstName", ("TOO_LONG", 200)),
        ({"firstName": "a\nb"}, "firstName", ("NOT_PRINTABLE", None)),
        ({"middleName": "a" * 201}, "middleName", ("TOO_LONG", 200)),
        ({"lastName": "a" * 201}, "lastName", ("TOO_LONG", 200)),
        ({"preferredName": "a" * 201}, "preferredName", ("TOO_LONG", 200)),
        ({"dateOfBirth": "2999-01-01"}, "dateOfBirth", ("IN_FUTURE", None)),
        ({"dateOfBirth": "1850-01-01"}, "dateOfBirth", ("TOO_FAR", 130)),
        ({"email": "anna"}, "email", ("NOT_AN_EMAIL", None)),
        ({"email": "anna@example"}, "email", ("NOT_AN_EMAIL", None)),
        ({"email": "an na@example.org"}, "email", ("NOT_AN_EMAIL", None)),
        ({"email": "a@b@example.org"}, "email", ("NOT_AN_EMAIL", None)),
        ({"email": f"a@{'b' * 320}.org"}, "email", ("TOO_LONG", 320)),
        ({"phone": "1" * 61}, "phone", ("TOO_LONG", 60)),
        ({"category": "c" * 101}, "category", ("TOO_LONG", 100)),
        ({"username": "a b"}, "username", ("HAS_SPACE", None)),
        ({"username": "a" * 101}, "username", ("TOO_LONG", 100)),
        ({"expiresOn": "2020-01-01"}, "expiresOn", ("IN_PAST", None)),
        ({"expiresOn": "2999-01-01"}, "expiresOn", ("TOO_FAR", 100)),
        ({"notes": "n" * 10_001}, "notes", ("TOO_LONG", 10_000)),
        ({"addresses": [{"city": "Lund"}, {}]}, "addresses.1", ("REQUIRED", None)),
        ({"addresses": [{"postalCode": "2" * 21}]}, "addresses.0.postalCode", ("TOO_LONG", 20)),
        ({"addresses": [{"city": "Lund"}] * 11}, "addresses", ("TOO_MANY", 10)),
        ({"pin": "123"}, "pin", ("TOO_SHORT", 4)),
        ({"pin": "1234567890123"}, "pin", ("TOO_LONG", 12)),
        ({"pin": "12a4"}, "pin", ("NOT_DIGITS", None)),
        ({"pin": ""}, "pin", ("TOO_SHORT", 4)),
        ({"pin": " 2580"}, "pin", ("NOT_DIGITS", None)),
        ({"pin": "7777"}, "pin", ("GUESSABLE", None)),
        ({"pin": "2345"}, "pin", ("GUESSABLE", None)),
        ({"pin": "9876"}, "pin", ("GUESSABLE", None)),
        ({"pin": "7890"}, "pin", ("GUESSABLE", None)),
    ],
)


async def register(api: Api, token: str, **given: Any) -> Any:
    said = {"firstName": "Anna", "lastName": "Berg", "barcode": "N1"} | given
    return (await api.data(REGISTER, {"input": said}, token))["found"]


async def refused(api: Api, token: str, **given: Any) -> Any:
    async with nothing_changes():
        return await register(api, token, **given)


async def test_a_patron_is_registered_with_all_that_was_said(api: Api, town: Town) -> None:
    token = await town.token(Permission.PATRONS_CREATE)
    home = {
        "kind": "MAILING", "street": "Storgatan 1", "postalCode": "222 22", "city": "Lund", "region": "Skåne",
        "country": "Sweden",
    }  # fmt: skip
    found = await register(
        api, token, firstName=" Anna ", middleName="Maria", preferredName="Ann", dateOfBirth="2015-02-03",
        email="anna@example.org", phone="+46 46 1", addresses=[home, {"city": "Malmö"}], category="Pupil",
        cohortId=f"cohort_{town.cohort}", branchId=f"branch_{town.branch}", barcode=" N-100 ", username="anna.b",
        expiresOn="2099-12-31", notes="Line one\nline two", pin="2580",
    )  # fmt: skip
    patron = await db.row("SELECT * FROM patron")
    assert patron is not None
    assert found == {
        "__typename": "RegisterPatronSuccess",
        "patron": {
            "id": f"pat_{patron['id']}", "barcode": "N-100", "cards": [{"barcode": "N-100", "active": True}],
            "username": "anna.b", "firstName": "Anna", "middleName": "Maria", "lastName": "Berg",
            "preferredName": "Ann", "dateOfBirth": "2015-02-03", "email": "anna@example.org", "phone": "+46 46 1",
            "addresses": [home, {"kind": "HOME", "street": "", "postalCode": "", "city": "Malmö", "region": "",
                                 "country": ""}],
            "category": "Pupil", "cohort": {"id": f"cohort_{town.cohort}"}, "branch": {"id": f"branch_{town.branch}"},
            "expiresOn": "2099-12-31", "status": "ACTIVE", "protected": False, "version": 1,
            "notes": "Line one\nline two", "blocked": False, "group": None, "groupLead": False,
        },
    }  # fmt: skip
    assert (patron["library_id"], patron["person_id"], patron["external_id"]) == (town.id, None, None)
    stored = await db.value("SELECT pin_hash FROM patron_pin WHERE patron_id = $1", patron["id"])
    assert stored.startswith("$argon2id$")
    assert (await verify_pins("2580", [stored], 1))[0].right
    event = await db.row("SELECT * FROM audit_event WHERE action = 'patron.register'")
    assert event is not None
    assert (event["subject_kind"], event["subject_id"]) == ("patron", patron["id"])
    assert event["detail"] == '{"group": null, "cloned": false}'


async def test_the_least_is_a_name_and_a_card(api: Api, town: Town) -> None:
    found = await register(api, await town.token(), firstName=None)
    assert {name: value for name, value in found["patron"].items() if value not in (None, [], False)} == {
        "id": found["patron"]["id"], "barcode": "N1", "cards": [{"barcode": "N1", "active": True}], "firstName": "",
        "lastName": "Berg", "category": "", "status": "ACTIVE", "version": 1,
    }  # fmt: skip
    assert await db.value("SELECT count(*) FROM patron_pin") == 0


@FORMS
async def test_a_wrong_field_is_named(
    api: Api, town: Town, given: dict[str, Any], field: str, reason: tuple[str, int | None]
) -> None:
    said = {"firstName": "Anna", "lastName": None} | given
    found = await refused(api, await town.token(), **said)
    assert (found["code"], found["field"]) == ("INVALID_INPUT", f"input.{field}"), found
    assert [(each["field"], each["code"]) for each in found["fields"]] == [(f"input.{field}", "INVALID_INPUT")]
    assert (found["message"], why(found)) == (found["fields"][0]["message"], [reason])


async def test_every_reason_is_told_at_once(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await db.rows("UPDATE patron SET username = 'Anna' RETURNING id")
    found = await refused(
        api, await town.token(), barcode=f"B{patron}", username="ANNA", email="x", pin="1", branchId="branch_999",
        cohortId="cohort_999", cloneFrom="pat_999",
    )  # fmt: skip
    assert [(each["field"], each["code"]) for each in found["fields"]] == [
        ("input.email", "INVALID_INPUT"),
        ("input.pin", "INVALID_INPUT"),
        ("input.cloneFrom", "NOT_FOUND"),
        ("input.branchId", "NOT_FOUND"),
        ("input.cohortId", "NOT_FOUND"),
        ("input.barcode", "BARCODE_TAKEN"),
        ("input.username", "USERNAME_TAKEN"),
    ]
    assert why(found) == [
        ("NOT_AN_EMAIL", None), ("TOO_SHORT", 4), ("UNKNOWN", None), ("UNKNOWN", None), ("UNKNOWN", None),
        ("TAKEN", None), ("TAKEN", None),
    ]  # fmt: skip
    assert (found["code"], found["field"]) == ("INVALID_INPUT", "input.email")


async def test_a_barcode_or_username_of_another_is_taken_and_whose_is_not_said(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await db.rows("UPDATE patron SET username = 'Anna' RETURNING id")
    token = await town.token()
    for active in (True, False):
        await db.rows("UPDATE card SET active = $1 RETURNING id", active)
        assert await refused(api, token, barcode=f"B{patron}") == {
            "__typename": "BarcodeTaken",
            "code": "BARCODE_TAKEN",
            "field": "input.barcode",
            "message": "Another card has this barcode: scan it again, or use another card.",
        }
    assert await refused(api, token, username="aNNA") == {
        "__typename": "UsernameTaken",
        "code": "USERNAME_TAKEN",
        "field": "input.username",
        "message": "Another patron has this username: choose another.",
    }


async def test_another_librarys_barcodes_and_usernames_are_free_here(api: Api, town: Town, other_town: Town) -> None:
    [theirs] = await other_town.patrons(1)
    await db.rows("UPDATE patron SET username = 'anna' RETURNING id")
    found = await register(api, await town.token(), barcode=f"B{theirs}", username="anna")
    assert found["__typename"] == "RegisterPatronSuccess"


@pytest.mark.parametrize(
    ("name", "what"),
    [("branchId", "The home branch"), ("cohortId", "The cohort"), ("cloneFrom", "The patron to clone")],
)
async def test_what_another_library_has_is_not_found(
    api: Api, town: Town, other_town: Town, name: str, what: str
) -> None:
    [theirs] = await other_town.patrons(1)
    ids = {"branchId": f"branch_{other_town.branch}", "cohortId": f"cohort_{other_town.cohort}"}
    token = await town.token()
    expected = {"__typename": "NotFound", "code": "NOT_FOUND", "message": f"{what} was not found in your library."}
    unknown = {"branchId": "branch_99999", "cohortId": "cohort_99999", "cloneFrom": "pat_99999"}[name]
    for given in (ids.get(name, f"pat_{theirs}"), unknown):
        assert await refused(api, token, **{name: given}) == expected


async def source_of(town: Town) -> int:
    """A patron with everything that a clone might take."""
    [source] = await town.patrons(1, loans=1, status="ACTIVE")
    await db.rows(
        "UPDATE patron SET username = 'source', middle_name = 'M', preferred_name = 'P', date_of_birth = '1980-01-01',"
        " phone = '123', expires_on = '2090-01-01', protected = true, external_id = 'x' RETURNING id"
    )
    await db.rows(
        "INSERT INTO address (library_id, patron_id, kind, city) VALUES ($1, $2, 'MAILING', 'Lund') RETURNING id",
        town.id,
        source,
    )
    await db.rows("UPDATE block SET lifted_at = NULL RETURNING id")
    return source


async def test_a_clone_takes_home_branch_category_phone_addresses_and_group(api: Api, town: Town) -> None:
    source = await source_of(town)
    group = await town.group(source)
    found = await register(api, await town.token(), cloneFrom=f"pat_{source}", firstName="Bo", lastName=None)
    line = {"kind": "HOME", "street": f"Street {source}", "postalCode": "", "city": "", "region": "", "country": ""}
    assert found["patron"] == {
        "id": found["patron"]["id"], "barcode": "N1", "cards": [{"barcode": "N1", "active": True}], "username": None,
        "firstName": "Bo", "middleName": None, "lastName": "", "preferredName": None, "dateOfBirth": None,
        "email": None, "phone": "123",
        "addresses": [line, {**line, "kind": "MAILING", "street": "", "city": "Lund"}],
        "category": "Pupil", "cohort": None, "branch": {"id": f"branch_{town.branch}"}, "expiresOn": None,
        "status": "ACTIVE", "protected": False, "version": 1, "notes": None, "blocked": False,
        "group": {"memberCount": 2, "lead": {"id": f"pat_{source}"}}, "groupLead": False,
    }  # fmt: skip
    new = int(found["patron"]["id"].removeprefix("pat_"))
    assert await db.value("SELECT count(*) FROM patron_pin WHERE patron_id = $1", new) == 0
    assert await db.value("SELECT count(*) FROM address") == 4
    assert await db.value("SELECT detail FROM audit_event WHERE action = 'patron.register'") == (
        f'{{"group": {group}, "cloned": true}}'
    )


async def test_a_clone_of_a_patron_without_a_group_makes_one_that_nobody_leads(api: Api, town: Town) -> None:
    [source] = await town.patrons(1)
    found = await register(api, await town.token(), cloneFrom=f"pat_{source}")
    assert found["patron"]["group"] == {"memberCount": 2, "lead": None}
    rows = await db.rows("SELECT patron_id, lead FROM group_membership ORDER BY patron_id")
    assert [tuple(row) for row in rows] == [(source, False), (int(found["patron"]["id"][4:]), False)]


async def test_what_is_said_wins_over_what_would_be_copied(api: Api, town: Town) -> None:
    source = await source_of(town)
    token = await town.token()
    branch = await db.value("INSERT INTO branch (library_id, code, name) VALUES ($1, 'B', 'B') RETURNING id", town.id)
    said = await register(
        api, token, cloneFrom=f"pat_{source}", phone="9", category="Adult", branchId=f"branch_{branch}",
        addresses=[{"city": "Oslo"}],
    )  # fmt: skip
    patron = said["patron"]
    assert (patron["phone"], patron["category"], patron["branch"]) == ("9", "Adult", {"id": f"branch_{branch}"})
    assert [each["city"] for each in patron["addresses"]] == ["Oslo"]
    none = await register(
        api, token, cloneFrom=f"pat_{source}", barcode="N2", phone=None, category=None, branchId=None, addresses=None
    )
    assert [none["patron"][name] for name in ("phone", "category", "branch", "addresses")] == [None, "", None, []]


async def test_a_clone_needs_the_permission_for_groups_too(api: Api, town: Town) -> None:
    [source] = await town.patrons(1)
    given = {"firstName": "Anna", "barcode": "N1", "cloneFrom": f"pat_{source}"}
    token = await town.token(*(frozenset(Permission) - {Permission.GROUPS_MANAGE}))
    async with nothing_changes():
        answer = await api.post(REGISTER, {"input": given}, token)
        [error] = answer.json()["errors"]
        assert (answer.json()["data"], error["extensions"]["code"]) == (None, "FORBIDDEN")
        assert "GROUPS_MANAGE" in error["message"]
    allowed = await town.token(Permission.PATRONS_CREATE, Permission.GROUPS_MANAGE)
    assert (await register(api, allowed, cloneFrom=f"pat_{source}"))["__typename"] == "RegisterPatronSuccess"


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    variables = {"input": {"firstName": "Anna", "barcode": "N1"}}
    token = await town.token(*(frozenset(Permission) - {Permission.PATRONS_CREATE}))
    async with nothing_changes():
        assert await api.refused(REGISTER, variables, token) == ["FORBIDDEN"]
        assert await api.refused(REGISTER, variables) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(("taken", "code"), [("barcode", "BARCODE_TAKEN"), ("username", "USERNAME_TAKEN")])
async def test_of_several_at_once_one_gets_it(api: Api, town: Town, taken: str, code: str) -> None:
    token = await town.token()
    said = [{"barcode": f"N{n}", "username": f"u{n}"} | {taken: "same"} for n in range(6)]
    found = await asyncio.gather(*[register(api, token, **each) for each in said])
    assert sorted(each.get("code", "REGISTERED") for each in found) == sorted([code] * 5 + ["REGISTERED"])
    assert await db.value("SELECT count(*) FROM patron") == 1
    assert await db.value("SELECT count(*) FROM card") == 1
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.register'") == 1


async def test_several_clones_at_once_make_one_group(api: Api, town: Town) -> None:
    [source] = await town.patrons(1)
    token = await town.token()
    said = [{"barcode": f"N{n}", "cloneFrom": f"pat_{source}"} for n in range(4)]
    found = await asyncio.gather(*[register(api, token, **each) for each in said])
    assert {each["__typename"] for each in found} == {"RegisterPatronSuccess"}
    assert await db.value("SELECT count(*) FROM patron_group") == 1
    assert await db.value("SELECT count(*) FROM group_membership") == 5


async def test_the_same_request_again_registers_nobody(api: Api, town: Town) -> None:
    token = await town.token()
    first = await register(api, token, pin="2580", idempotencyKey="k")
    assert await refused(api, token, pin="2580", idempotencyKey="k") == first
    for other in ({"pin": "2581"}, {"pin": "2580", "firstName": "Bo"}, {}):
        assert (await refused(api, token, idempotencyKey="k", **other))["code"] == "IDEMPOTENCY_MISMATCH"
    kept = await db.row("SELECT result, body_sha256 FROM idempotency_key")
    assert kept is not None
    assert kept["result"] == f'{{"patron_id": {first["patron"]["id"][4:]}}}'


async def test_many_of_the_same_request_at_once_register_one(api: Api, town: Town) -> None:
    token = await town.token()
    found = await asyncio.gather(*[register(api, token, idempotencyKey="k") for _ in range(4)])
    assert len({each["patron"]["id"] for each in found}) == 1
    assert await db.value("SELECT count(*) FROM patron") == 1


async def test_a_refused_request_may_come_again_with_its_key(api: Api, town: Town) -> None:
    token = await town.token()
    assert (await refused(api, token, idempotencyKey="k", email="x"))["code"] == "INVALID_INPUT"
    assert (await register(api, token, idempotencyKey="k"))["__typename"] == "RegisterPatronSuccess"
    for key, reason in (("", ("REQUIRED", None)), ("k" * 201, ("TOO_LONG", 200))):
        found = await refused(api, token, barcode="N2", idempotencyKey=key)
        assert (found["code"], found["field"]) == ("INVALID_INPUT", "input.idempotencyKey")
        assert why(found) == [reason]


async def test_who_is_gone_is_not_registered_again_by_the_same_request(api: Api, town: Town) -> None:
    token = await town.token()
    await register(api, token, idempotencyKey="k")
    await db.rows("DELETE FROM card RETURNING id")
    await db.rows("DELETE FROM patron RETURNING id")
    assert (await refused(api, token, idempotencyKey="k"))["code"] == "NOT_FOUND"


async def test_what_is_no_such_input_is_refused(api: Api, town: Town) -> None:
    token = await town.token()
    wrong: list[dict[str, Any]] = [
        {"cloneFrom": "grp_1"}, {"branchId": "1"}, {"cohortId": "pat_1"}, {"dateOfBirth": "yesterday"},
        {"barcode": None}, {"protected": True}, {"addresses": [{"kind": "BOAT"}]}, {"firstName": "a\0b"},
        {"firstName": 7},
    ]  # fmt: skip
    async with nothing_changes():
        for given in wrong:
            said = {"firstName": "Anna", "barcode": "N1"} | given
            body = (await api.post(REGISTER, {"input": said}, token)).json()
            assert body.get("data") is None, given
            assert body["errors"][0]["extensions"]["code"] in ("BAD_ARGUMENT", "BAD_VARIABLES", "BAD_INPUT"), body
