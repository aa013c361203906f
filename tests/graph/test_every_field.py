"""Every field and every argument of every query is answered alike by SQL, by graphql-core and by the reference."""

import datetime as dt
import itertools
from typing import Any

import pytest
from tests.graph import library as lib
from tests.graph.conftest import Ways
from tests.graph.library import EAST, NORTH, SOUTH, actor, number
from tests.graph.operations import QUERY, SCHEMA, Enum, combinations, identity, selection, written

from patrongraph.context import Actor, ActorKind
from patrongraph.graph.declare import NODES

LIBRARIES = (NORTH, SOUTH, EAST)
LEVELS = 3
NOW = dt.datetime.now(dt.UTC)

SEARCHES = (
    None, "", "  ", "anna", "ANNA", "åsa", "asa", "öberg åsa", "ö", "o", "berg", "berg,", "berg, a", "Berg,At",
    "Öb, Å",
    "lund t", "t lund", "de la cruz", "la  cruz", "de la, cruz", "josé maría", "zoe", "ångström", "angstrom", "zolw",
    "żółw, ł", "wolff-muss", "wolff-muß", "_", "%", "100%", "_sure\\", "a\\", "o'brien", "DROP TABLE patron; --",
    "'; select", '"q"', "王", "王 小明", "🦉", "annie", "märta", "asa@example.org", " ASA@EXAMPLE.ORG ", "a@b", "100",
    " 200 ", "300", "5 00", "400", "N-50", "i1", "9", ",", ", ,", "a b c d e f", "anna andersson anna anna anna zzz",
    "no such person", "An, dersson",
)  # fmt: skip


def filters(library: int) -> list[dict[str, Any]]:
    """Return filters one by one, at their edges, and together."""
    return [
        {},
        *({name: None} for name in ("status", "category", "branchId", "expiredBefore")),
        *({"status": Enum(status)} for status in ("ACTIVE", "INACTIVE", "PENDING_PURGE")),
        *({"category": text} for text in ("Adult", "", "Élève", "adult", "' OR true --")),
        *({"branchId": f"branch_{number(library, n)}"} for n in (1, 2, 99)),
        {"branchId": f"branch_{number(lib.other(library), 1)}"},
        *({"cohortId": f"cohort_{number(library, n)}"} for n in (1, 2, 3)),
        *({"groupId": f"grp_{number(library, n)}"} for n in (1, 2, 3)),
        {"groupId": f"grp_{number(lib.other(library), 1)}"},
        *({"expiredBefore": (NOW.date() + dt.timedelta(days=days)).isoformat()} for days in (-30, -1, 0, 1, 500)),
        *({"inactiveSince": (NOW - dt.timedelta(days=days)).isoformat()} for days in (0, 7, 12.5, 100)),
        *({"lastActivityBefore": (NOW - dt.timedelta(days=days)).isoformat()} for days in (0, 5, 100)),
        {"status": Enum("INACTIVE"), "groupId": f"grp_{number(library, 1)}", "category": None},
        {"status": Enum("ACTIVE"), "branchId": f"branch_{number(library, 1)}",
         "cohortId": f"cohort_{number(library, 3)}",
         "groupId": f"grp_{number(library, 1)}", "category": "Child",
         "expiredBefore": (NOW.date() + dt.timedelta(days=400)).isoformat(),
         "lastActivityBefore": NOW.isoformat()},
        {"inactiveSince": "2999-01-01T00:00:00+14:00", "expiredBefore": "2999-01-01"},
        {"inactiveSince": "0001-01-01T00:00:00Z", "lastActivityBefore": "9999-12-31T23:59:59.999999Z"},
    ]  # fmt: skip


