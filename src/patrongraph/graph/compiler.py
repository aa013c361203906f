"""A validated selection becomes one parameterised SQL statement that returns finished JSON."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_list_type,
)
from graphql.execution.values import VariableValues
from graphql.type import get_nullable_type

from patrongraph.context import Actor
from patrongraph.graph.arguments import Call, Compute, FieldArguments, Parameters, Trace, Where
from patrongraph.graph.declare import (
    Expression,
    Many,
    One,
    Pages,
    RootRow,
    RootRows,
    Table,
)
from patrongraph.graph.ids import BadArgument
from patrongraph.graph.pages import Page
from patrongraph.graph.selection import Fragments, Selector, declaration_of, object_type, table_of

_PARAMETER = re.compile(r"\$(\d+)::")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement that returns one json value, and how to compute its parameters. Raises BadArgument.

    `too_many`: why it returned null, where null stands for more rows than are answered.
    """

    sql: str
    computed: tuple[Compute, ...]
    only_checked: tuple[Compute, ...]
    depends_on_actor: bool
    empty: bytes
    too_many: str = ""

    def parameters(self, call: Call) -> list[Any]:
        """Return the values of $1, $2, … for one request."""
        # An argument that this selection does not need (a page size beside totalCount) must be right all the same.
        for check in self.only_checked:
            check(call)
        return [compute(call) for compute in self.computed]

    def answer(self, found: bytes | None) -> bytes:
        """Return the JSON for what the database returned. Raises BadArgument when that were too many rows."""
        if found is None and self.too_many:
            raise BadArgument(self.too_many)
        return self.empty if found is None else found


@dataclass(slots=True)
class Row:
    """A row that fields are read from: its alias in the SQL, its parent's, and the laterals in use."""

    type: GraphQLObjectType
    table: Table
    alias: str
    parent: str
    laterals: dict[str, str] = field(default_factory=dict)


