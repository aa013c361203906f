"""Root fields of the audit trail."""

import datetime as dt

import strawberry

from patrongraph.audit.types import SUBJECT_KINDS, AuditChain, AuditEvent
from patrongraph.context import ActorKind
from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import NEWEST, NODES, Pages, RootRow, compiled, declared
from patrongraph.graph.ids import BadArgument, decode_id, split_id
from patrongraph.permissions import Permission

_ENDED = "session"
"""Ids of sessions stand in the trail only."""


@strawberry.input(description="Which events; what is left out or null does not restrict.")
class AuditFilter:
    """All given parts must hold."""

    action: str | None = strawberry.field(default=None, description="Exactly that action, like patron.block.")
    actor_kind: ActorKind | None = strawberry.field(default=None, description="Actors of that kind.")
    subject: strawberry.ID | None = strawberry.field(
        default=None, description="What it was done to, by id, like pat_12; it may be gone by now."
    )
    job_id: strawberry.ID | None = strawberry.field(default=None, description="Part of that job.")
    from_: dt.datetime | None = strawberry.field(name="from", default=None, description="At that moment or later.")
    to: dt.datetime | None = strawberry.field(default=None, description="Before that moment.")


def _subject(text: str) -> tuple[str, int]:
    prefix, key = split_id(text)
    if prefix not in NODES and prefix != _ENDED:
        raise BadArgument(f"{text[:40]!r} is not an id of this server; no type has ids that begin with {prefix}_.")
    return prefix, key


def _subject_kind(text: str) -> str:
    prefix, _ = _subject(text)
    return SUBJECT_KINDS.get(prefix, prefix)


def _subject_key(text: str) -> int:
    return _subject(text)[1]


def _job_key(text: str) -> int:
    return decode_id("job", text)


def _where_events(where: Where) -> None:
    kind = where.choice("filter", "actorKind")
    if kind is not None:
        where.add(f"{{t}}.actor_kind = '{ActorKind(kind).value}'")
    if where.given("filter", "action"):
        where.add("{t}.action = " + where.bind("text", "filter", "action"))
    if where.given("filter", "subject"):
        where.add("{t}.subject_kind = " + where.bind("text", "filter", "subject", convert=_subject_kind))
        where.add("{t}.subject_id = " + where.bind("bigint", "filter", "subject", convert=_subject_key))
    if where.given("filter", "jobId"):
        where.add("{t}.job_id = " + where.bind("bigint", "filter", "jobId", convert=_job_key))
    if where.given("filter", "from"):
        where.add("{t}.at >= " + where.bind("timestamptz", "filter", "from"))
    if where.given("filter", "to"):
        where.add("{t}.at < " + where.bind("timestamptz", "filter", "to"))


@strawberry.type
class AuditQuery:
    """Query.auditEvents, .auditChain."""

    @declared(
        Pages("true", NEWEST, where=_where_events),
        "What was done in your library, newest first.",
        permission=Permission.AUDIT_VIEW,
    )
    def audit_events(
        self, first: int, after: str | None = None, filter: AuditFilter | None = None
    ) -> Connection[AuditEvent]:
        compiled()

    @declared(
        RootRow(lambda _where: None),
        "How far your library's events are sealed against change.",
        permission=Permission.AUDIT_VIEW,
    )
    def audit_chain(self) -> AuditChain:
        compiled()
