"""Beside each field stands where its data lives; these declarations are the only mapping that the compiler reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

import strawberry

from patrongraph.permissions import Patrons, Permission, Public, Requires
from patrongraph.problems import RefusedToProblem

if TYPE_CHECKING:
    from patrongraph.graph.arguments import Where

_T = TypeVar("_T", bound=type)
Decorator = Callable[[Callable[..., Any]], Any]
KEY = "patrongraph"
"""Where a field's declaration is kept in the metadata of its strawberry field."""

TABLE = "__graph_table__"
"""Where a type's Table is kept on its class."""

IN_LIBRARY = "{t}.library_id = {library}"
"""Scope of a table whose rows belong to one library."""
IS_LIBRARY = "{t}.id = {library}"
"""Scope of the library table itself."""
FROM_PARENT = "true"
"""Scope of a source that is reached through a scoped parent row only, such as an item lent by another library."""


@dataclass(frozen=True, slots=True)
class Table:
    """Where the rows of a type live.

    `source` is a table or a parenthesised query. `scope` is a predicate, required so that no table is ever read
    across libraries by omission. `laterals` are one-row queries, joined only when a selected field names them.
    In all SQL: {t} this row, {p} the parent row, {library}, {actor} and {permissions} of whoever asks, {name} the
    lateral of that name.
    """

    source: str | None
    scope: str
    prefix: str | None = None
    laterals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeType:
    """A type that node(id:) finds by its prefix, and the permission that this takes."""

    name: str
    permission: Permission | None


NODES: dict[str, NodeType] = {}
"""Every declared type with ids of its own, by prefix."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A scalar, or a list of scalars: SQL over this row."""

    sql: str


@dataclass(frozen=True, slots=True)
class One:
    """One row or none of another type, joined by `on`; `scope` replaces the type's own, where a parent vouches."""

    on: str
    source: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Many:
    """A short list of rows of another type, all of them, in `order`."""

    on: str
    order: str
    source: str | None = None
    where: "Callable[[Where], None] | None" = None


@dataclass(frozen=True, slots=True)
class Order:
    """A total order for keyset paging: expressions with their SQL types, all ascending or all descending."""

    keys: tuple[tuple[str, str], ...]
    descending: bool = False


BY_ID = Order((("{t}.id", "bigint"),))
NEWEST = Order((("{t}.id", "bigint"),), descending=True)


@dataclass(frozen=True, slots=True)
class Pages:
    """A Relay connection: rows of another type by keyset, at most `limit` a page."""

    on: str
    order: Order
    limit: int = 200
    where: "Callable[[Where], None] | None" = None
    orders: "Callable[[Where], Order] | None" = None


@dataclass(frozen=True, slots=True)
class RootRow:
    """A root field that answers one row or none. `pick` names the concrete type where the field's is abstract."""

    where: "Callable[[Where], None]"
    pick: "Callable[[Where], str | None] | None" = None


@dataclass(frozen=True, slots=True)
class RootRows:
    """A root field that answers all rows of a short list.

    `source` composes the query that the rows are read from. `limit` is for a list that can be long: of more rows
    none is answered, and the client is told `too_many`, which says what to narrow.
    """

    where: "Callable[[Where], None]"
    order: str
    source: "Callable[[Where], str] | None" = None
    limit: int | None = None
    too_many: str = ""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """An object in a mutation's payload, read by the key that the action returned in attribute `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A subscription: `source` yields row keys; each is read through the compiled path and sent when it changed."""

    source: Callable[..., Any]


Declared = Expression | One | Many | Pages | RootRow | RootRows | ReadBack | Watched


def _directives(permission: Permission | None, public: bool = False, patrons: bool = False) -> Sequence[object]:
    if public:
        return [Public()]
    if patrons:
        return [Patrons()]
    return [] if permission is None else [Requires(permission=permission)]


def _field(declared: Declared, description: str, permission: Permission | None, name: str | None = None) -> Any:
    return strawberry.field(
        name=name, description=description, metadata={KEY: declared}, directives=_directives(permission)
    )


def column(name: str, description: str, *, permission: Permission | None = None) -> Any:
    """Declare a field that is a column of this row."""
    return _field(Expression("{t}." + name), description, permission)


def expression(sql: str, description: str, *, permission: Permission | None = None) -> Any:
    """Declare a field that is computed from this row and its laterals."""
    return _field(Expression(sql), description, permission)


def key(description: str = "Opaque id of this object.") -> Any:
    """Declare the id of a Node type."""
    return _field(Expression("{t}.id"), description, None)


def one(
    on: str,
    description: str,
    *,
    source: str | None = None,
    scope: str | None = None,
    permission: Permission | None = None,
    name: str | None = None,
) -> Any:
    """Declare a field that is one row of another type, or null; `name` where Python keeps its GraphQL name."""
    return _field(One(on, source, scope), description, permission, name)


def many(
    on: str, description: str, *, order: str, source: str | None = None, permission: Permission | None = None
) -> Any:
    """Declare a field that is a short list of rows of another type."""
    return _field(Many(on, order, source), description, permission)


def declared(
    spec: Declared,
    description: str,
    *,
    permission: Permission | None = None,
    public: bool = False,
    patrons: bool = False,
) -> Decorator:
    """Decorate a method that only names arguments and result; `spec` says how it is compiled.

    `patrons` opens a root field, which takes no permission then, to patrons who are signed in.
    """
    decorator: Decorator = strawberry.field(
        description=description, metadata={KEY: spec}, directives=_directives(permission, public, patrons)
    )
    return decorator


def watched(source: Callable[..., Any], description: str, *, permission: Permission | None = None) -> Decorator:
    """Decorate a subscription that only names arguments and result; `source` yields the keys to read."""
    decorator: Decorator = strawberry.subscription(
        description=description, metadata={KEY: Watched(source)}, directives=_directives(permission)
    )
    return decorator


def read_back(attribute: str, description: str) -> Any:
    """Declare an object of a mutation's payload, read through the compiled path by the key in `attribute`."""
    return strawberry.field(
        description=description, metadata={KEY: ReadBack(attribute)}, resolver=lambda: None, init=False
    )


def mutation(description: str, *, permission: Permission | None = None, public: bool = False) -> Decorator:
    """Decorate a mutation's resolver: a Refused that its action raises becomes a member of the result union."""
    decorator: Decorator = strawberry.mutation(
        description=description,
        directives=_directives(permission, public),
        extensions=[RefusedToProblem()],
    )
    return decorator


def compiled() -> NoReturn:
    """Stand in for the body of a declared field; the compiler answers it and never calls it."""
    raise RuntimeError("a declared field is answered by the compiler, never by its method")


@dataclass_transform(field_specifiers=(column, expression, key, one, many))
def graph_type(
    *,
    description: str,
    source: str | None,
    scope: str,
    prefix: str | None = None,
    laterals: Mapping[str, str] | None = None,
    permission: Permission | None = None,
    node: Permission | None = Permission.PATRONS_VIEW,
) -> Callable[[_T], _T]:
    """Make a Strawberry type of the class and remember where its rows live.

    `node` is the permission that node(id:) asks for an id with this prefix; None lets anybody signed in ask.
    """
    table = Table(source, scope, prefix, laterals or {})

    def decorate(cls: _T) -> _T:
        if prefix is not None and NODES.setdefault(prefix, NodeType(cls.__name__, node)).name != cls.__name__:
            raise TypeError(f"prefix {prefix}_ belongs to {NODES[prefix].name} already")
        made = strawberry.type(cls, description=description, directives=_directives(permission))
        setattr(made, TABLE, table)
        return made

    return decorate
