"""editPatron through the API: one section of a version; absent is not null; every reason; of two edits one wins."""

import asyncio
from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

EDIT = """mutation($input: EditPatronInput!) { found: editPatron(input: $input) {
  __typename
  ... on EditPatronSuccess { changed patron { ...Whole } }
  ... on Problem { code message }
  ... on InvalidInput { field fields { field code reason limit } }
  ... on BarcodeTaken { field }
  ... on UsernameTaken { field }
  ... on VersionConflict { expectedVersion currentVersion current { ...Whole } }
} }
fragment Whole on Patron {
  id version firstName middleName lastName preferredName dateOfBirth email phone
  addresses { kind street postalCode city region country }
  barcode cards { barcode active } username category cohort { id } branch { id } expiresOn protected notes
}"""
LOOK = EDIT[EDIT.index("fragment") :] + " query($id: ID!) { patron(by: {id: $id}) { ...Whole } }"

IDENTITY = {
    "firstName": "Anna", "middleName": "Maria", "lastName": "Berg", "preferredName": "Ann", "dateOfBirth": "2015-02-03",
}  # fmt: skip
CONTACT = {"email": "anna@example.org", "phone": "+46 46 1"}
HOME = {"kind": "MAILING", "street": "S 1", "postalCode": "222", "city": "Lund", "region": "Skåne", "country": "SE"}


async def look(api: Api, token: str, patron: int) -> Any:
    return (await api.data(LOOK, {"id": f"pat_{patron}"}, token))["patron"]


async def edit(api: Api, token: str, patron: int, version: int, key: str | None = None, **section: Any) -> Any:
    given = {"id": f"pat_{patron}", "version": version, "section": section, "idempotencyKey": key}
    return (await api.data(EDIT, {"input": given}, token))["found"]


async def refused(api: Api, token: str, patron: int, version: int, key: str | None = None, **section: Any) -> Any:
    async with nothing_changes():
        return await edit(api, token, patron, version, key, **section)


async def events() -> list[tuple[Any, ...]]:
    found = await db.rows("SELECT subject_id, detail FROM audit_event WHERE action = 'patron.edit' ORDER BY id")
    return [tuple(row) for row in found]


@pytest.mark.parametrize(
    ("section", "given"),
    [
        ("identity", IDENTITY),
        ("contact", CONTACT),
        ("notes", {"notes": "one\ntwo"}),
        (
            "library",
            {"username": "anna", "category": "Adult", "expiresOn": "2020-01-31", "protected": True},
        ),
    ],
)
async def test_a_section_is_written_and_the_rest_stays(
    api: Api, town: Town, section: str, given: dict[str, Any]
) -> None:
    patron, other = await town.patrons(2)
    token = await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_EDIT)
    before, beside = await look(api, token, patron), await look(api, token, other)
    found = await edit(api, token, patron, 1, **{section: given})
    assert found == {
        "__typename": "EditPatronSuccess",
        "changed": True,
        "patron": {**before, **given, "version": 2},
    }
    assert await look(api, token, other) == beside
    assert await db.value("SELECT updated_at > registered_at FROM patron WHERE id = $1", patron)
    [(subject, detail)] = await events()
    assert subject == patron
    assert f'"section": "{section.upper()}"' in detail