def events(library: int) -> list[Any]:
    """Return filters of audit events one by one, at their edges, and together; Ellipsis leaves the filter out."""
    then = [NOW - dt.timedelta(days=days) for days in (25, 20)]
    return [
        ..., None, {},
        *({name: None} for name in ("action", "actorKind", "subject", "jobId", "from", "to")),
        *({"action": text} for text in ("patron.block", "PATRON.BLOCK", "' OR true --", "")),
        *({"actorKind": Enum(kind)} for kind in ("STAFF", "TOKEN", "PATRON", "SYSTEM", "ANONYMOUS")),
        *({"subject": f"{prefix}_{number(library, n)}"} for prefix, n in (
            ("pat", lib.ASA), ("pat", lib.ANNA), ("job", 1), ("lib", 1), ("grp", 2), ("res", 3), ("session", 5),
            ("staff", 1), ("pat", 99))),
        {"subject": f"pat_{number(lib.other(library), lib.ASA)}"},
        *({"jobId": f"job_{number(library, n)}"} for n in (1, 8, 99)),
        {"jobId": f"job_{number(lib.other(library), 1)}"},
        *({name: moment.isoformat()} for name in ("from", "to") for moment in then),
        {"from": then[0].isoformat(), "to": then[1].isoformat(), "actorKind": Enum("TOKEN")},
        {"subject": f"job_{number(library, 1)}", "jobId": f"job_{number(library, 1)}", "action": "purge.start",
         "actorKind": Enum("TOKEN"), "from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z"},
    ]  # fmt: skip


DIMENSIONS = tuple(Enum(name) for name in SCHEMA.type_map["StatisticDimension"].values)  # type: ignore[attr-defined]
EVER = {"from": (NOW.date() - dt.timedelta(days=2000)).isoformat(), "to": (NOW.date()).isoformat()}


def loans_counted(library: int) -> list[Any]:
    """Return filters of the statistics one by one, and together; Ellipsis leaves the filter out."""
    own, strange = f"branch_{number(library, 1)}", f"branch_{number(lib.other(library), 1)}"
    return [
        ..., None, {},
        *({name: None} for name in ("branchIds", "itemBranchIds", "materialTypes", "categories", "cohorts", "lost")),
        *({name: []} for name in ("branchIds", "itemBranchIds", "materialTypes", "categories", "cohorts")),
        *({name: ids} for name in ("branchIds", "itemBranchIds") for ids in ([own], [strange], [own, strange, own])),
        {"itemBranchIds": [f"branch_{number(library, n)}" for n in (1, 2)]},
        *({"materialTypes": texts} for texts in (["BOOK"], [""], ["book"], ["BOOK", "MAP"], ["' OR true --"])),
        *({"categories": texts} for texts in (["Adult"], ["Gone", "Élève"], [""])),
        *({"cohorts": texts} for texts in (["10A"], ["8B", "6C"], [""])),
        {"lost": True}, {"lost": False}, {"record": Enum("LIVE")}, {"record": Enum("RETAINED")}, {"record": None},
        {"branchIds": [own], "itemBranchIds": [f"branch_{number(library, 2)}"], "materialTypes": ["BOOK"],
         "categories": ["Adult"], "cohorts": ["10A"], "lost": False, "record": Enum("RETAINED")},
    ]  # fmt: skip


def references(library: int) -> list[dict[str, str]]:
    """Return ways to name a patron, of this library and of another."""
    return [
        *({"id": f"pat_{number(library, n)}"} for n in range(1, 31)),
        {"id": f"pat_{number(lib.other(library), 1)}"},
        {"id": "pat_999999999999999999"},
        *({"barcode": text} for text in ("100", "200", "300", "400", "5 00", "500", "", "i1")),
        {"barcode": f"{lib.LETTERS[library]}-50"},
        {"barcode": f"{lib.LETTERS[lib.other(library)]}-50"},
        *({"username": text} for text in ("asa.oberg", "ASA.OBERG", "oN", "os", "", "asa.oberg ", "' OR true --")),
    ]  # fmt: skip


