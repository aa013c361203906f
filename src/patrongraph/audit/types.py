"""The audit trail, as front ends see it: who did what to whom, in codes, counts and opaque ids."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.audit.queries import MOST_WAITING, NEWEST_SEAL, WAITING
from patrongraph.context import ActorKind
from patrongraph.graph.connections import Node
from patrongraph.graph.declare import (
    FROM_PARENT,
    IN_LIBRARY,
    IS_LIBRARY,
    column,
    expression,
    graph_type,
    key,
    many,
    one,
)
from patrongraph.permissions import Permission

if TYPE_CHECKING:
    from patrongraph.staff.types import StaffUser

strawberry.enum(ActorKind, description="The kinds of actor.")

SUBJECT_KINDS = {"pat": "patron", "lib": "library", "grp": "group", "res": "reservation"}
"""What the trail calls the objects whose ids begin otherwise than with its own word; any other word is the prefix."""

_ACTOR_PREFIX = (
    "CASE {t}.actor_kind WHEN 'STAFF' THEN 'staff_' WHEN 'TOKEN' THEN 'token_' WHEN 'PATRON' THEN 'pat_' END"
)
_SUBJECT_PREFIX = (
    "CASE {t}.subject_kind "
    + " ".join(f"WHEN '{kind}' THEN '{prefix}'" for prefix, kind in SUBJECT_KINDS.items())
    + " ELSE {t}.subject_kind END"
)


@graph_type(source=None, scope=FROM_PARENT, description="One thing that an audit event tells beside who and what.")
class AuditDetail:
    """A count, a sum, a flag, a code, or JSON of these; never anything about a person."""

    name: str = column("name", "What it tells, for example patrons or codes.")
    value: str | None = column("value", "A number, true or false, a code, or JSON of these; null for none.")


@graph_type(
    source="audit_event",
    scope=IN_LIBRARY,
    prefix="evt",
    permission=Permission.AUDIT_VIEW,
    node=Permission.AUDIT_VIEW,
    description="One thing that somebody did. The trail is never changed, and outlives what it tells about.",
)
class AuditEvent(Node):
    """Written in the transaction of what it tells about, so that each tells of something that happened."""

    id: strawberry.ID = key()
    at: dt.datetime = column("at", "When it was done.")
    actor_kind: ActorKind = column("actor_kind", "What kind of actor did it.")
    actor_id: strawberry.ID | None = expression(
        f"{_ACTOR_PREFIX} || {{t}}.actor_id",
        "Id of the staff member, token or patron; null for the system.",
    )
    actor: Annotated["StaffUser", strawberry.lazy("patrongraph.staff.types")] | None = one(
        "{p}.actor_kind = 'STAFF' AND {t}.id = {p}.actor_id", "The staff member, when it was one."
    )
    token_name: str | None = expression(
        "(SELECT token.name FROM api_token token WHERE {t}.actor_kind = 'TOKEN' AND token.id = {t}.actor_id"
        " AND token.library_id = {library})",
        "Name of the API token, when a program did it.",
    )
    action: str = column("action", "What was done, for example patron.block.")
    subject_id: strawberry.ID | None = expression(
        f"{_SUBJECT_PREFIX} || '_' || {{t}}.subject_id",
        "Id of what it was done to, like pat_12, which may be gone by now; null when it was nothing in particular.",
    )
    job_id: strawberry.ID | None = expression("'job_' || {t}.job_id", "Id of the job that it was part of.")
    detail: list[AuditDetail] = many(
        "true",
        "Counts, sums, flags and codes, by name.",
        order='{t}.name COLLATE "C"',
        source="(SELECT told.key AS name, told.value FROM jsonb_each_text({p}.detail) AS told)",
    )


@graph_type(
    source="library",
    scope=IS_LIBRARY,
    permission=Permission.AUDIT_VIEW,
    laterals={"newest": NEWEST_SEAL.replace("{library}", "{t}"), "unsealed": WAITING.replace("{library}", "{t}")},
    description="How far the chain of seals over your library's events has come. That nobody changed an event is not"
    " looked at here: `patrongraph audit verify` does that.",
)
class AuditChain:
    """State, cheap to ask for in a trail of any length; the proof is verify's."""

    sealed: int = expression("coalesce({newest}.sequence, 0)", "How many events have a seal: the newest one's number.")
    head: str | None = expression(
        "{t}.code || ':' || {newest}.sequence || ':' || encode({newest}.hash, 'hex')",
        "The newest seal as CODE:SEQUENCE:HASH, to keep where this database cannot reach: with it"
        " `patrongraph audit verify --head` notices an end that was cut off; null while nothing is sealed.",
    )
    sealed_at: dt.datetime | None = expression("{newest}.sealed_at", "When that seal was made.")
    waiting: int = expression(
        "{unsealed}.events",
        f"How many of the newest {MOST_WAITING} events have no seal yet; {MOST_WAITING} means so many or more. Workers"
        " seal once a minute.",
    )
    waiting_since: dt.datetime | None = expression(
        "{unsealed}.since", "When the first of the events that wait was written; null when none waits."
    )
