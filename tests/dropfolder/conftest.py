"""A drop folder in a temporary place, a looker and a worker in this process, and workers as processes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.erasure.conftest import start_worker, until, working
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.imports.dropfolder import place_of
from patrongraph.imports.dropfolder.place import Place
from patrongraph.imports.dropfolder.rounds import Looker
from patrongraph.settings import Settings, use_settings

UNFINISHED_JOBS = "SELECT count(*)::int FROM job WHERE finished_at IS NULL"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The drop folder."""
    made = tmp_path / "drop"
    made.mkdir()
    return made


@pytest.fixture
def quick(settings: Settings, database: ModuleType, root: Path) -> Iterator[Settings]:
    """Settings of a worker that looks often, holds short leases and takes ten rows a chunk."""
    changed = settings.model_copy(
        update={
            "job_poll_seconds": 0.1, "job_lease_seconds": 2.0, "chunk_loans": 100, "job_concurrency": 2,
            "chunk_import_rows": 10, "import_folder": str(root), "import_folder_seconds": 0.2,
        }
    )  # fmt: skip
    use_settings(changed)
    yield changed
    use_settings(settings)


@dataclass
class Drop:
    """The drop folder of a library as those see it who put files there."""

    root: Path
    settings: Settings
    looker: Looker
    library: str = "NORTH"

    def put(self, name: str, content: str | bytes, folder: str = "status") -> Path:
        path = self.root / self.library / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def names(self, folder: str) -> list[str]:
        """The names in a folder, hidden ones too."""
        path = self.root / self.library / folder
        return sorted(one.name for one in path.iterdir()) if path.is_dir() else []

    def everything(self) -> list[str]:
        """Every file below the root."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir())

    def report(self, folder: str = "done") -> dict[str, Any]:
        """The only report in a folder."""
        [name] = [name for name in self.names(folder) if name.endswith(".report.json")]
        found: dict[str, Any] = orjson.loads((self.root / self.library / folder / name).read_bytes())
        return found

    def text(self, folder: str, end: str) -> str:
        [name] = [name for name in self.names(folder) if name.endswith(end)]
        return (self.root / self.library / folder / name).read_text("utf-8-sig")

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.looker.look()

    async def to_the_end(self) -> None:
        """Look twice, work until no job is left, and look again."""
        await self.look(2)
        async with working(self.settings):
            await wait_until(self._no_jobs)
        await self.look(2)

    async def _no_jobs(self) -> bool:
        return await db.value(UNFINISHED_JOBS) == 0


@pytest.fixture
def place(quick: Settings) -> Place:
    made = place_of(quick)
    assert made is not None
    return made


@pytest.fixture
def drop(root: Path, quick: Settings, place: Place) -> Drop:
    return Drop(root, quick, Looker(place, quick))


@pytest_asyncio.fixture
async def pupils(town: Town) -> AsyncIterator[list[int]]:
    """Ten ACTIVE patrons with the usernames pupil1, pupil2, ….."""
    ids = await town.patrons(10, status="ACTIVE")
    for number, patron in enumerate(ids, 1):
        await db.rows("UPDATE patron SET username = $2 WHERE id = $1 RETURNING id", patron, f"pupil{number}")
    yield ids


Statuses = Callable[[], Awaitable[list[str]]]


@pytest.fixture
def statuses(town: Town) -> Statuses:
    async def found() -> list[str]:
        rows = await db.rows("SELECT status FROM patron WHERE library_id = $1 ORDER BY id", town.id)
        return [row["status"] for row in rows]

    return found


__all__ = ["start_worker", "until"]