async def test_what_is_left_out_stays_and_null_takes_away(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    await edit(api, token, patron, 1, identity=IDENTITY)
    one = await edit(api, token, patron, 2, identity={"middleName": None, "firstName": " Ada "})
    assert {name: one["patron"][name] for name in IDENTITY} == {**IDENTITY, "middleName": None, "firstName": "Ada"}
    none = await edit(api, token, patron, 3, identity={"firstName": None, "preferredName": "", "dateOfBirth": None})
    assert {name: none["patron"][name] for name in IDENTITY} == {
        "firstName": "", "middleName": None, "lastName": "Berg", "preferredName": None, "dateOfBirth": None,
    }  # fmt: skip
    contact = await edit(api, token, patron, 4, contact={"email": None})
    assert (contact["patron"]["email"], contact["patron"]["version"]) == (None, 5)
    library = await edit(
        api, token, patron, 5, library={"category": None, "branchId": None, "cohortId": None, "username": None}
    )
    assert [library["patron"][name] for name in ("category", "branch", "cohort", "username")] == ["", None, None, None]
    notes = await edit(api, token, patron, 6, notes={"notes": None})
    assert notes["patron"]["notes"] is None
    assert (await events())[1:3] == [
        (patron, '{"fields": ["FIRST_NAME", "MIDDLE_NAME"], "section": "IDENTITY"}'),
        (patron, '{"fields": ["DATE_OF_BIRTH", "FIRST_NAME", "PREFERRED_NAME"], "section": "IDENTITY"}'),
    ]


async def test_addresses_are_replaced_as_a_whole(api: Api, town: Town) -> None:
    patron, other = await town.patrons(2)
    token = await town.token()
    found = await edit(api, token, patron, 1, addresses=[HOME, {"street": " S 2 "}])
    empty = dict.fromkeys(("postalCode", "city", "region", "country"), "")
    assert found["patron"]["addresses"] == [HOME, {"kind": "HOME", "street": "S 2", **empty}]
    assert await events() == [(patron, '{"fields": ["ADDRESSES"], "section": "ADDRESSES"}')]
    assert [each["street"] for each in (await look(api, token, other))["addresses"]] == [f"Street {other}"]
    assert (await edit(api, token, patron, 2, addresses=[]))["patron"]["addresses"] == []


async def test_an_edit_that_changes_nothing_keeps_the_version(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    same = {"library": {"barcode": f"B{patron}", "category": "Pupil", "protected": False,
                        "branchId": f"branch_{town.branch}", "cohortId": f"cohort_{town.cohort}"}}  # fmt: skip
    for section in (
        same, {"identity": {}}, {"identity": {"firstName": "First1 "}}, {"contact": {"phone": None}},
        {"notes": {"notes": "a note"}}, {"addresses": [{"street": f"Street {patron}"}]},
    ):  # fmt: skip
        found = await refused(api, token, patron, 1, **section)
        assert (found["__typename"], found["changed"], found["patron"]["version"]) == ("EditPatronSuccess", False, 1)


async def test_what_an_import_brought_may_stay_while_something_else_changes(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await db.rows("UPDATE card SET barcode = 'old card' RETURNING id")
    await db.rows("UPDATE patron SET email = 'nobody', username = 'a b' RETURNING id")
    await db.rows("UPDATE address SET street = ' S ' RETURNING id")
    token = await town.token()
    assert not (await refused(api, token, patron, 1, addresses=[{"street": " S "}]))["changed"]
    library = await edit(api, token, patron, 1, library={"barcode": "old card", "username": "a b", "category": "X"})
    assert (library["changed"], library["patron"]["barcode"]) == (True, "old card")
    contact = await edit(api, token, patron, 2, contact={"email": "nobody", "phone": "1"})
    assert (contact["changed"], contact["patron"]["email"]) == (True, "nobody")
    assert [detail for _, detail in await events()] == [
        '{"fields": ["CATEGORY"], "section": "LIBRARY"}',
        '{"fields": ["PHONE"], "section": "CONTACT"}',
    ]


async def test_a_stale_version_is_refused_with_both_and_the_patron_as_it_is(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    await edit(api, token, patron, 1, contact=CONTACT)
    now = await look(api, token, patron)
    for stale in (1, 3, 0, -1):
        found = await refused(api, token, patron, stale, contact={"email": "x@example.org"})
        assert found == {
            "__typename": "VersionConflict",
            "code": "VERSION_CONFLICT",
            "message": f"You edited version {stale} and the patron is at version 2: look at it, then edit again.",
            "expectedVersion": stale,
            "currentVersion": 2,
            "current": now,
        }


async def test_of_two_edits_at_once_one_wins(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    found = await asyncio.gather(*[edit(api, token, patron, 1, notes={"notes": f"n{n}"}) for n in range(5)])
    assert sorted(each["__typename"] for each in found) == ["EditPatronSuccess"] + ["VersionConflict"] * 4
    [won] = [each["patron"] for each in found if each["__typename"] == "EditPatronSuccess"]
    assert await look(api, token, patron) == won
    assert len(await events()) == 1


async def test_a_new_card_takes_the_place_of_the_old_ones(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    first = f"B{patron}"
    new = await edit(api, token, patron, 1, library={"barcode": "N1"})
    assert (new["patron"]["barcode"], new["patron"]["version"]) == ("N1", 2)
    assert new["patron"]["cards"] == [{"barcode": first, "active": False}, {"barcode": "N1", "active": True}]
    old = await edit(api, token, patron, 2, library={"barcode": first})
    assert old["patron"]["barcode"] == first
    assert old["patron"]["cards"] == [{"barcode": first, "active": True}, {"barcode": "N1", "active": False}]
    assert (await events())[0] == (patron, '{"fields": ["BARCODE"], "section": "LIBRARY"}')


async def test_a_patron_without_a_card_gets_one(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await db.rows("UPDATE card SET active = false RETURNING id")
    found = await edit(api, await town.token(), patron, 1, library={"barcode": f"B{patron}"})
    assert found["patron"]["cards"] == [{"barcode": f"B{patron}", "active": True}]


async def test_a_barcode_or_username_of_another_is_taken(api: Api, town: Town) -> None:
    patron, other = await town.patrons(2)
    await db.rows("UPDATE patron SET username = 'Other' WHERE id = $1 RETURNING id", other)
    token = await town.token()
    card = await refused(api, token, patron, 1, library={"barcode": f"B{other}", "category": "X"})
    assert (card["__typename"], card["field"]) == ("BarcodeTaken", "input.section.library.barcode")
    name = await refused(api, token, patron, 1, library={"username": "oTHER"})
    assert (name["__typename"], name["field"]) == ("UsernameTaken", "input.section.library.username")
    # One's own is not another's, in whatever case.
    mine = await edit(api, token, other, 1, library={"username": "OTHER"})
    assert (mine["changed"], mine["patron"]["username"]) == (True, "OTHER")


@pytest.mark.parametrize(("name", "kind"), [("barcode", "BarcodeTaken"), ("username", "UsernameTaken")])
async def test_of_several_who_want_the_same_one_gets_it(api: Api, town: Town, name: str, kind: str) -> None:
    patrons = await town.patrons(5)
    token = await town.token()
    found = await asyncio.gather(*[edit(api, token, each, 1, library={name: "same"}) for each in patrons])
    assert sorted(each["__typename"] for each in found) == sorted([kind] * 4 + ["EditPatronSuccess"])
    assert await db.value("SELECT count(*) FROM card WHERE active") == 5
    assert len(await events()) == 1


@pytest.mark.parametrize(
    ("section", "field", "reason"),
    [
        ({"identity": {"firstName": None, "lastName": " "}}, "identity.lastName", ("REQUIRED", None)),
        ({"identity": {"lastName": "a" * 201}}, "identity.lastName", ("TOO_LONG", 200)),
        ({"identity": {"dateOfBirth": "2999-01-01"}}, "identity.dateOfBirth", ("IN_FUTURE", None)),
        ({"contact": {"email": "nobody"}}, "contact.email", ("NOT_AN_EMAIL", None)),
        ({"contact": {"phone": "1" * 61}}, "contact.phone", ("TOO_LONG", 60)),
        ({"addresses": [{}]}, "addresses.0", ("REQUIRED", None)),
        ({"addresses": [{"street": "s" * 201}]}, "addresses.0.street", ("TOO_LONG", 200)),
        ({"addresses": [HOME] * 11}, "addresses", ("TOO_MANY", 10)),
        ({"library": {"barcode": None}}, "library.barcode", ("REQUIRED", None)),
        ({"library": {"barcode": "a b"}}, "library.barcode", ("NOT_A_BARCODE", None)),
        ({"library": {"username": "a b"}}, "library.username", ("HAS_SPACE", None)),
        ({"library": {"category": "c" * 101}}, "library.category", ("TOO_LONG", 100)),
        ({"library": {"expiresOn": "2999-01-01"}}, "library.expiresOn", ("TOO_FAR", 100)),
        ({"library": {"protected": None}}, "library.protected", ("REQUIRED", None)),
        ({"notes": {"notes": "n" * 10_001}}, "notes.notes", ("TOO_LONG", 10_000)),
    ],
)
async def test_a_wrong_field_is_named(
    api: Api, town: Town, section: dict[str, Any], field: str, reason: tuple[str, int | None]
) -> None:
    [patron] = await town.patrons(1)
    found = await refused(api, await town.token(), patron, 1, **section)
    assert (found["code"], found["field"]) == ("INVALID_INPUT", f"input.section.{field}"), found
    assert found["fields"] == [
        {"field": f"input.section.{field}", "code": "INVALID_INPUT", "reason": reason[0], "limit": reason[1]}
    ]


async def test_every_reason_is_told_at_once(api: Api, town: Town, other_town: Town) -> None:
    patron, other = await town.patrons(2)
    given = {
        "barcode": f"B{other}", "username": "a b", "branchId": f"branch_{other_town.branch}", "cohortId": "cohort_999",
    }  # fmt: skip
    found = await refused(api, await town.token(), patron, 1, library=given)
    assert [(each["field"].rpartition(".")[2], each["code"]) for each in found["fields"]] == [
        ("username", "INVALID_INPUT"),
        ("branchId", "NOT_FOUND"),
        ("cohortId", "NOT_FOUND"),
        ("barcode", "BARCODE_TAKEN"),
    ]
    assert why(found) == [("HAS_SPACE", None), ("UNKNOWN", None), ("UNKNOWN", None), ("TAKEN", None)]


async def test_another_librarys_patron_branch_or_cohort_is_unknown(api: Api, town: Town, other_town: Town) -> None:
    [patron], [theirs] = await town.patrons(1), await other_town.patrons(1)
    token = await town.token()
    unknown = await refused(api, token, 999_999, 1, notes={"notes": "x"})
    assert await refused(api, token, theirs, 1, notes={"notes": "x"}) == unknown
    assert unknown == {
        "__typename": "NotFound",
        "code": "NOT_FOUND",
        "message": "The patron was not found in your library.",
    }
    for given in ({"branchId": f"branch_{other_town.branch}"}, {"cohortId": f"cohort_{other_town.cohort}"}):
        assert (await refused(api, token, patron, 1, library=given))["code"] == "NOT_FOUND"


async def test_the_same_request_again_changes_nothing_more(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    first = await edit(api, token, patron, 1, "k", notes={"notes": "x"})
    assert await refused(api, token, patron, 1, "k", notes={"notes": "x"}) == first
    other = await refused(api, token, patron, 1, "k", notes={"notes": "y"})
    assert other["code"] == "IDEMPOTENCY_MISMATCH"


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    variables = {"input": {"id": f"pat_{patron}", "version": 1, "section": {"notes": {"notes": "x"}}}}
    token = await town.token(*(frozenset(Permission) - {Permission.PATRONS_EDIT}))
    async with nothing_changes():
        assert await api.refused(EDIT, variables, token) == ["FORBIDDEN"]
        assert await api.refused(EDIT, variables) == ["UNAUTHENTICATED"]


async def test_what_is_no_such_input_is_refused(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    right = {"id": f"pat_{patron}", "version": 1, "section": {"notes": {"notes": "x"}}}
    wrong: list[dict[str, Any]] = [
        {"section": {}}, {"section": {"notes": None}}, {"section": {"notes": {}, "contact": {}}}, {"version": None},
        {"id": "grp_1"}, {"section": {"library": {"branchId": "pat_1"}}}, {"section": {"notes": {"notes": "a\0"}}},
        {"section": {"identity": {"notes": "x"}}}, {"version": 2**31}, {"section": {"addresses": None}},
    ]  # fmt: skip
    async with nothing_changes():
        for given in wrong:
            body = (await api.post(EDIT, {"input": right | given}, token)).json()
            assert body.get("data") is None, given
            assert body["errors"][0]["extensions"]["code"] in (
                "BAD_ARGUMENT", "BAD_VARIABLES", "BAD_INPUT", "BAD_REQUEST",
            ), body  # fmt: skip