def known(name: str, library: int) -> dict[str, list[Any]]:
    """Return what to try for arguments that the schema's types do not tell."""
    ids = {"group": "grp", "job": "job"}
    erased = [f"pat_{990_000 + library + 3 * n}" for n in (0, 1, 6)]
    own = [f"{ids[name]}_{number(library, n)}" for n in (1, 2, 3)] if name in ids else []
    strange = [f"{ids[name]}_{number(lib.other(library), 1)}", f"{ids[name]}_12345678"] if name in ids else []
    return {
        "group": {"id": own + strange},
        "job": {"id": own + strange},
        "patron": {"by": references(library)},
        "erasureCertificate": {"patronId": [*erased, f"pat_{990_000 + lib.other(library)}", "pat_1"]},
        "item": {"barcode": ["i1", "i2", "i16", "i99", "", "I1"]},
        "jobs": {"first": [2], "after": [...]},
        "auditEvents": {"first": [2, 200], "after": [...], "filter": events(library)},
        "patrons": {"first": [2, 200], "after": [...], "filter": [..., None, {}], "search": [..., None, "an"]},
        "purgeCandidates": {
            "filter": [..., None, {"status": None}, {"status": Enum("INACTIVE")}, {"status": Enum("ACTIVE")}],
            "search": [..., None, "b"],
        },
        "loanStatistics": {
            "from": [EVER["from"], (NOW.date() - dt.timedelta(days=60)).isoformat()], "to": [EVER["to"]],
            "by": [[], list(DIMENSIONS[:4]), [Enum("LOST"), Enum("BRANCH"), Enum("LOST")], list(DIMENSIONS)],
            "filter": [..., None, {"lost": False}, {"record": Enum("RETAINED"), "materialTypes": [""]}],
        },
        "node": {"id": []},
    }.get(name, {})  # fmt: skip


async def both(ways: Ways, name: str, values: dict[str, Any], who: Actor, inner: str) -> Any:
    """Ask a root field with arguments as variables; of NORTH also with them written into the document.

    How an argument is written has nothing to do with the library, and each document is parsed and checked anew.
    """
    definition = QUERY.fields[name]
    answers = []
    for as_variables in (False, True) if who.library_id == NORTH else (True,):
        arguments, defined, variables = written(definition, values, as_variables=as_variables and bool(values))
        answers.append(await ways.agree(f"query{defined} {{ {name}{arguments} {inner} }}", who, variables))
    assert all(answer == answers[0] for answer in answers)
    return answers[0][name]


ROOTS = sorted(name for name in QUERY.fields if name not in ("node", "viewer"))


@pytest.mark.parametrize("name", ROOTS)
async def test_every_combination_of_a_roots_arguments(ways: Ways, name: str) -> None:
    definition = QUERY.fields[name]
    found = []
    for library in (NORTH, SOUTH):
        for values in combinations(definition, **known(name, library)):
            found.append(await both(ways, name, values, actor(library), identity(definition.type)))
    assert len({str(each) for each in found}) >= 2


def usual(name: str, library: int) -> list[dict[str, Any]]:
    """Return arguments under which a root shows much."""
    everything = {"first": 200}
    return {
        "patrons": [everything],
        "purgeCandidates": [everything],
        "jobs": [everything],
        "auditEvents": [everything],
        "staff": [everything],
        "rollovers": [everything],
        "patron": [{"by": {"id": f"pat_{number(library, n)}"}} for n in (lib.ASA, lib.OBSTACLES)],
        "item": [{"barcode": "i2"}],
        "group": [{"id": f"grp_{number(library, n)}"} for n in (1, 2)],
        "job": [{"id": f"job_{number(library, n)}"} for n in (1, 4, 8)],
        "erasureCertificate": [{"patronId": f"pat_{990_000 + library + 3 * n}"} for n in (1, 6)],
        "loanStatistics": [EVER | {"by": list(DIMENSIONS)}, EVER | {"by": []}],
    }.get(name, [{}])


@pytest.mark.parametrize("name", ROOTS)
async def test_every_field_of_every_type_below_a_root(ways: Ways, name: str) -> None:
    result = QUERY.fields[name].type
    while hasattr(result, "of_type"):
        result = result.of_type
    for library in LIBRARIES:
        for values in usual(name, library):
            levels = LEVELS if values.get("first") is None else LEVELS - 1
            arguments, _, _ = written(QUERY.fields[name], values, as_variables=False)
            await ways.agree(f"{{ {name}{arguments} {selection(result, levels)} }}", actor(library))


