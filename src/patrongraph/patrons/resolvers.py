"""Root fields of the patrons."""

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from patrongraph.circulation.types import Item
from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import Order, Pages, RootRow, compiled, declared, mutation, read_back
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id
from patrongraph.patrons import actions
from patrongraph.patrons.filters import PREDICATES, PatronCriteria, where_patrons
from patrongraph.patrons.models import PatronStatus
from patrongraph.patrons.problems import TooMany
from patrongraph.patrons.types import Patron
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound

BY_NAME = Order((("{t}.sort_key", "text"), ("{t}.id", "bigint")))


@strawberry.enum(description="Order of a list of patrons.")
class PatronSort(StrEnum):
    """Each order is served by an index."""

    NAME = "NAME"
    NAME_DESCENDING = "NAME_DESCENDING"
    OLDEST = "OLDEST"
    NEWEST = "NEWEST"


_ORDERS = {
    PatronSort.NAME: BY_NAME,
    PatronSort.NAME_DESCENDING: Order(BY_NAME.keys, descending=True),
    PatronSort.OLDEST: Order((("{t}.id", "bigint"),)),
    PatronSort.NEWEST: Order((("{t}.id", "bigint"),), descending=True),
}


@strawberry.input(one_of=True, description="Names one patron of your library, in one of three ways.")
class PatronRef:
    """Exactly one of the fields."""

    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Id, like pat_12.")
    barcode: str | None = strawberry.field(
        default=strawberry.UNSET, description="Barcode of any of the patron's cards, active or not."
    )
    username: str | None = strawberry.field(
        default=strawberry.UNSET, description="Name that the patron signs in with, in any case."
    )


@strawberry.input(description="Which patrons; what is left out or null does not restrict.")
class PatronFilter:
    """All given parts must hold."""

    status: PatronStatus | None = strawberry.field(default=None, description="Accounts of that status.")
    category: str | None = strawberry.field(default=None, description="Exactly that patron category.")
    branch_id: strawberry.ID | None = strawberry.field(default=None, description="That home branch.")
    cohort_id: strawberry.ID | None = strawberry.field(default=None, description="That school year group.")
    group_id: strawberry.ID | None = strawberry.field(default=None, description="Members of that group.")
    expired_before: dt.date | None = strawberry.field(
        default=None, description="Accounts whose last day lies before that day."
    )
    inactive_since: dt.datetime | None = strawberry.field(
        default=None, description="Inactive accounts, deactivated at that moment or earlier."
    )
    last_activity_before: dt.datetime | None = strawberry.field(
        default=None, description="Accounts not used since that moment, or never."
    )


def _where_one(where: Where) -> None:
    if where.given("by", "id"):
        where.add("{t}.id = " + where.bind("bigint", "by", "id", convert=patron_key))
    elif where.given("by", "barcode"):
        where.add(
            "{t}.id = (SELECT c.patron_id FROM card c WHERE c.library_id = {library} AND c.barcode = "
            + where.bind("text", "by", "barcode")
            + ")"
        )
    else:
        where.add("lower({t}.username) = lower(" + where.bind("text", "by", "username") + ")")


def patron_key(text: str) -> int:
    """Return the key in a patron's id. Raises BadArgument."""
    return decode_id("pat", text)


def criteria(chosen: PatronFilter, search: str | None = None) -> PatronCriteria:
    """Return the filter as actions take it. Raises BadArgument for an id of another kind."""
    parts: dict[str, Any] = {}
    for name, predicate in PREDICATES.items():
        value = getattr(chosen, name)
        is_id = predicate.prefix is not None and value is not None
        parts[name] = decode_id(predicate.prefix or "", value) if is_id else value
    return PatronCriteria(**parts, search=search)


def _where_item(where: Where) -> None:
    where.add("{t}.barcode = " + where.bind("text", "barcode"))


def chosen_order(where: Where) -> Order:
    """Return the order that the argument `sort` of a compiled list of patrons asks for."""
    return _ORDERS[where.choice("sort") or PatronSort.NAME]


@strawberry.type
class PatronQuery:
    """Query.patron, patrons and item."""

    @declared(
        RootRow(_where_one),
        "One patron of your library; null when it has no such patron.",
        permission=Permission.PATRONS_VIEW,
    )
    def patron(self, by: PatronRef) -> Patron | None:
        compiled()

    @declared(
        Pages("true", BY_NAME, limit=1000, where=where_patrons, orders=chosen_order),
        "Patrons of your library. `search` is a barcode, an e-mail address, words that each begin a part of the"
        " name, or, with a comma, the beginning of family name and given name: 'berg, an'.",
        permission=Permission.PATRONS_VIEW,
    )
    def patrons(
        self,
        first: int,
        after: str | None = None,
        filter: PatronFilter | None = None,
        search: str | None = None,
        sort: PatronSort | None = PatronSort.NAME,
    ) -> Connection[Patron]:
        compiled()

    @declared(RootRow(_where_item), "An item that your library owns, by barcode.", permission=Permission.PATRONS_VIEW)
    def item(self, barcode: str) -> Item | None:
        compiled()


@strawberry.input(description="Patrons by id, at most 200.")
class PatronIdsInput:
    """Input of deactivatePatrons and reactivatePatrons."""

    patron_ids: list[strawberry.ID] = strawberry.field(description="Ids of the patrons.")


@strawberry.type(description="The patrons, all of them now in the status that was asked for.")
class PatronsStatusSuccess:
    """Payload of deactivatePatrons and reactivatePatrons."""

    patron_ids: strawberry.Private[list[int]]
    changed: int = strawberry.field(description="How many were in another status before.")
    patrons: list[Patron] = read_back("patron_ids", "The patrons, in the order of the request.")


PatronsStatusResult = Annotated[
    PatronsStatusSuccess | InvalidInput | NotFound | TooMany,
    strawberry.union("PatronsStatusResult", description="The patrons, or why none was changed."),
]


def _outcome(outcomes: list[actions.StatusOutcome]) -> PatronsStatusSuccess:
    return PatronsStatusSuccess(
        patron_ids=[each.patron_id for each in outcomes], changed=sum(each.changed for each in outcomes)
    )


@strawberry.type
class PatronMutation:
    """Mutation.deactivatePatrons and reactivatePatrons."""

    @mutation(
        "Take patrons out of use, all or none: they cannot sign in, borrow, renew or reserve.",
        permission=Permission.PATRONS_DEACTIVATE,
    )
    async def deactivate_patrons(
        self,
        info: strawberry.Info[Operation],
        input: PatronIdsInput,
    ) -> PatronsStatusResult:
        keys = [patron_key(each) for each in input.patron_ids]
        return _outcome(await actions.deactivate(info.context.actor, keys))

    @mutation("Take inactive patrons back into use, all or none.", permission=Permission.PATRONS_DEACTIVATE)
    async def reactivate_patrons(
        self,
        info: strawberry.Info[Operation],
        input: PatronIdsInput,
    ) -> PatronsStatusResult:
        keys = [patron_key(each) for each in input.patron_ids]
        return _outcome(await actions.reactivate(info.context.actor, keys))
