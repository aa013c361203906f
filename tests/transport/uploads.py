"""What sends uploads: the parts of a multipart request, right or wrong; and a real engine with mutations for them."""

import json
from collections.abc import Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from tests.transport.peer import serving

from patrongraph.graph.attach import attach
from patrongraph.graph.declare import mutation
from patrongraph.graph.engine import Engine, Operation
from patrongraph.graph.scalars import SCALARS, Upload
from patrongraph.permissions import Permission
from patrongraph.settings import Settings

BOUNDARY = "a-boundary"
QUERY = "mutation($file: Upload!) { keep(file: $file) }"


@dataclass(frozen=True)
class Kept:
    """What the mutation was given; `on_disk` is whether it lay in a temporary file."""

    filename: str
    size: int
    sha256: str
    content: bytes
    on_disk: bool
    upload: Upload


KEPT: list[Kept] = []


def keep_one(file: Upload) -> int:
    on_disk = file.file.name is not None
    KEPT.append(Kept(file.filename, file.size, file.sha256, file.file.read(), on_disk, file))
    return file.size


@strawberry.input
class KeepInput:
    note: str
    file: Upload


@strawberry.input
class KeepAllInput:
    files: list[Upload | None]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, file: Upload | None = None) -> str:
        return "hello"


@strawberry.type
class Mutation:
    @mutation("Keep a file.", permission=Permission.AUDIT_VIEW)
    async def keep(self, info: strawberry.Info[Operation], file: Upload) -> int:
        return keep_one(file)

    @mutation("Keep a file of an input.", permission=Permission.AUDIT_VIEW)
    async def keep_input(self, info: strawberry.Info[Operation], input: KeepInput) -> int:
        return keep_one(input.file)

    @mutation("Keep a file of a list.", permission=Permission.AUDIT_VIEW)
    async def keep_all(self, info: strawberry.Info[Operation], input: KeepAllInput) -> int:
        return sum(keep_one(file) for file in input.files if file)

    @mutation("Fail with the file open.", permission=Permission.AUDIT_VIEW)
    async def fail(self, info: strawberry.Info[Operation], file: Upload) -> int:
        keep_one(file)
        raise SystemError("Anna Andersson, 1234567890")

    @mutation("What only others may.", permission=Permission.STAFF_MANAGE)
    async def forbidden(self, info: strawberry.Info[Operation], file: Upload) -> int:
        return keep_one(file)

    @mutation("A text.", permission=Permission.AUDIT_VIEW)
    async def say(self, info: strawberry.Info[Operation], text: str) -> int:
        return len(text)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def never(self, file: Upload) -> int:
        yield 1


SCHEMA = attach(
    strawberry.Schema(
        query=Query, mutation=Mutation, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALARS)
    )
)


def engine() -> Engine:
    return Engine(SCHEMA, Settings())


@asynccontextmanager
async def taking_files(**options: Any):
    """Serve the schema above by the real engine; no database is needed."""
    KEPT.clear()
    async with serving(engine=engine(), **options) as peer:
        yield peer


def part(name: str | None, content: bytes | str, *, filename: str | None = None, headers: Iterable[str] = ()) -> bytes:
    """Return one part with its boundary in front."""
    lines = [f"--{BOUNDARY}"]
    if name is not None:
        more = "" if filename is None else f'; filename="{filename}"'
        lines.append(f'Content-Disposition: form-data; name="{name}"{more}')
    lines += headers
    content = content.encode() if isinstance(content, str) else content
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def operations(query: str = QUERY, variables: Any = {"file": None}, **more: Any) -> str:  # noqa: B006
    return json.dumps({"query": query, "variables": variables, **more})


def form(
    content: bytes | str = b"username,enabled\r\n",
    *,
    query: str = QUERY,
    variables: Any = {"file": None},  # noqa: B006
    path: str = "variables.file",
    filename: str | None = "people.csv",
) -> bytes:
    """Return the body of a right request."""
    return b"".join(
        (
            part("operations", operations(query, variables)),
            part("map", json.dumps({"0": [path]})),
            part("0", content, filename=filename, headers=["Content-Type: text/csv"]),
            END,
        )
    )


FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