async def test_the_viewer_is_whoever_asks(ways: Ways) -> None:
    inner = selection(QUERY.fields["viewer"].type.of_type, LEVELS)
    for library in LIBRARIES:
        for kind in (ActorKind.STAFF, ActorKind.TOKEN):
            for n in (1, 2, 3):
                data = await ways.agree(f"{{ viewer {inner} }}", actor(library, kind=kind, n=n))
                assert data["viewer"]["library"]["id"] == f"lib_{library}"


async def test_a_patron_sees_their_own_account(ways: Ways) -> None:
    """With every field below it; the leads of two libraries see their group, that of the third does not."""
    inner = selection(SCHEMA.type_map["PatronViewer"], 6)
    overviews = 0
    for library in LIBRARIES:
        for n in range(1, 31):
            data = await ways.agree(f"{{ viewer {{ ... on PatronViewer {inner} }} }}", patron(library, n))
            assert data["viewer"]["patron"]["id"] == f"pat_{number(library, n)}"
            group = data["viewer"]["group"]
            overviews += bool(group and group["overview"])
    assert overviews == 4


@pytest.mark.parametrize("prefix", sorted(NODES))
async def test_a_node_of_every_type(ways: Ways, prefix: str) -> None:
    """Rows 1 to 20 of each type: own ones with all their fields, others and unknown ones as null."""
    name = NODES[prefix].name
    whole = selection(SCHEMA.type_map[name], 1)
    inner = f"{{ id ... on {name} {whole} ... on Branch {{ code }} ... on Card {{ id }} }}"
    shown = 0
    for library in (NORTH, SOUTH):
        for row in range(1, 21):
            query = f'{{ node(id: "{prefix}_{row}") {inner} }}'
            shown += (await ways.agree(query, actor(library)))["node"] is not None
            data = await ways.agree(
                "query($id: ID!) { node(id: $id) { __typename id } }", actor(library), {"id": f"{prefix}_{row}"}
            )
            assert data["node"] is None or data["node"]["id"] == f"{prefix}_{row}"
    assert shown >= 2


WAYS_DOWN = {
    "Patron": "patrons(first: 200) {{ edges {{ node {{ id {} }} }} }}",
    "PatronGroup": "patrons(first: 200) {{ edges {{ node {{ group {{ {} }} }} }} }}",
    "Job": "jobs(first: 200) {{ edges {{ node {{ id {} }} }} }}",
    "ErasureCertificate": "jobs(first: 200) {{ edges {{ node {{ certificate {{ {} }} }} }} }}",
    "ImportReport": "jobs(first: 200) {{ edges {{ node {{ import {{ {} }} }} }} }}",
    "OwnAccount": "viewer {{ ... on PatronViewer {{ patron {{ id {} }} }} }}",
    "GroupOverview": "viewer {{ ... on PatronViewer {{ group {{ overview {{ {} }} }} }} }}",
    "MemberOverview": "viewer {{ ... on PatronViewer {{ group {{ overview {{"
    " members(first: 200) {{ edges {{ node {{ id {} }} }} }} }} }} }} }}",
}
OF_PATRONS = ("OwnAccount", "GroupOverview", "MemberOverview")


def askers(type_name: str, library: int) -> list[Actor]:
    """Return who can reach a type: staff, or for what patrons see a lead, a member and somebody alone."""
    if type_name not in OF_PATRONS:
        return [actor(library)]
    return [patron(library, n) for n in (lib.ASA, lib.ANNA, lib.AT_LEVEL, lib.BORROWER)]


def patron(library: int, n: int) -> Actor:
    """Return a patron who is signed in."""
    return Actor(ActorKind.PATRON, number(library, n), library)


def with_arguments() -> list[tuple[str, str]]:
    """Return every field below the roots that takes arguments."""
    return [
        (type_.name, name)
        for type_ in SCHEMA.type_map.values()
        for name, definition in getattr(type_, "fields", {}).items()
        if getattr(definition, "args", None) and type_.name not in ("Query", "Mutation", "Subscription")
        and not type_.name.startswith("__")
    ]  # fmt: skip


