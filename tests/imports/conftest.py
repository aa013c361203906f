"""Workers that take small chunks, in this process and as processes, for the files that workers import."""

from types import ModuleType

import pytest
from tests.erasure.conftest import start_worker, until, work

from patrongraph.settings import Settings, use_settings


@pytest.fixture
def quick(settings: Settings, database: ModuleType) -> Settings:
    """Settings of a worker that looks often, holds short leases and takes ten rows a chunk."""
    changed = settings.model_copy(
        update={
            "job_poll_seconds": 0.1,
            "job_lease_seconds": 2.0,
            "chunk_loans": 100,
            "job_concurrency": 2,
            "chunk_import_rows": 10,
        }
    )
    use_settings(changed)
    return changed


__all__ = ["start_worker", "until", "work"]
