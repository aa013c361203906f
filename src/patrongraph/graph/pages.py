"""A connection becomes a page by keyset first, and then the costly columns for the page's rows only."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphql import FieldNode, GraphQLField

from patrongraph.graph import paging
from patrongraph.graph.arguments import Where
from patrongraph.graph.declare import Order, Pages
from patrongraph.graph.selection import object_type

if TYPE_CHECKING:
    from patrongraph.graph.compiler import Compiler


class Page:
    """One connection of one statement."""

    def __init__(
        self, compiler: "Compiler", spec: Pages, definition: GraphQLField, nodes: list[FieldNode], parent: str
    ) -> None:
        self.compiler = compiler
        self.type = object_type(definition.type)
        self.edge_type = object_type(self.type.fields["edges"].type)
        self.row = compiler.row_of(object_type(self.edge_type.fields["node"].type), parent)
        self.fields = compiler.select.fields(self.type, [node.selection_set for node in nodes])
        where = compiler.where_of(definition, nodes[0])
        if spec.where:
            spec.where(where)
        self.order: Order = spec.orders(where) if spec.orders else spec.order
        self.values = [compiler.sql(expression, self.row) for expression, _ in self.order.keys]
        self.list_predicates = [
            compiler.sql(each, self.row) for each in (spec.on, self.row.table.scope, *where.predicates)
        ]
        self.after = where.given("after")
        limit = spec.limit
        # In the SQL as a number, not as a parameter: PostgreSQL then knows how few rows are wanted when it makes the
        # plan that it keeps; with a parameter it would plan anew for every request.
        self.first: int = where.classify(lambda first: paging.check_first(first, limit), "first")
        self.cursor = [self._cursor_value(where, index) for index in range(len(self.order.keys))] if self.after else []
        self.joins: list[str] = []
        self.row_columns: list[str] = []
        self.aggregates: dict[str, str] = {}

    def _cursor_value(self, where: Where, index: int) -> str:
        order = self.order
        return where.parameters.add(
            (id(where.arguments), "after", index),
            order.keys[index][1],
            lambda call: paging.decode_cursor(order, where.arguments.values(call.variables)["after"])[index],
        )

    def sql(self) -> str:
        """Return a scalar subquery that answers the connection."""
        items = [f'{self._item(nodes)} AS "{key}"' for key, nodes in self.fields.items()]
        source = f" FROM ({self._page()}) page" if self.aggregates else ""
        return f"(SELECT row_to_json(c$) FROM (SELECT {', '.join(items)}{source}) c$)"

    def _item(self, nodes: list[FieldNode]) -> str:
        name = nodes[0].name.value
        if name == "__typename":
            return f"'{self.type.name}'"
        if name == "edges":
            return self._edges(nodes)
        if name == "pageInfo":
            return self._page_info(nodes)
        if name == "totalCount":
            source = self.compiler.source_of(self.row)
            conditions = " AND ".join(self.list_predicates)
            return f"(SELECT count(*) FROM {source} {self.row.alias} WHERE {conditions})"
        raise TypeError(f"{self.type.name}.{name} is not known to the compiler")

    def _edges(self, nodes: list[FieldNode]) -> str:
        edge = self.compiler.alias("e")
        fields = self.compiler.select.fields(self.edge_type, [node.selection_set for node in nodes])
        items = []
        for key, found in fields.items():
            name = found[0].name.value
            if name == "node":
                alias = self.compiler.alias("n")
                columns = self.compiler.columns(self.row, found)
                self.joins.append(f" CROSS JOIN LATERAL (SELECT {columns}) {alias}")
                items.append(f'{alias} AS "{key}"')
            elif name == "cursor":
                items.append(f'{paging.cursor_sql(self.values)} AS "{key}"')
            else:
                items.append(f"'{self.edge_type.name}' AS \"{key}\"")
        self.joins.append(f" CROSS JOIN LATERAL (SELECT {', '.join(items)}) {edge}")
        self.row_columns.append(f"{edge} AS {edge}")
        return self._aggregate(edge, f"coalesce(json_agg(row$.{edge}), '[]'::json)")

    def _aggregate(self, name: str, sql: str) -> str:
        """Have a value over the page's rows; return how to name it beside the page."""
        self.aggregates[name] = sql
        return f"page.{name}"

    def _page_info(self, nodes: list[FieldNode]) -> str:
        info = object_type(self.type.fields["pageInfo"].type)
        fields = self.compiler.select.fields(info, [node.selection_set for node in nodes])
        answers: dict[str, Callable[[], str]] = {
            "__typename": lambda: f"'{info.name}'",
            "hasNextPage": self._goes_on,
            "hasPreviousPage": lambda: "true" if self.after else "false",
            "startCursor": lambda: self._cursor_at("first", "1"),
            "endCursor": lambda: self._cursor_at("last", "count(*)"),
        }
        pairs = [f"'{key}', {answers[found[0].name.value]()}" for key, found in fields.items()]
        return f"json_build_object({', '.join(pairs)})"

    def _keys_at(self, name: str, position: str) -> list[str]:
        """Return the order's values of one row of the page."""
        return [
            self._aggregate(f"{name}{index}", f"(array_agg(row$.k{index}))[{position}]")
            for index in range(len(self.values))
        ]

    def _cursor_at(self, name: str, position: str) -> str:
        size = self._aggregate("size", "count(*)")
        return f"CASE WHEN {size} > 0 THEN {paging.cursor_sql(self._keys_at(name, position))} END"

    def _goes_on(self) -> str:
        """Return whether rows follow: a look after the last one costs less than fetching one more."""
        size = self._aggregate("size", "count(*)")
        after = paging.beyond(self.order, self.values, self._keys_at("last", "count(*)"))
        source = f"{self.compiler.source_of(self.row)} {self.row.alias}"
        conditions = " AND ".join([*self.list_predicates, after])
        return f"({size} = {self.first} AND EXISTS (SELECT FROM {source} WHERE {conditions}))"

    def _page(self) -> str:
        row = self.row
        conditions = list(self.list_predicates)
        if self.after:
            conditions.append(paging.beyond(self.order, self.values, self.cursor))
        ordering = paging.order_by(self.order, self.values)
        inner = (
            f"(SELECT {row.alias}.* FROM {self.compiler.source_of(row)} {row.alias} "
            f"WHERE {' AND '.join(conditions)} ORDER BY {ordering} LIMIT {self.first})"
        )
        columns = [f"{value} AS k{index}" for index, value in enumerate(self.values)] + self.row_columns
        joined = self.compiler.joined(row, inner) + "".join(self.joins)
        # Ordered once more, which costs nothing here, so that the aggregates see the rows in the list's order.
        rows = f"SELECT {', '.join(columns)} FROM {joined} ORDER BY {ordering}"
        aggregates = ", ".join(f"{sql} AS {name}" for name, sql in self.aggregates.items())
        return f"SELECT {aggregates} FROM ({rows}) row$"
