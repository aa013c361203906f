"""Libraries that lend, and a worker in this process that purges."""

import pytest_asyncio
from tests.clients import Api
from tests.erasure.conftest import quick, work
from tests.statistics.lending import Lender
from tests.town import Town

from patrongraph.permissions import Permission


@pytest_asyncio.fixture
async def lender(town: Town) -> Lender:
    """The library NORTH, which lends."""
    return Lender(town)


@pytest_asyncio.fixture
async def reports(api: Api, town: Town) -> Api:
    """A client that may see reports of NORTH, and nothing else."""
    api.token = await town.token(Permission.REPORTS_VIEW)
    return api


__all__ = ["lender", "quick", "reports", "work"]