@pytest.mark.parametrize(("type_name", "name"), with_arguments())
async def test_every_combination_of_a_fields_arguments(ways: Ways, type_name: str, name: str) -> None:
    definition = SCHEMA.type_map[type_name].fields[name]  # type: ignore[attr-defined]
    found = set()
    for library in LIBRARIES:
        for values in combinations(definition):
            for as_variables in (False, True) if library == NORTH else (True,):
                arguments, defined, variables = written(definition, values, as_variables=as_variables)
                inner = WAYS_DOWN[type_name].format(f"{name}{arguments} {identity(definition.type)}")
                for who in askers(type_name, library):
                    data = await ways.agree(f"query{defined} {{ {inner} }}", who, variables)
                    found.add(str(data))
    assert len(found) >= 3


@pytest.mark.parametrize(
    ("type_name", "name"),
    [pair for pair in with_arguments() if pair[1] != "obstacles" and pair[0] not in OF_PATRONS],
)
async def test_after_each_cursor_of_a_field(ways: Ways, type_name: str, name: str) -> None:
    for library in (NORTH, SOUTH):
        state = ", state: null" if name in ("loans", "reservations", "debts", "items") else ""
        state += ", includeEnded: true" if name == "blocks" else ""
        one = {"Patron": "patron(by: {barcode: \"100\"}) { %s }",
               "PatronGroup": f'group(id: "grp_{number(library, 1)}") {{ %s }}',
               "Job": f'job(id: "job_{number(library, 1)}") {{ %s }}',
               "ErasureCertificate": f'job(id: "job_{number(library, 1)}") {{ certificate {{ %s }} }}',
               "ImportReport": f'job(id: "job_{number(library, 4)}") {{ import {{ %s }} }}',
               }[type_name]  # fmt: skip
        if name == "blocks":
            one = f'patron(by: {{id: "pat_{number(library, lib.BLOCKED)}"}}) {{ %s }}'
        inner = identity(SCHEMA.type_map[type_name].fields[name].type)  # type: ignore[attr-defined]
        asked = f"{name}(first: $first, after: $after{state}) {inner}"
        query = "query($after: String, $first: Int!) { " + one % asked + " }"
        data = await ways.agree(query, actor(library), {"first": 200})
        [edges] = [
            found.get("certificate", found.get("import", found))[name]["edges"] for found in data.values()
        ]  # fmt: skip
        assert len(edges) >= 3
        for edge in edges:
            for first in (1, 2, 200):
                await ways.agree(query, actor(library), {"first": first, "after": edge["cursor"]})


@pytest.mark.parametrize("name", ["loans", "reservations", "debts", "members"])
async def test_after_each_cursor_of_what_a_patron_sees(ways: Ways, name: str) -> None:
    type_name, state = ("GroupOverview", "") if name == "members" else ("OwnAccount", ", state: null")
    inner = identity(SCHEMA.type_map[type_name].fields[name].type)  # type: ignore[attr-defined]
    asked = WAYS_DOWN[type_name].format(f"{name}(first: $first, after: $after{state}) {inner}")
    for library in (NORTH, SOUTH):
        query, who = f"query($after: String, $first: Int!) {{ {asked} }}", patron(library, lib.ASA)
        seen = (await ways.agree(query, who, {"first": 200}))["viewer"]
        edges = (seen["group"]["overview"] if name == "members" else seen["patron"])[name]["edges"]
        assert len(edges) >= 3
        for edge in edges:
            for first in (1, 2, 200):
                await ways.agree(query, who, {"first": first, "after": edge["cursor"]})


