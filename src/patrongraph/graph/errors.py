"""Errors as clients see them: a message that helps, a stable code, and for a bug only an id that is in the log."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from graphql import FieldNode, GraphQLError

from patrongraph import logs, metrics
from patrongraph.graph.ids import BadArgument
from patrongraph.graph.payers import Balance
from patrongraph.graph.values import wrong_argument
from patrongraph.permissions import Forbidden
from patrongraph.settings import get_settings

log = logging.getLogger("patrongraph.graph")

RATE_LIMITED = "RATE_LIMITED"
LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
UNAVAILABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server said goodbye to an idle connection, and its end has not come in yet
)
"""What an absent database raises."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete JSON envelope. `executed` is False when the request was refused before anything ran."""

    body: bytes
    executed: bool
    status: int = 200


def with_code(error: GraphQLError, code: str) -> GraphQLError:
    """Return the error with a code, unless it has one."""
    extensions = {"code": code, **(error.extensions or {})}
    return GraphQLError(
        error.message, error.nodes, error.source, error.positions, error.path, error.original_error, extensions
    )


def refuse(errors: Sequence[GraphQLError], code: str, status: int = 400, tail: bytes = b"}") -> Answer:
    """Return the answer to a request that did not run; `tail` ends the envelope."""
    metrics.REFUSED.labels((errors[0].extensions or {}).get("code", code) if errors else code).inc()
    formatted = [with_code(error, code).formatted for error in errors]
    return Answer(orjson.dumps({"errors": formatted})[:-1] + tail, executed=False, status=status)


def refuse_with(message: str, code: str, status: int = 400) -> Answer:
    """Return the answer to a request that did not run, from one message."""
    return refuse([GraphQLError(message)], code, status)


def with_cost(cost: int, most: int) -> bytes:
    """Return the end of an envelope that says what the operation may cost, and what is allowed."""
    return b',"extensions":{"cost":{"requested":%d,"limit":%d}}}' % (cost, most)


def spent(balance: Balance, points: int) -> Answer:
    """Return the refusal of an operation for which there are not enough points."""
    return refuse([too_poor(balance, points)], RATE_LIMITED, 429)


def too_poor(balance: Balance, points: int) -> GraphQLError:
    """Return the error that says how many points there are, and when there are enough."""
    left = max(0, math.floor(balance.left))
    message = (
        f"This operation costs {points} points, and {left} of {balance.size} a minute are left: "
        f"try again in {balance.wait} s."
    )
    told = {"requested": points, "left": left, "limit": balance.size, "retryAfter": balance.wait}
    return GraphQLError(message, extensions={"code": RATE_LIMITED, **told})


def too_much(what: str, words: str, found: int, most: int, node: Any = None) -> GraphQLError:
    """Return the refusal of an operation that is larger than a limit, with the figure and the limit."""
    message = f"Too much at once: this operation has {words}, and {most} are allowed."
    code = "COST_EXCEEDED" if what == "cost" else LIMIT_EXCEEDED
    return GraphQLError(message, node, extensions={"code": code, "what": what, "requested": found, "limit": most})


def masked(error: BaseException, request_id: str) -> GraphQLError:
    """Log a bug by class and place under the request's id; return what the client sees: the id and advice."""
    if isinstance(error, asyncpg.QueryCanceledError):
        metrics.FAULTS.labels("TIMEOUT").inc()
        most = get_settings()
        message = (
            f"The database took longer than is allowed ({most.statement_timeout_ms} ms to read, "
            f"{most.write_timeout_ms} ms to write): ask for less at once, or try again."
        )
        return GraphQLError(message, extensions={"code": "TIMEOUT"})
    logs.fault(log, error, request_id=request_id)
    if isinstance(error, UNAVAILABLE):
        metrics.FAULTS.labels("UNAVAILABLE").inc()
        message = f"The database is not available at the moment. Try again. (Number {request_id}.)"
        return GraphQLError(message, extensions={"code": "UNAVAILABLE"})
    metrics.FAULTS.labels("INTERNAL").inc()
    message = f"Something went wrong on our side. Give your administrator this number: {request_id}."
    return GraphQLError(message, extensions={"code": "INTERNAL"})


def not_allowed(forbidden: Forbidden, field: str) -> GraphQLError:
    """Return the refusal of a field for its arguments, with the same extensions as one for the field itself."""
    extensions = {"code": "FORBIDDEN", "field": field, "permission": forbidden.permission.value}
    return GraphQLError(str(forbidden), extensions=extensions)


def shown(error: GraphQLError, request_id: str, root: str) -> dict[str, Any]:
    """Return one error of an execution, masked unless it was meant for the client; `root` is Query or Mutation."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        # What graphql-core says itself is about an argument, or quotes a value that a field could not have.
        argument = wrong_argument(error)
        if argument is not None:
            return dict(with_code(argument, "BAD_VARIABLES").formatted)
        return {**masked(error, request_id).formatted, "path": error.path}
    if isinstance(original, BadArgument):
        visible = GraphQLError(str(original), error.nodes, path=error.path, extensions={"code": "BAD_ARGUMENT"})
        return dict(visible.formatted)
    if isinstance(original, Forbidden):
        names = [node.name.value for node in error.nodes or () if isinstance(node, FieldNode)]
        refused = not_allowed(original, ".".join([root, *names[:1]]))
        visible = GraphQLError(refused.message, error.nodes, path=error.path, extensions=refused.extensions)
        return dict(visible.formatted)
    hidden = masked(original, request_id)
    return {**hidden.formatted, "path": error.path}
