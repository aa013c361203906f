"""Root field of the groups."""

import strawberry

from patrongraph.graph.arguments import Where
from patrongraph.graph.declare import RootRow, compiled, declared
from patrongraph.graph.ids import decode_id
from patrongraph.groups.types import PatronGroup
from patrongraph.permissions import Permission


def _where(where: Where) -> None:
    where.add("{t}.id = " + where.bind("bigint", "id", convert=lambda text: decode_id("grp", text)))


@strawberry.type
class GroupQuery:
    """Query.group."""

    @declared(
        RootRow(_where),
        "A group of your library; null when it has no such group.",
        permission=Permission.PATRONS_VIEW,
    )
    def group(self, id: strawberry.ID) -> PatronGroup | None:
        compiled()
