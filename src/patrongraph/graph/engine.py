"""One operation from text to bytes: prepared once, compiled once per shape, then one statement for each root field."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import asyncpg
import orjson
import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
)
from graphql.execution.values import VariableValues

from patrongraph import metrics
from patrongraph.context import Actor, Context
from patrongraph.db import read_pool, replica_failed, replica_pool
from patrongraph.graph import documents, watch
from patrongraph.graph.access import Walk, too_many_directives
from patrongraph.graph.arguments import NO_VARIABLES, Call, FieldArguments, Variables
from patrongraph.graph.budget import OPERATION, PREPARING, Budget
from patrongraph.graph.compiler import Compiler, Statement
from patrongraph.graph.declare import Pages, RootRow, RootRows, Watched
from patrongraph.graph.errors import (
    LIMIT_EXCEEDED,
    UNAVAILABLE,
    Answer,
    masked,
    not_allowed,
    refuse,
    refuse_with,
    shown,
    spent,
    too_much,
    with_cost,
)
from patrongraph.graph.feeds import Feeds
from patrongraph.graph.ids import BadArgument
from patrongraph.graph.payers import payer
from patrongraph.graph.plans import Plans, Prepared
from patrongraph.graph.selection import Fragments, Selector, declaration_of
from patrongraph.graph.values import check, unreadable, wrong_argument
from patrongraph.permissions import Forbidden
from patrongraph.settings import Settings

LONGEST_CACHED_DOCUMENT = 16_384
_TOO_MANY_TOKENS = "tokens. Parsing aborted."


@dataclass(frozen=True, slots=True)
class Request:
    """One GraphQL request, its parts already of the right JSON types: with a text, or the id of a persisted one."""

    query: str = ""
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)
    document_id: str | None = None


@dataclass(slots=True)
class Operation:
    """What resolvers get as info.context: who asks, and the road back to the compiled path."""

    context: Context
    engine: "Engine"
    prepared: Prepared
    variables: VariableValues

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.context.actor


class Engine:
    """Answers operations of one schema. Safe to share between requests of one event loop."""

    def __init__(self, schema: strawberry.Schema, settings: Settings, budget: Budget | None = None) -> None:
        self.budget = budget
        self.schema = schema._schema
        self._settings = settings
        self._documents = documents.load(settings)
        self._cache: OrderedDict[Hashable, Prepared] = OrderedDict()
        self._refused: tuple[Hashable, Answer] | None = None
        self._feeds = Feeds()
        self.hits = 0
        self.misses = 0
        self.looks = 0
        self.missed_looks = 0

    @property
    def prepared_operations(self) -> int:
        """How many operations are kept prepared."""
        return len(self._cache)

    @property
    def subscriptions(self) -> tuple[int, int]:
        """How many feeds there are, and how many subscribers follow them."""
        return self._feeds.size

    # Preparing

    def operation_kind(self, request: Request, actor: Actor) -> str | None:
        """Return query, mutation or subscription; None when the request would be refused.

        Every transport asks this first, so a request is counted here as found prepared or not.
        """
        before = self.misses
        prepared = self._prepare(request, actor)
        self.looks += 1
        self.missed_looks += self.misses - before
        return None if isinstance(prepared, Answer) else prepared.operation.operation.value

    def _prepare(self, request: Request, actor: Actor) -> Prepared | Answer:
        query = request.query if request.document_id is None else self._documents.text(request.document_id)
        if isinstance(query, Answer):
            return query
        # By the text, so that an operation has one plan however it was named.
        key = (query, request.operation_name, actor.permissions, actor.kind)
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
            self.hits += 1
            return found
        if self._refused is not None and self._refused[0] == key:
            return self._refused[1]
        self.misses += 1
        made = self._check(query, request.operation_name, actor, key)
        if isinstance(made, Answer):
            # Transports ask for the kind of an operation and then execute it: the second look costs nothing.
            self._refused = (key, made)
        elif len(query) <= LONGEST_CACHED_DOCUMENT:
            self._cache[key] = made
            if len(self._cache) > self._settings.plan_cache_size:
                self._cache.popitem(last=False)
        return made

    def _check(self, query: str, operation_name: str | None, actor: Actor, key: Hashable) -> Prepared | Answer:
        refused = self._documents.refusal(query)
        if refused is not None:
            return refused
        document = self._parsed(query, actor.signed_in)
        if isinstance(document, Answer):
            return document
        operation = _operation(document, operation_name)
        if isinstance(operation, Answer):
            return operation
        errors = check(self.schema, document, hints=actor.signed_in)
        if errors:
            return refuse(errors, "GRAPHQL_VALIDATION_FAILED")
        fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
        checked = Walk(self.schema, fragments, actor, self._settings).operation(operation)
        if checked.errors:
            return _refused(checked.errors)
        definitions = operation.variable_definitions
        return Prepared(
            key,
            document,
            operation,
            fragments,
            checked.refused,
            checked.cost,
            Variables(self.schema, definitions) if definitions else None,
            self._roots(operation, fragments),
        )

    def _parsed(self, query: str, signed_in: bool) -> DocumentNode | Answer:
        settings = self._settings
        most = settings.max_tokens if signed_in else min(settings.max_anonymous_tokens, settings.max_tokens)
        try:
            document = parse(query, max_tokens=most, no_location=False)
        except GraphQLSyntaxError as error:
            if error.message.endswith(_TOO_MANY_TOKENS):
                return refuse([too_much("tokens", f"at least {most + 1} tokens", most + 1, most)], LIMIT_EXCEEDED)
            return refuse([unreadable(error)], "GRAPHQL_PARSE_FAILED")
        crowded = too_many_directives(document, settings.max_directives)
        return document if crowded is None else refuse([crowded], LIMIT_EXCEEDED)

    def _roots(
        self, operation: OperationDefinitionNode, fragments: Fragments
    ) -> list[tuple[str, list[FieldNode], GraphQLField]] | None:
        """Return the root fields when all are compiled and none depends on a variable @skip or @include."""
        root: Any = self.schema.get_root_type(operation.operation)
        if operation.operation is OperationType.MUTATION or _has_directives(operation, fragments):
            return None
        fields = Selector(self.schema, fragments, NO_VARIABLES).fields(root, [operation.selection_set])
        found = []
        for key, nodes in fields.items():
            definition = root.fields.get(nodes[0].name.value)
            spec = None if definition is None else declaration_of(definition)
            if definition is None or not isinstance(spec, RootRow | RootRows | Pages | Watched):
                return None
            found.append((key, nodes, definition))
        return found

    def _variables(self, prepared: Prepared, request: Request, actor: Actor) -> VariableValues | Answer:
        if prepared.variables is None:
            return NO_VARIABLES
        found = prepared.variables.coerce(request.variables, hints=actor.signed_in)
        return found if isinstance(found, VariableValues) else refuse(found, "BAD_VARIABLES")

    async def _charged(self, request: Request, context: Context) -> tuple[Prepared, VariableValues, bytes] | Answer:
        """Return what is ready to run, paid for, and its cost for the answer; or why it does not run."""
        ready = self._ready(request, context.actor)
        if self.budget is not None:
            known = not isinstance(ready, Answer) and ready[0].paid
            rows = 0 if isinstance(ready, Answer) else ready[2]
            points = OPERATION + rows + (0 if known else PREPARING)
            balance = await self.budget.spend(payer(context.actor, context.client), points)
            if balance is not None:
                context.headers.extend(balance.headers)
                if balance.wait:
                    return spent(balance, points)
        if isinstance(ready, Answer):
            return ready
        prepared, variables, cost = ready
        prepared.paid = True
        return prepared, variables, with_cost(cost, self._settings.max_cost)

    def _ready(self, request: Request, actor: Actor) -> tuple[Prepared, VariableValues, int] | Answer:
        prepared = self._prepare(request, actor)
        if isinstance(prepared, Answer):
            return prepared
        variables = self._variables(prepared, request, actor)
        if isinstance(variables, Answer):
            return variables
        if missing := prepared.refused(variables):
            return _refused(missing)
        try:
            cost, most = prepared.cost(variables), self._settings.max_cost
        except GraphQLError as error:  # a nullable variable that is null where its argument must not be
            return _without_a_value(error)
        if cost > most:
            words = f"a cost of {cost} rows (ask for smaller pages)"
            return refuse([too_much("cost", words, cost, most)], "COST_EXCEEDED", tail=with_cost(cost, most))
        return prepared, variables, cost

    # Queries and mutations

    async def execute(self, request: Request, context: Context) -> Answer:
        """Answer a query or a mutation. Never raises for anything that a client can send."""
        begun = perf_counter()
        ready = await self._charged(request, context)
        if isinstance(ready, Answer):
            return ready
        prepared, variables, tail = ready
        if prepared.operation.operation is OperationType.SUBSCRIPTION:
            return refuse_with("Subscriptions go over WebSocket or /graphql/stream.", "SUBSCRIPTION_TRANSPORT")
        with watch.span(prepared, request.query, context) as span:
            if prepared.roots is None:
                answer = await self._through_core(prepared, variables, request, context, tail)
            else:
                answer = await self._compiled(prepared, variables, context, tail)
            if answer.executed:
                watch.ran(prepared, context.actor, begun)
                if span is not None:
                    watch.name_span(span, prepared)
        return answer

    async def _compiled(self, prepared: Prepared, variables: VariableValues, context: Context, tail: bytes) -> Answer:
        call = Call(variables, context.actor)
        statements, asked = [], ""
        try:
            for key, nodes, definition in prepared.roots or ():
                asked = f"Query.{nodes[0].name.value}"
                statement = self._statement(prepared, variables, context.actor, nodes, definition)
                statements.append((key, statement, statement.parameters(call)))
        except BadArgument as bad:
            return refuse_with(str(bad), "BAD_ARGUMENT")
        except Forbidden as forbidden:
            return refuse([not_allowed(forbidden, asked)], "FORBIDDEN", 403)
        except GraphQLError as error:  # likewise, in an argument or a directive that costs nothing
            return _without_a_value(error)
        try:
            parts = await _fetch(statements)
        except BadArgument as bad:  # only its rows could tell
            return refuse_with(str(bad), "BAD_ARGUMENT")
        except Exception as error:  # whatever it is, the client gets an answer and the log an id
            hidden = masked(error, context.request_id)
            return Answer(orjson.dumps({"data": None, "errors": [hidden.formatted]})[:-1] + tail, executed=True)
        return Answer(b'{"data":{%b}%b' % (b",".join(parts), tail), executed=True)

    def _statement(
        self,
        prepared: Prepared,
        variables: VariableValues,
        actor: Actor,
        nodes: list[FieldNode],
        definition: GraphQLField,
        *,
        core: bool = False,
    ) -> Statement:
        """Return the compiled statement of a root field, an object of a payload, or a subscription's event."""
        plans = prepared.plans.setdefault((id(nodes[0]), core), Plans())
        found = plans.find(variables)
        if found is None:
            compiler = Compiler(self.schema, prepared.fragments, variables, actor, core)
            rooted = isinstance(declaration_of(definition), RootRow | RootRows | Pages)
            found = compiler.root(definition, nodes) if rooted else compiler.by_key(definition, nodes)
            plans.add(variables, compiler, found)
            metrics.COMPILED.inc()
        return found

    async def _through_core(
        self, prepared: Prepared, variables: VariableValues, request: Request, context: Context, tail: bytes
    ) -> Answer:
        """Execute with graphql-core: introspection and mutations; stored objects still come compiled."""
        running = Operation(context, self, prepared, variables)
        result: Any = execute(
            self.schema,
            prepared.document,
            context_value=running,
            variable_values=request.variables,
            operation_name=request.operation_name,
        )
        result = await result if hasattr(result, "__await__") else result
        if result.data is None and result.errors and all(not error.path for error in result.errors):
            return refuse(
                [wrong_argument(error) or masked(error, context.request_id) for error in result.errors], "BAD_REQUEST"
            )
        envelope: dict[str, Any] = {"data": result.data}
        if result.errors:
            root = prepared.operation.operation.value.capitalize()
            envelope["errors"] = [shown(error, context.request_id, root) for error in result.errors]
        return Answer(orjson.dumps(envelope)[:-1] + tail, executed=True)

    async def read(self, running: Operation, info: Any, key: int | list[int] | None) -> Any:
        """Return the JSON value of a declared field for graphql-core to walk; `key` names the row(s) to read back."""
        definition = info.parent_type.fields[info.field_name]
        statement = self._statement(
            running.prepared, running.variables, running.actor, info.field_nodes, definition, core=True
        )
        parameters = statement.parameters(Call(running.variables, running.actor, key))
        found = await read_pool().fetchval(statement.sql, *parameters)
        return orjson.loads(statement.answer(found))

    # Subscriptions

    async def subscribe(self, request: Request, context: Context) -> Answer | AsyncIterator[bytes]:
        """Return complete envelopes, the present state first; or why not. Close the iterator to leave."""
        begun = perf_counter()
        ready = await self._charged(request, context)
        if isinstance(ready, Answer):
            return ready
        prepared, variables, tail = ready
        if prepared.operation.operation is not OperationType.SUBSCRIPTION or prepared.roots is None:
            return await self.execute(request, context)
        key, nodes, definition = prepared.roots[0]
        spec = declaration_of(definition)
        assert isinstance(spec, Watched)  # noqa: S101 - _roots found it; this tells the type checker
        try:
            statement = self._statement(prepared, variables, context.actor, nodes, definition)
            arguments = FieldArguments(definition, nodes[0]).values(variables)
        except BadArgument as bad:
            return refuse_with(str(bad), "BAD_ARGUMENT")
        except GraphQLError as error:
            return _without_a_value(error)
        actor = context.actor

        async def read(row_key: int) -> bytes | None:
            parameters = statement.parameters(Call(variables, actor, row_key))
            found = await read_pool().fetchval(statement.sql, *parameters)
            return None if found is None else b'{"data":{"%b":%b}%b' % (key.encode(), compact(found), tail)

        same = (actor.key if statement.depends_on_actor else actor.library_id, prepared.key)
        feed_key = (*same, orjson.dumps(request.variables, option=orjson.OPT_SORT_KEYS))
        with watch.span(prepared, request.query, context) as span:
            try:
                events = await self._feeds.join(feed_key, lambda: spec.source(actor, **arguments), read)
            except BadArgument as bad:
                return refuse_with(str(bad), "BAD_ARGUMENT")
            watch.ran(prepared, actor, begun)
            if span is not None:
                watch.name_span(span, prepared)
        return events