@pytest.mark.parametrize("name", ["patrons", "purgeCandidates"])
async def test_every_search_and_filter(ways: Ways, name: str) -> None:
    inner = identity(QUERY.fields[name].type)
    matched = 0
    for library in LIBRARIES:
        for search in SEARCHES:
            data = await both(ways, name, {"first": 200, "search": search}, actor(library), inner)
            matched += bool(data["edges"])
        for chosen in filters(library):
            data = await both(ways, name, {"first": 200, "filter": chosen}, actor(library), inner)
            await both(ways, name, {"first": 2, "filter": chosen, "search": "a"}, actor(library), inner)
            matched += bool(data["edges"])
    assert matched > 100


@pytest.mark.parametrize("sort", ["NAME", "NAME_DESCENDING", "OLDEST", "NEWEST"])
async def test_after_each_cursor_of_the_patrons(ways: Ways, sort: str) -> None:
    inner = identity(QUERY.fields["patrons"].type)
    data = await ways.agree(f"{{ patrons(first: 200, sort: {sort}) {inner} }}", actor(NORTH))
    for edge in data["patrons"]["edges"]:
        for first in (2, 200):
            values = {"first": first, "after": edge["cursor"], "sort": Enum(sort)}
            await both(ways, "patrons", values, actor(NORTH), inner)


async def test_every_dimension_and_filter_of_the_statistics(ways: Ways) -> None:
    """One dimension, every pair of them in both orders, and every filter; in the order of the dimensions."""
    inner, seen = "{ loans returned lost open averageDays %s }", set()
    fields = "year month day weekday branch { id code } itemBranch { code } itemLibrary { code } materialType category"
    inner %= f"{fields} cohort declaredLost"
    for library in LIBRARIES:
        for by in ([], *([one] for one in DIMENSIONS), *map(list, itertools.permutations(DIMENSIONS, 2))):
            seen.add(str(await both(ways, "loanStatistics", EVER | {"by": by}, actor(library), inner)))
        for chosen in loans_counted(library):
            for by in ([], [Enum("CATEGORY"), Enum("MONTH")]):
                values = EVER | {"by": by, "filter": chosen}
                seen.add(str(await both(ways, "loanStatistics", values, actor(library), inner)))
    assert len(seen) > 150


async def test_several_roots_aliases_and_merged_fields(ways: Ways) -> None:
    """Keys come in the order of the document, and the same field asked twice is one field."""
    await ways.agree(
        """query($with: Boolean!, $n: Int = 2) {
          b: patrons(first: $n, sort: NEWEST) { ...page x: totalCount pageInfo { endCursor __typename } }
          a: patrons(first: 3, after: null) { edges { node { id } } ...page edges { node { z: email id } cursor } }
          patrons(first: 1) { edges { cursor } }
          patrons(first: 1) { edges { node { A: id a: firstName id: lastName } } totalCount }
          library { Name: name name: code branches { code } more: branches @include(if: $with) { id } }
          viewer { __typename ... on StaffViewer { user { ...on StaffUser { id roles { name } } } user { username } } }
        }
        fragment page on PatronConnection {
          pageInfo { start: startCursor hasNextPage }
          list: edges { node { ...name ...name blocks(first: 1) { totalCount } } }
        }
        fragment name on Patron { last: lastName ... @skip(if: $with) { notes } ... on Node { id } }""",
        actor(NORTH), {"with": True},
    )  # fmt: skip


@pytest.mark.parametrize("first", [1, 2, 200])
@pytest.mark.parametrize("inner", [
    "__typename", "totalCount", "pageInfo { hasPreviousPage }", "pageInfo { __typename }", "pageInfo { hasNextPage }",
    "edges { __typename }", "edges { cursor }", "edges { node { __typename } }", "edges { node { id } } totalCount",
    "pageInfo { hasPreviousPage } totalCount", "a: pageInfo { startCursor } b: pageInfo { endCursor hasPreviousPage }",
    "a: edges { cursor } b: edges { node { id } } c: edges { __typename }", "pageInfo { }", "edges { }", "",
])  # fmt: skip
async def test_each_part_of_a_connection_alone(ways: Ways, inner: str, first: int) -> None:
    """Of pages with none, one and several rows."""
    for state in ("OPEN", "LOST", "CLOSED"):
        await ways.agree(
            f"{{ patrons(first: 200) {{ edges {{ node {{ loans(first: {first}, state: {state}) {{ {inner} }} }} }} }}"
            f' none: patrons(first: {first}, search: "zzz") {{ {inner} }} jobs(first: {first}) {{ {inner} }} }}',
            actor(NORTH),
        )
    await ways.agree(f'{{ patrons(first: {first}, sort: OLDEST, after: "WzFd") {{ {inner} }} }}', actor(NORTH))


