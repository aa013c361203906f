"""Two libraries with staff; actors are made the way the door makes them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio

from patrongraph.context import Actor, system_actor
from patrongraph.libraries import actions as libraries
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.staff import actions, identify

PASSWORD = "seven quiet herons"


@dataclass(frozen=True)
class Town:
    """A library, its operator, and anna, who may do everything."""

    code: str
    library_id: int
    operator: Actor
    anna: int


@pytest.fixture(autouse=True)
def _empty_memory() -> None:
    identify.forget_all()


async def _found(code: str) -> Town:
    library_id = await libraries.create(code, f"{code} public library")
    operator = system_actor(library_id)
    anna = await actions.create_staff(operator, "anna", PASSWORD, permissions=ALL_PERMISSIONS)
    return Town(code, library_id, operator, anna)


@pytest_asyncio.fixture
async def north(database: ModuleType) -> Town:
    return await _found("NORTH")


@pytest_asyncio.fixture
async def south(database: ModuleType) -> Town:
    return await _found("SOUTH")


SignedIn = Callable[..., Awaitable[Actor]]


@pytest.fixture
def signed_in() -> SignedIn:
    """Sign somebody in and return the actor, with the session's token as the door got it."""

    async def sign_in(town: Town, username: str = "anna", password: str = PASSWORD) -> Any:
        token = await actions.sign_in(username, password, town.code)
        return await identify.identify(session_token=token, authorization=None)

    return sign_in