async def _fetch(statements: list[tuple[str, Statement, list[Any]]]) -> list[bytes]:
    """Run the statements of a query on one connection, of the replica if there is one that answers."""
    replica = replica_pool()
    if replica is not None:
        try:
            return await _fetch_from(replica, statements)
        except (*UNAVAILABLE, asyncpg.SerializationError) as error:  # the second: a conflict with what it replays
            replica_failed(error)
    return await _fetch_from(read_pool(), statements)


async def _fetch_from(pool: Any, statements: list[tuple[str, Statement, list[Any]]]) -> list[bytes]:
    parts = []
    async with pool.acquire() as connection:
        for key, statement, parameters in statements:
            found = await connection.fetchval(statement.sql, *parameters)
            parts.append(b'"%b":%b' % (key.encode(), compact(statement.answer(found))))
    return parts


def compact(found: bytes) -> bytes:
    """Return JSON without the line breaks that json_agg puts between rows; inside a text they are escaped."""
    return found.replace(b", \n ", b",")


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | Answer:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if name is None and len(operations) == 1:
        return operations[0]
    if name is None:
        found = "no operation" if not operations else f"{len(operations)} operations: say operationName"
        return refuse_with(f"The document holds {found}.", "OPERATION_RESOLUTION_FAILED")
    for one in operations:
        if one.name and one.name.value == name:
            return one
    return refuse_with("The document holds no operation of that operationName.", "OPERATION_RESOLUTION_FAILED")


def _refused(errors: list[GraphQLError]) -> Answer:
    codes = {(error.extensions or {}).get("code") for error in errors}
    status = 401 if "UNAUTHENTICATED" in codes else 403 if "FORBIDDEN" in codes else 400
    return refuse(errors, "BAD_REQUEST", status)


def _without_a_value(error: GraphQLError) -> Answer:
    return refuse(
        [wrong_argument(error) or GraphQLError("A variable has no value where one is needed.")], "BAD_VARIABLES"
    )


def _has_directives(operation: OperationDefinitionNode, fragments: Fragments) -> bool:
    """Return whether the choice of root fields itself may depend on variables."""
    pending: list[Any] = list(operation.selection_set.selections)
    seen: set[str] = set()
    while pending:
        node = pending.pop()
        if node.directives:
            return True
        if isinstance(node, FieldNode):
            continue
        name = getattr(node, "name", None)
        if name is None:
            pending.extend(node.selection_set.selections)
        elif name.value not in seen:
            seen.add(name.value)
            pending.extend(fragments[name.value].selection_set.selections)
    return False


__all__ = ["Answer", "Engine", "Operation", "Request"]
