"""Five read workloads over HTTP: our API and the bare application with hand-written SQL, in alternating rounds."""

import asyncio
import base64
import http.client
import json
import random
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import asyncpg
import orjson
from bench import documents
from bench.house import ROOT, Child, House
from bench.meter import postgres_seconds, server_seconds
from bench.results import Result, judged

CONNECTIONS = 16
DIFFERENT = 500  # requests that differ from one another, per workload
COMPARED = 40  # of which so many answers are compared before anything is timed
TARGET = ">= 0.65"


@dataclass(frozen=True, slots=True)
class Workload:
    """One question asked again and again: variables for our API, the same as a path for the bare application."""

    name: str
    title: str
    document: str
    asked: list[tuple[dict[str, object], str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one round; cpu in milliseconds a request, of the server and of PostgreSQL."""

    rate: float
    server_cpu: float
    postgres_cpu: float
    client_cpu: float
    p50_ms: float
    p99_ms: float

    @property
    def cpu(self) -> float:
        return self.server_cpu + self.postgres_cpu


# A library's patrons in random order, with a barcode and the place in the list sorted by name.
SAMPLE = """
SELECT c.barcode, p.sort_key, p.id, m.group_id IS NOT NULL AS grouped, p.last_name, p.first_name
FROM patron p
JOIN LATERAL (SELECT barcode FROM card WHERE patron_id = p.id AND active ORDER BY id DESC LIMIT 1) c ON true
LEFT JOIN group_membership m ON m.patron_id = p.id
WHERE p.library_id = $1 ORDER BY hashint8(p.id) LIMIT 5000
"""

# The last thousand of a library's list, or half of a short one: after them no full page follows.
LAST_PLACES = """
SELECT id FROM patron WHERE library_id = $1 ORDER BY sort_key DESC, id DESC
LIMIT (SELECT least(1000, count(*) / 2) FROM patron WHERE library_id = $1)
"""


def beginning(row: asyncpg.Record, letters: int) -> str:
    """Return what staff type to find a patron: some letters of the family name, or all of it and a given letter."""
    last: str = row["last_name"]
    return f"{last[:letters]}," if letters else f"{last}, {row['first_name'][:1]}"


def folded(text: str) -> str:
    """Return the beginning of the name that a search with a comma asks for."""
    return " ".join(text.replace(",", " ").split())


async def workloads(connection: "asyncpg.Connection[asyncpg.Record]", library: int) -> list[Workload]:
    """Return the five with the parameters of their requests, drawn from the library's patrons."""
    sample = await connection.fetch(SAMPLE, library)
    late = {row["id"] for row in await connection.fetch(LAST_PLACES, library)}
    picked = random.Random(2)
    barcodes = [row["barcode"] for row in sample][:DIFFERENT]
    grouped = [row["barcode"] for row in sample if row["grouped"]][:DIFFERENT]
    places = [row for row in sample if row["id"] not in late][:DIFFERENT]
    texts = [beginning(row, picked.randrange(5)) for row in sample if len(row["last_name"]) > 3][:DIFFERENT]
    path = f"/{{}}/{library}/"

    def after(row: asyncpg.Record) -> dict[str, object]:
        return {"after": base64.b64encode(orjson.dumps([row["sort_key"], row["id"]])).decode()}

    def place(row: asyncpg.Record) -> str:
        return f"{quote(row['sort_key'], safe='')}/{row['id']}"

    by_barcode = [({"barcode": barcode}, quote(barcode)) for barcode in barcodes]
    detail = [({"barcode": barcode}, quote(barcode)) for barcode in grouped]
    pages = [(after(row), place(row)) for row in places]
    searches: list[tuple[dict[str, object], str]] = [({"text": text}, quote(folded(text))) for text in texts]
    asked: dict[str, list[tuple[dict[str, object], str]]] = {
        "q1": by_barcode, "q2": detail, "q3": pages, "q4": searches, "q5": pages,
    }  # fmt: skip
    return [
        Workload(name, title, document, [(v, path.format(name) + rest) for v, rest in asked[name]])
        for name, (title, document) in documents.ALL.items()
    ]


def our_request(workload: Workload, variables: dict[str, object], token: str) -> bytes:
    """Return the bytes of one request to our API."""
    body = orjson.dumps({"query": workload.document, "variables": variables})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def bare_request(path: str) -> bytes:
    """Return the bytes of one request to the bare application."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n".encode()


def _exchange(port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {text[:2000].decode(errors='replace')}")
        return json.loads(text)
    finally:
        connection.close()


def ask_ours(api: Child, document: str, variables: dict[str, object], token: str) -> Any:
    """Return our API's answer to one operation, parsed."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _exchange(api.port, "POST", "/graphql", orjson.dumps({"query": document, "variables": variables}), headers)


def first_difference(ours: Any, reference: Any, where: str = "$") -> str | None:
    """Return where two parsed answers differ first, or None; the order of an object's members counts too."""
    if type(ours) is not type(reference):
        return f"{where}: {str(ours)[:300]!r} / {str(reference)[:300]!r}"
    if isinstance(ours, dict):
        if list(ours) != list(reference):
            return f"{where}: members {list(ours)} / {list(reference)}"
        inner = ((ours[key], reference[key], f"{where}.{key}") for key in ours)
    elif isinstance(ours, list):
        if len(ours) != len(reference):
            return f"{where}: {len(ours)} / {len(reference)} entries"
        inner = ((a, b, f"{where}[{n}]") for n, (a, b) in enumerate(zip(ours, reference, strict=True)))
    else:
        return None if ours == reference else f"{where}: {ours!r} / {reference!r}"
    return next((found for a, b, at in inner if (found := first_difference(a, b, at)) is not None), None)


def compare(workload: Workload, api: Child, bare: Child, token: str) -> None:
    """Refuse to go on unless both servers give the same answer to the first requests."""
    for variables, path in workload.asked[:COMPARED]:
        ours = ask_ours(api, workload.document, variables, token)
        ours.pop("extensions")  # what the operation cost, which the bare application does not count
        reference = _exchange(bare.port, "GET", path, None, {})
        found = first_difference(ours, reference)
        if found is not None:
            raise SystemExit(f"{workload.name} {variables}: ours / reference differ at {found}")


class Client:
    """A load client process per server and workload, started once and asked for one round at a time."""

    def __init__(self, house: House, name: str, server: Child, requests: list[bytes], seconds: float) -> None:
        self.house = house
        self.server = server
        self.plan = house.folder / f"{name}.json"
        plan = {
            "host": "127.0.0.1",
            "port": server.port,
            "connections": CONNECTIONS,
            "warmup": min(1.0, seconds / 2),
            "seconds": seconds,
            "requests": [request.decode("latin-1") for request in requests],
        }
        self.plan.write_text(json.dumps(plan))

    def round(self) -> Round:
        """Run one round: connect, warm up, measure."""
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.load", str(self.plan)], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "ready":
                raise SystemExit("the load client did not start")
            server, postgres = server_seconds(self.server.pid), postgres_seconds(self.house.postmaster)
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()
            server = server_seconds(self.server.pid) - server
            postgres = postgres_seconds(self.house.postmaster) - postgres
        finally:
            process.stdin.close()
            process.wait(30)
        found = json.loads(line)
        if found["failed"]:
            raise SystemExit(f"{found['failed']} requests failed, the first with: {found['first_failure']}")
        count = found["requests"]
        return Round(
            count / found["seconds"],
            server / count * 1000,
            postgres / count * 1000,
            found["client_cpu"],
            found["p50_ms"],
            found["p99_ms"],
        )


def measure(workload: Workload, ours: Client, bare: Client, rounds: int) -> Result:
    """Alternate the two servers and return the median of the ratios of neighbouring rounds."""
    pairs = [(ours.round(), bare.round()) for _ in range(rounds)]
    ratios = [one.rate / other.rate for one, other in pairs]
    mine, theirs = [one for one, _ in pairs], [other for _, other in pairs]

    def middle(rounds: list[Round], name: str) -> float:
        return float(statistics.median(getattr(one, name) for one in rounds))

    note = (
        f"CPU ms server+PG {middle(mine, 'server_cpu'):.2f}+{middle(mine, 'postgres_cpu'):.2f}"
        f" / {middle(theirs, 'server_cpu'):.2f}+{middle(theirs, 'postgres_cpu'):.2f};"
        f" p50 ms {middle(mine, 'p50_ms'):.1f} / {middle(theirs, 'p50_ms'):.1f};"
        f" p99 ms {middle(mine, 'p99_ms'):.1f} / {middle(theirs, 'p99_ms'):.1f};"
        f" client {middle(mine, 'client_cpu'):.0%} / {middle(theirs, 'client_cpu'):.0%} of a core;"
        f" ratios {min(ratios):.2f} to {max(ratios):.2f}"
    )
    return judged(
        f"{workload.name} {workload.title}",
        "requests/s",
        middle(mine, "rate"),
        middle(theirs, "rate"),
        ratio=statistics.median(ratios),
        target=TARGET,
        cpu_ours=middle(mine, "cpu"),
        cpu_reference=middle(theirs, "cpu"),
        note=note,
    )


async def prepared(house: House, library: int) -> list[Workload]:
    connection = await house.connect()
    try:
        return await workloads(connection, library)
    finally:
        await connection.close()


def run(house: House, api: Child, library: int, token: str, *, seconds: float, rounds: int) -> list[Result]:
    """Compare and measure all five. Raises SystemExit when an answer differs or a request fails."""
    bare = house.start_reference()
    results = []
    try:
        for workload in asyncio.run(prepared(house, library)):
            compare(workload, api, bare, token)
            mine = [our_request(workload, variables, token) for variables, _ in workload.asked]
            theirs = [bare_request(path) for _, path in workload.asked]
            ours = Client(house, f"{workload.name}-ours", api, mine, seconds)
            other = Client(house, f"{workload.name}-reference", bare, theirs, seconds)
            results.append(measure(workload, ours, other, rounds))
    finally:
        house.stop(bare)
    return results
