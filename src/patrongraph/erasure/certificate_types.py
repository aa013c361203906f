"""Certificates of erasure, as front ends see them; beside types.py, which holds what is asked for and answered."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.erasure.certificate import AT_REST_AT, STATE
from patrongraph.erasure.models import TombstoneState
from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import (
    BY_ID,
    FROM_PARENT,
    IN_LIBRARY,
    Pages,
    RootRow,
    column,
    compiled,
    declared,
    expression,
    graph_type,
    many,
    one,
)
from patrongraph.patrons.resolvers import patron_key

if TYPE_CHECKING:
    from patrongraph.jobs.types import Job
    from patrongraph.libraries.types import Library

strawberry.enum(TombstoneState, description="How far an erasure has come.")

ROWS = '(SELECT told.key AS "table", told.value::bigint AS rows FROM jsonb_each_text({p}.rows) AS told)'


@graph_type(source=None, scope=FROM_PARENT, description="How many rows of one table were erased.")
class CertifiedRows:
    """A number; what the rows said is gone."""

    table: str = column('"table"', "Name of the table.")
    rows: int = column("rows", "How many rows.")


@graph_type(source="tombstone", scope=IN_LIBRARY, description="The proof that one patron is erased.")
class PatronCertificate:
    """Written in the transaction of the erasure; it outlives the patron and says nothing about them."""

    patron_id: strawberry.ID = expression("'pat_' || {t}.patron_id", "Id that the patron had; it leads to nobody.")
    erased_at: dt.datetime = column("erased_at", "When the patron was erased from the live data.")
    job: Annotated["Job", strawberry.lazy("patrongraph.jobs.types")] | None = one(
        "{t}.id = {p}.job_id", "The job that did it; null for the deletion of one patron."
    )
    rows: list[CertifiedRows] = many("true", "Rows erased, by table.", order='{t}."table" COLLATE "C"', source=ROWS)
    state: TombstoneState = column("state", "Whether the erasure has reached the stored copies too.")
    at_rest_at: dt.datetime | None = column("at_rest_at", "When it had; null while it has not.")


@graph_type(source="job_erasure", scope=IN_LIBRARY, description="The proof of what one job has erased, in numbers.")
class ErasureCertificate:
    """Grows with each chunk of the job, and is complete when the job has ended."""

    job_id: strawberry.ID = expression("'job_' || {t}.job_id", "Id of the job.")
    library: Annotated["Library", strawberry.lazy("patrongraph.libraries.types")] = one(
        "{t}.id = {p}.library_id", "The library whose patrons they were."
    )
    patron_count: int = column("patrons", "Patrons erased.")
    rows: list[CertifiedRows] = many(
        "true", "Rows erased from these patrons, by table.", order='{t}."table" COLLATE "C"', source=ROWS
    )
    statistics: int = column("statistics", "Finished loans that were kept as anonymous statistics.")
    first_erased_at: dt.datetime = column("first_erased_at", "When the first of them was erased.")
    last_erased_at: dt.datetime = column("last_erased_at", "When the latest of them was erased.")
    state: TombstoneState = expression(
        STATE.format(sums="{t}"), "AT_REST_ERASED once all of them are erased from the stored copies too."
    )
    at_rest_at: dt.datetime | None = expression(
        AT_REST_AT.format(sums="{t}"), "When the last of them was; null until all of them are."
    )

    @declared(Pages("{t}.job_id = {p}.job_id", BY_ID), "The erased patrons by opaque id, in the order of erasure.")
    def patrons(self, first: int, after: str | None = None) -> Connection[PatronCertificate]:
        """Page through them."""
        compiled()


def where_patron(where: Where) -> None:
    """Restrict the certificates to the one of the argument patronId."""
    where.add("{t}.patron_id = " + where.bind("bigint", "patronId", convert=patron_key))


CERTIFICATE_OF_PATRON = RootRow(where_patron)