class Compiler:
    """Compiles one root field for one shape of variables. A compiler is used once."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Fragments, variables: VariableValues, actor: Actor, core: bool
    ) -> None:
        self.trace = Trace()
        self._schema = schema
        self.select = Selector(schema, fragments, variables)
        self._variables = variables
        self._actor = actor
        self._core = core
        self.parameters = Parameters()
        self._count = 0

    def root(self, definition: GraphQLField, nodes: list[FieldNode]) -> Statement:
        """Compile a root field that declares RootRow, RootRows or Pages."""
        spec = declaration_of(definition)
        where = self.where_of(definition, nodes[0])
        if isinstance(spec, Pages):
            return self._statement(f"SELECT {self._pages(spec, definition, nodes, 'none')}", b"null")
        if isinstance(spec, RootRow):
            spec.where(where)
            type_ = self._concrete(spec, definition, where)
            if type_ is None:
                return self._statement("SELECT NULL::json", b"null")
            return self._one_row(type_, nodes, where.predicates)
        if isinstance(spec, RootRows):
            spec.where(where)
            return self._all_rows(
                object_type(definition.type),
                nodes,
                where.predicates,
                spec.order,
                source=spec.source(where) if spec.source else None,
                limit=spec.limit,
                too_many=spec.too_many,
            )
        raise TypeError(f"{nodes[0].name.value} is not a compiled root field")

    def _concrete(self, spec: RootRow, definition: GraphQLField, where: Where) -> GraphQLObjectType | None:
        """Return the type of the row: the field's own, or what `pick` chose among an abstract type's."""
        named = get_named_type(definition.type)
        if not is_abstract_type(named):
            return object_type(named)
        picked = spec.pick(where) if spec.pick else None
        return None if picked is None else object_type(self._schema.get_type(picked))

    def by_key(self, definition: GraphQLField, nodes: list[FieldNode]) -> Statement:
        """Compile an object, or a list of objects, read by the key(s) that an action or event names."""
        type_ = object_type(definition.type)
        if is_list_type(get_nullable_type(definition.type)):
            return self._all_rows(type_, nodes, ["{t}.id = ANY({keys})"], "array_position({keys}, {t}.id)")
        return self._one_row(type_, nodes, ["{t}.id = {key}"])

    def _statement(self, sql: str, empty: bytes, too_many: str = "") -> Statement:
        """Return the statement with only the parameters that its SQL came to use, numbered anew."""
        used = sorted({int(number) for number in _PARAMETER.findall(sql)})
        numbers = {number: index for index, number in enumerate(used, start=1)}
        sql = _PARAMETER.sub(lambda match: f"${numbers[int(match[1])]}::", sql)
        computed = tuple(self.parameters.computed[number - 1] for number in used)
        unused = tuple(
            compute for number, compute in enumerate(self.parameters.computed, start=1) if number not in numbers
        )
        return Statement(sql, computed, unused, self.parameters.depends_on_actor, empty, too_many)

    def _one_row(self, type_: GraphQLObjectType, nodes: list[FieldNode], predicates: Sequence[str]) -> Statement:
        row = self.row_of(type_, "none")
        return self._statement(f"SELECT row_to_json(r$) FROM ({self._rows(row, nodes, predicates)}) r$", b"null")

    def _all_rows(
        self,
        type_: GraphQLObjectType,
        nodes: list[FieldNode],
        predicates: Sequence[str],
        order: str,
        *,
        source: str | None = None,
        limit: int | None = None,
        too_many: str = "",
    ) -> Statement:
        row = self.row_of(type_, "none")
        rows = self._rows(row, nodes, predicates, order=order, source=source)
        found = "coalesce(json_agg(r$), '[]'::json)"
        if limit is not None:
            rows = f"{rows} LIMIT {limit + 1}"
            found = f"CASE WHEN count(*) <= {limit} THEN {found} END"
        return self._statement(f"SELECT {found} FROM ({rows}) r$", b"[]", too_many)

    def row_of(self, type_: GraphQLObjectType, parent: str) -> Row:
        """Return a new row of a type, to read fields from."""
        table = table_of(type_)
        if table is None:
            raise TypeError(f"type {type_.name} does not declare where its rows live")
        return Row(type_, table, self.alias("t"), parent)

    def alias(self, prefix: str) -> str:
        """Return a name that nothing else in this statement has, and with its $ no response key can have."""
        self._count += 1
        return f"{prefix}{self._count}$"

    def where_of(self, definition: GraphQLField, node: FieldNode) -> Where:
        """Return what a declaration's `where` receives for one field."""
        arguments = FieldArguments(definition, node)
        return Where(arguments, self._variables, self._actor, self.parameters, self.trace)

    def sql(self, template: str, row: Row) -> str:
        """Fill the placeholders of a declaration in for a row."""

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name == "t":
                return row.alias
            if name == "p":
                return row.parent
            if name in row.table.laterals:
                return row.laterals.setdefault(name, f"{row.alias}_{name}")
            found = self.parameters.named(name)
            if found is None:
                raise KeyError(f"{{{name}}} in {template!r} names neither a parameter nor a lateral")
            return found

        return _PLACEHOLDER.sub(replace, template)

    def joined(self, row: Row, source: str) -> str:
        """Return the FROM list: the source and the laterals that the columns came to use."""
        joins = [
            f" LEFT JOIN LATERAL ({self.sql(row.table.laterals[name], row)}) {alias} ON true"
            for name, alias in row.laterals.items()
        ]
        return f"{source} {row.alias}{''.join(joins)}"

    def source_of(self, row: Row, override: str | None = None) -> str:
        """Return the FROM source of a row: the field's own, or that of its type."""
        source = override or row.table.source
        if source is None:
            raise TypeError(f"type {row.type.name} has no table: the field must name a source")
        return self.sql(source, row)

    def _rows(
        self,
        row: Row,
        nodes: list[FieldNode],
        predicates: Sequence[str],
        *,
        order: str = "",
        source: str | None = None,
        scope: str | None = None,
    ) -> str:
        columns = self.columns(row, nodes)
        conditions = " AND ".join(self.sql(each, row) for each in (*predicates, scope or row.table.scope))
        ordered = f" ORDER BY {self.sql(order, row)}" if order else ""
        return f"SELECT {columns} FROM {self.joined(row, self.source_of(row, source))} WHERE {conditions}{ordered}"

    def columns(self, row: Row, nodes: list[FieldNode]) -> str:
        """Return the select list of an object: one column for each response key, in order."""
        fields = self.select.fields(row.type, [node.selection_set for node in nodes])
        columns = [f'{self._value(row, found)} AS "{response_key}"' for response_key, found in fields.items()]
        if self._core:
            # For graphql-core to tell the type; a client may have called another field __typename.
            columns.append(f"'{row.type.name}' AS \"$type\"")
        return ", ".join(columns)

    def _value(self, row: Row, nodes: list[FieldNode]) -> str:
        name = nodes[0].name.value
        if name == "__typename":
            return f"'{row.type.name}'"
        definition = row.type.fields[name]
        spec = declaration_of(definition)
        if isinstance(spec, Expression):
            return self._scalar(spec, definition, row)
        if isinstance(spec, One):
            child = self.row_of(object_type(definition.type), row.alias)
            inner = self._rows(child, nodes, [spec.on], source=spec.source, scope=spec.scope)
            return f"(SELECT row_to_json(r$) FROM ({inner}) r$)"
        if isinstance(spec, Many):
            child = self.row_of(object_type(definition.type), row.alias)
            where = self.where_of(definition, nodes[0])
            if spec.where:
                spec.where(where)
            source = where.source or spec.source
            inner = self._rows(child, nodes, [spec.on, *where.predicates], order=spec.order, source=source)
            return f"(SELECT coalesce(json_agg(r$), '[]'::json) FROM ({inner}) r$)"
        if isinstance(spec, Pages):
            return self._pages(spec, definition, nodes, row.alias)
        raise TypeError(f"{row.type.name}.{name} does not declare where its data lives")

    def _scalar(self, spec: Expression, definition: GraphQLField, row: Row) -> str:
        sql = self.sql(spec.sql, row)
        leaf = get_named_type(definition.type).name
        if leaf == "ID" and spec.sql == "{t}.id":
            return f"'{row.table.prefix}_' || {sql}"
        if leaf == "Decimal":
            return f"({sql})::text"
        return sql

    def _pages(self, spec: Pages, definition: GraphQLField, nodes: list[FieldNode], parent: str) -> str:
        page = Page(self, spec, definition, nodes, parent)
        return page.sql()
