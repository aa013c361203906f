"""auditChain through the API: how far the seals have come, what waits, and the head that `audit verify` takes."""

import datetime as dt
from types import ModuleType
from typing import Any

from tests.audit.tampering import note, seals
from tests.clients import Api
from tests.conftest import RunCli
from tests.town import Town

from patrongraph.audit.queries import MOST_WAITING
from patrongraph.audit.sealing import seal_all
from patrongraph.permissions import ALL_PERMISSIONS, Permission

CHAIN = "{ auditChain { sealed head sealedAt waiting waitingSince } }"

AGED = """
INSERT INTO audit_event (library_id, at, actor_kind, action, detail)
SELECT $1, now() - make_interval(mins => $3) + make_interval(secs => n), 'SYSTEM', 'a.b', '{}'
FROM generate_series(1, $2::int) AS n
RETURNING at
"""


async def chain(api: Api, token: str) -> Any:
    """The answer, its times as such: as text a time ends with the last digit that is no nought."""
    found = (await api.data(CHAIN, token=token))["auditChain"]
    times = {name: found[name] and dt.datetime.fromisoformat(found[name]) for name in ("sealedAt", "waitingSince")}
    return found | times


async def test_nothing_is_sealed_yet(api: Api, database: ModuleType, town: Town) -> None:
    [first] = await database.rows(AGED, town.id, 1, 20)
    token = await town.token(Permission.AUDIT_VIEW)
    written = await database.value("SELECT count(*) FROM audit_event WHERE library_id = $1", town.id)
    assert await chain(api, token) == {
        "sealed": 0, "head": None, "sealedAt": None, "waiting": written, "waitingSince": first["at"],
    }  # fmt: skip


async def test_the_head_is_what_verify_takes(
    api: Api, database: ModuleType, town: Town, other_town: Town, run_cli: RunCli
) -> None:
    token = await town.token(Permission.AUDIT_VIEW)
    for n in range(3):
        await note(town, n)
        await note(other_town, n)
    await note(other_town)
    await seal_all()
    *_, newest = await seals(database, town.id)
    found = await chain(api, token)
    assert found == {
        "sealed": newest["sequence"],
        "head": f"NORTH:{newest['sequence']}:{newest['hash'].hex()}",
        "sealedAt": newest["sealed_at"],
        "waiting": 0,
        "waitingSince": None,
    }
    assert run_cli("audit", "verify", "--head", found["head"]).returncode == 0
    assert run_cli("audit", "verify", "--head", found["head"][:-1] + "g").returncode == 2
    turned = found["head"][:-1] + ("1" if found["head"].endswith("0") else "0")
    assert run_cli("audit", "verify", "--head", turned).returncode == 1


async def test_what_waits_is_counted_with_the_first_of_it_wherever_it_came_to_light(
    api: Api, database: ModuleType, town: Town, other_town: Town
) -> None:
    token = await town.token(Permission.AUDIT_VIEW)
    await note(town)
    await seal_all()
    before = await chain(api, token)
    [late] = await database.rows(AGED, town.id, 1, 30)
    await database.rows(AGED, other_town.id, 4, 60)
    await note(town)
    assert await chain(api, token) == before | {"waiting": 2, "waitingSince": late["at"]}
    await seal_all()
    after = await chain(api, token)
    assert (after["sealed"], after["waiting"], after["waitingSince"]) == (before["sealed"] + 2, 0, None)


async def test_of_very_many_that_wait_the_first_is_still_known(api: Api, database: ModuleType, town: Town) -> None:
    token = await town.token(Permission.AUDIT_VIEW)
    await note(town)
    await seal_all()
    added = await database.rows(AGED, town.id, MOST_WAITING + 10, 2_000)
    found = await chain(api, token)
    assert (found["waiting"], found["waitingSince"]) == (MOST_WAITING, added[0]["at"])


async def test_it_takes_the_permission_to_see_the_trail(api: Api, town: Town) -> None:
    await note(town)
    others = await town.token(*(ALL_PERMISSIONS - {Permission.AUDIT_VIEW}))
    assert set(await api.refused(CHAIN, token=others)) == {"FORBIDDEN"}
