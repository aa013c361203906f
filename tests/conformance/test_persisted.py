"""Persisted documents: Apollo Client and urql ask for them as they do, and fall back to the text as they should."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.node import run
from tests.fixtures_api import serving
from tests.town import Town

from patrongraph.settings import Settings

# As both clients print it.
QUERY = "query Who {\n  viewer {\n    __typename\n  }\n}"
OTHER = "query Other {\n  viewer {\n    __typename\n  }\n}"
BY_HASH = ["extensions", "operationName"]


@pytest.fixture(scope="module", params=["off", "allowed", "only"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(mode: str, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("persisted")
    (folder / "documents.json").write_text(json.dumps({hashlib.sha256(QUERY.encode()).hexdigest(): QUERY}))
    with serving(settings, folder / "log", documents=str(folder), documents_mode=mode) as running:
        yield running


@pytest.mark.parametrize("get", [False, True], ids=["post", "get"])
@pytest.mark.parametrize("client", ["apollo", "urql"])
async def test_a_client(url: str, town: Town, mode: str, client: str, get: bool) -> None:
    token = f"Bearer {await town.token()}"
    for query in (QUERY, OTHER):
        found = await run("persisted.mjs", client=client, url=f"{url}/graphql", token=token, query=query, get=get)
        first, *then = found["requests"]
        parts = [name for name in first["parts"] if name != "variables"]
        assert (first["method"], parts) == ("GET" if get else "POST", BY_HASH)
        if mode == "off" or query is OTHER:
            assert first["status"] == 400
            [retry] = then
            assert "query" in retry["parts"]
        else:
            assert (first["status"], then) == (200, [])
        if mode == "only" and query is OTHER:
            assert found["errors"][0]["extensions"]["code"] == "QUERY_NOT_IN_SAFELIST"
        else:
            assert found["data"]["viewer"]["__typename"] == "TokenViewer"