@pytest.mark.parametrize("key", [
    "r", "c", "t", "p", "t1", "t2", "t3", "e2", "e3", "e4", "n2", "n3", "n4", "page", "rn", "k0", "none", "select",
    "null", "user", "node", "R", "E3", "N3", "_", "__", "library", "id", "a" * 63,
])  # fmt: skip
async def test_a_key_is_only_a_key(ways: Ways, key: str) -> None:
    """Whatever a client calls a field, the SQL has no other meaning for the name."""
    patrons = "patrons(first: 3)"
    for inner in (
        "KEY: library { KEY: id name }",
        "roles { KEY: name permissions }",
        f"{patrons} {{ KEY: edges {{ KEY: node {{ KEY: username status }} }} }}",
        f"{patrons} {{ edges {{ KEY: cursor }} pageInfo {{ KEY: endCursor }} }}",
        f"{patrons} {{ KEY: totalCount edges {{ node {{ KEY: cards {{ KEY: id barcode }} lastName }} }} }}",
        f"{patrons} {{ edges {{ node {{ KEY: branch {{ KEY: id }} }} cursor }} KEY: pageInfo {{ endCursor }} }}",
        'patron(by: {barcode: "100"}) { KEY: loans(first: 2) { KEY: edges { node { KEY: item { KEY: id } } } } }',
    ):
        await ways.agree(f"{{ {inner.replace('KEY', key)} }}", actor(NORTH))


async def test_a_field_called_typename(ways: Ways) -> None:
    for inner in (
        'node(id: "pat_1") { __typename: id }',
        'node(id: "pat_1") { id ... on Patron { __typename: status } }',
        "viewer { ... on StaffViewer { __typename: permissions } }",
        "library { __typename: code }",
    ):
        await ways.agree(f"{{ {inner} }}", actor(NORTH))


async def test_objects_of_which_nothing_is_left(ways: Ways) -> None:
    """Everything skipped is an empty object in the answer, not a missing one."""
    for inner in (
        "library { id @skip(if: $no) }",
        "patrons(first: 2) { totalCount @include(if: $yes) }",
        "patrons(first: 2) { edges { node { id @skip(if: $no) } } }",
        "patrons(first: 2) { edges { cursor @skip(if: $no) } pageInfo { endCursor @skip(if: $no) } }",
        "patrons(first: 2) { edges { node { group { id @skip(if: $no) } cards { id @skip(if: $no) }"
        " loans(first: 1) { edges { cursor @skip(if: $no) } } } } }",
        "patrons(first: 2) { pageInfo { endCursor @skip(if: $no) } }",
        'patron(by: {barcode: "100"}) { blockReasons { code @skip(if: $no) } }',
    ):
        for skipped in (True, False):
            name = "$yes: Boolean = false" if "$yes" in inner else "$no: Boolean!"
            variables = {"no": skipped, "yes": not skipped}
            await ways.agree(f"query({name}) {{ {inner} }}", actor(NORTH), variables)


@pytest.mark.parametrize(
    "query",
    [
        "query($q: Boolean!) { library @skip(if: $q) { id } patrons(first: 1) { totalCount } }",
        "query($q: Boolean!) { ... @include(if: $q) { library { id } } viewer { __typename } }",
        "query($q: Boolean!) { ...both @include(if: $q) __typename } fragment both on Query { a: library { code } }",
        "query($q: Boolean!) { __typename t: __typename @skip(if: $q) library { __typename } }",
    ],
)
async def test_roots_that_depend_on_variables(ways: Ways, query: str) -> None:
    for value in (True, False):
        await ways.agree(query, actor(SOUTH), {"q": value}, fast=False)
