"""Query.node: any object by its id, of whatever type, within the library of whoever asks."""

import strawberry

from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Node
from patrongraph.graph.declare import NODES, RootRow, compiled, declared
from patrongraph.graph.ids import BadArgument, split_id
from patrongraph.permissions import Forbidden


def _prefix(text: str) -> str | None:
    """Return the prefix that says the type, or None where no type has it."""
    try:
        prefix, _ = split_id(text)
    except BadArgument:
        return None
    return prefix if prefix in NODES else None


def _key(text: str) -> int:
    prefix, key = split_id(text)
    if prefix not in NODES:
        raise BadArgument(f"{text[:40]!r} is not an id of this server; no type has ids that begin with {prefix}_.")
    return key


def _where(where: Where) -> None:
    where.add("{t}.id = " + where.bind("bigint", "id", convert=_key))


def _pick(where: Where) -> str | None:
    """Return the name of the type. Raises Forbidden where the actor may not fetch that type by id."""
    prefix = where.classify(_prefix, "id")
    if prefix is None:
        _key(where.text("id"))
        return None
    found = NODES[prefix]
    if found.permission is not None and found.permission not in where.actor.permissions:
        raise Forbidden(f'node(id: "{prefix}_…")', found.permission)
    return found.name


@strawberry.type
class NodeQuery:
    """Query.node."""

    @declared(RootRow(_where, _pick), "An object of your library by its id; null when there is none.")
    def node(self, id: strawberry.ID) -> Node | None:
        compiled()
