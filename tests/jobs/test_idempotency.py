"""One key, one effect: the same request finds what it came to, another one is refused, a failed one never was."""

import asyncio
import hashlib
from decimal import Decimal
from typing import Any

import orjson
import pytest

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.jobs import idempotency
from patrongraph.problems import Refused

ROWS = "SELECT actor, key, body_sha256, result FROM idempotency_key ORDER BY id"


async def once(
    actor: Actor, key: str | None, body: object, result: dict[str, Any], verb: str = "charge"
) -> dict[str, Any] | None:
    """Do what every action does: ask, and when it is new, remember."""
    async with db.transaction():
        earlier = await idempotency.find(actor, key, verb, body)
        if earlier is None:
            await idempotency.remember(actor, key, result)
        return earlier


async def code(actor: Actor, key: str, body: object, verb: str = "charge") -> str:
    before = [tuple(row) for row in await db.rows(ROWS)]
    with pytest.raises(Refused) as refused:
        await once(actor, key, body, {"id": 9}, verb)
    assert [tuple(row) for row in await db.rows(ROWS)] == before
    return refused.value.problem.code


async def test_the_same_request_finds_what_it_came_to(actor: Actor) -> None:
    assert await once(actor, "k", {"amount": Decimal("1.50")}, {"id": 1, "codes": ["A"]}) is None
    assert await once(actor, "k", {"amount": Decimal("1.5")}, {"id": 2}) == {"id": 1, "codes": ["A"]}
    assert await once(actor, "other", {"amount": Decimal("1.50")}, {"id": 3}) is None


async def test_without_a_key_nothing_is_kept(actor: Actor) -> None:
    assert [await once(actor, None, "body", {"id": n}) for n in (1, 2)] == [None, None]
    assert await db.rows(ROWS) == []


@pytest.mark.parametrize("other", [{"a": 2}, {"b": 1}, {}, None, [{"a": 1}], {"a": "1"}])
async def test_another_body_is_refused(actor: Actor, other: object) -> None:
    await once(actor, "k", {"a": 1}, {"id": 1})
    assert await code(actor, "k", other) == "IDEMPOTENCY_MISMATCH"


async def test_another_verb_is_refused(actor: Actor) -> None:
    await once(actor, "k", {"a": 1}, {"id": 1})
    assert await code(actor, "k", {"a": 1}, "pay") == "IDEMPOTENCY_MISMATCH"


async def test_a_key_is_the_librarys_own(actor: Actor, stranger: Actor) -> None:
    await once(actor, "k", "body", {"id": 1})
    assert await once(stranger, "k", "another", {"id": 2}) is None
    assert await once(actor, "k", "body", {}) == {"id": 1}


@pytest.mark.parametrize("key", ["", "k" * 201])
async def test_a_key_that_is_none_is_refused(actor: Actor, key: str) -> None:
    assert await code(actor, key, "body") == "INVALID_INPUT"


async def test_what_rolls_back_never_was(actor: Actor) -> None:
    with pytest.raises(TypeError):
        await once(actor, "k", "body", {"id": object()})
    assert await once(actor, "k", "quite another", {"id": 2}) is None


async def test_of_many_at_once_one_acts(actor: Actor) -> None:
    found = await asyncio.gather(*[once(actor, "k", "body", {"id": n}) for n in range(5)])
    assert found.count(None) == 1
    [first] = {str(each) for each in found if each is not None}
    assert str(await once(actor, "k", "body", {})) == first


async def test_what_was_asked_cannot_be_guessed_from_what_is_kept(actor: Actor) -> None:
    await once(actor, "k", "1234", {"id": 1})
    [row] = await db.rows(ROWS)
    said = orjson.dumps(["charge", "1234"])
    assert row["body_sha256"] not in {hashlib.sha256(text).hexdigest() for text in (said, b"idempotency\0" + said)}
    assert row["result"] == '{"id": 1}'


async def test_a_key_is_taken_inside_a_transaction_only(actor: Actor) -> None:
    with pytest.raises(RuntimeError):
        await idempotency.find(actor, "k", "charge", "body")
    assert await db.rows(ROWS) == []
