"""`make yearly` in small: by every path a library's patrons come, change and go, and each row is accounted for."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.yearly import go

from patrongraph.settings import Settings


async def test_a_year(database: ModuleType, quick: Settings, start_worker: Callable[..., Any], tmp_path: Path) -> None:
    start_worker(PATRONGRAPH_CHUNK_IMPORT_ROWS="70")
    steps = {step.name: step for step in await go(quick, tmp_path, 200)}
    found = {name: (step.rows, step.counts) for name, step in steps.items() if "rollover" not in name}
    purged = found.pop("purge with retention")
    active = found["EVERGREEN, all changed"][1]
    assert found.pop("snapshot")[1].keys() == {"created"}
    assert found == {
        "PATRONS, all new": (202, {"created": 200, "rejected": 2}),
        "PATRONS, the same again": (202, {"unchanged": 200, "rejected": 2}),
        "KOHA, all changed": (202, {"updated": 200, "rejected": 2}),
        "EVERGREEN, all changed": (202, active),
        "FOLIO, all changed": (202, {"updated": 200, "rejected": 2}),
        "STATUS, all deactivated": (202, {"deactivated": 200, "rejected": 2}),
        "STATUS, all unknown": (200, {"rejected": 200}),
        "STATUS by the drop folder": (202, {"reactivated": 200, "rejected": 2}),
        "PATRONS, a tenth is missing": (180, {"unchanged": 180, "missing_deactivated": 20}),
        "PATRONS, into cohorts": (200, {"updated": 200}),
    }
    assert active["updated"] == 200
    assert purged[0] >= purged[1]["purged"] > 0
    assert purged[1]["loans counted"] == 1000
    # The hundred of the second year graduate; a tenth of all is inactive already.
    assert steps["rollover"].counts["moving"] == steps["rollover, undone"].rows == 200
    assert steps["rollover"].counts["deactivated"] == 90
