"""An audit event is written in the transaction of what it tells about, and holds no personal data."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import orjson

from patrongraph import db
from patrongraph.context import Actor, ActorKind

_Subjects = tuple[str | None, Sequence[int | None]]

_ACTION = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,59}")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")

# One event per subject id (one without a subject when the array holds a single null), in array order.
INSERT_EVENTS = """
WITH written AS (
    INSERT INTO audit_event
        (library_id, at, actor_kind, actor_id, action, subject_kind, subject_id, job_id, detail)
    SELECT $1, now(), $2, $3, $4, $5, subject.id, $7, $8::jsonb
    FROM unnest($6::bigint[]) WITH ORDINALITY AS subject(id, position)
    ORDER BY subject.position
    RETURNING id
)
SELECT min(id) AS first, count(*)::int AS events FROM written
"""


async def record(
    actor: Actor,
    action: str,
    subject: tuple[str, int] | None = None,
    *,
    job_id: int | None = None,
    **detail: object,
) -> int:
    """Write one event, such as "patron.deactivate" about ("patron", 12), and return its id.

    The event stands or falls with the open transaction; without one this raises RuntimeError, so that no
    write can be told of that did not happen. `detail` takes counts (int, Decimal), flags, None, codes in
    UPPER_CASE, and lists or mappings of these; anything else raises ValueError without naming the value.
    An anonymous actor raises ValueError: what the door does about strangers is done by the SYSTEM.
    """
    subjects: _Subjects = (None, [None]) if subject is None else (subject[0], [subject[1]])
    event: int = (await _insert(actor, action, subjects, job_id, detail))["first"]
    return event


async def record_many(
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_ids: Iterable[int],
    *,
    job_id: int | None = None,
    **detail: object,
) -> int:
    """Write one event for each subject in one statement, with the same detail; return how many. Rules as for record().

    Their ids are not returned: for a hundred thousand events that would cost more than anybody asks for.
    """
    events: int = (await _insert(actor, action, (subject_kind, list(subject_ids)), job_id, detail))["events"]
    return events


async def _insert(
    actor: Actor, action: str, subjects: _Subjects, job_id: int | None, detail: Mapping[str, object]
) -> asyncpg.Record:
    if not db.transaction_is_open():
        raise RuntimeError(f"audit event {action} needs the transaction of what it tells about")
    if actor.kind is ActorKind.ANONYMOUS:
        raise ValueError(f"audit event {action} needs a known actor")
    if not _ACTION.fullmatch(action) or len(action) > 60:
        raise ValueError("an audit action is at most 60 characters like patron.deactivate")
    written = await db.row(
        INSERT_EVENTS,
        actor.library,
        actor.kind.value,
        actor.id,
        action,
        *subjects,
        job_id,
        orjson.dumps(_clean(detail)).decode(),
    )
    if written is None:
        raise AssertionError("an aggregate has a row")
    return written


def _clean(value: object) -> Any:
    """Return value as JSON; raise ValueError for anything that could be more than a count or a code."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, str) and _CODE.fullmatch(value):
        return str(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and _KEY.fullmatch(key) for key in value):
            raise ValueError("audit detail keys are names of counts, tables or codes")
        return {str(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        cleaned = [_clean(inner) for inner in value]
        return sorted(cleaned, key=str) if isinstance(value, set | frozenset) else cleaned
    raise ValueError(f"audit detail takes counts and UPPER_CASE codes, not this {type(value).__name__}")
