"""`patrongraph import`: what it prints, and how it ends."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

from tests.imports.support import BASE, counts, write

RunCli = Callable[..., "CompletedProcess[str]"]


async def test_good_snapshot_ends_with_0(database: ModuleType, run_cli: RunCli, tmp_path: Path) -> None:
    folder = write(tmp_path / "s", BASE)
    done = await asyncio.to_thread(run_cli, "import", str(folder))
    assert done.returncode == 0, done.stderr
    assert "patrons.csv" in done.stdout
    assert "1 library, 1 of them new" in done.stdout
    again = await asyncio.to_thread(run_cli, "import", str(folder), "--json")
    report = json.loads(again.stdout)
    assert (again.returncode, report["accepted"], report["unchanged"]) == (0, 0, 12)


async def test_rejected_rows_end_with_3(database: ModuleType, run_cli: RunCli, tmp_path: Path) -> None:
    files = {"patrons": ["#library,barcode,expires_on", "AA,a,2030-01-01", "AA,b,never"]}
    folder, rejected = write(tmp_path / "s", files), tmp_path / "rejected.csv"
    done = await asyncio.to_thread(run_cli, "import", str(folder), "--rejected", str(rejected))
    assert done.returncode == 3
    assert 'patrons.csv line 3 (b): expires_on "never" is not a date; write YYYY-MM-DD.' in done.stderr
    assert rejected.read_text().splitlines()[1:] == [
        'patrons.csv,3,expires_on,b,"""never"" is not a date; write YYYY-MM-DD"'
    ]
    assert await counts("patron") == {"patron": 1}


async def test_nothing_done_ends_with_1(database: ModuleType, run_cli: RunCli, tmp_path: Path) -> None:
    done = await asyncio.to_thread(run_cli, "import", str(tmp_path / "absent"))
    assert (done.returncode, "does not exist" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
    folder = write(tmp_path / "s", {"patrons": ["#library,barcode,expires_on", "AA,b,never"]})
    assert (await asyncio.to_thread(run_cli, "import", str(folder))).returncode == 1
    assert await counts("library", "patron") == {"library": 0, "patron": 0}
