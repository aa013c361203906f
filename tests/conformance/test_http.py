"""GraphQL over HTTP: every audit of npm's graphql-http, against the running API."""

from collections import Counter

from tests.clients import Api
from tests.conformance.node import run
from tests.town import Town


async def test_every_audit(api: Api, town: Town) -> None:
    # With a token: four audits introspect, and that is for the signed-in.
    headers = {"authorization": f"Bearer {await town.token()}"}
    found = await run("audits.mjs", url=f"{api.url}/graphql", headers=headers)
    assert [audit for audit in found if audit["status"] != "ok"] == []
    levels = Counter(audit["name"].split()[0] for audit in found)
    print(f"\nGraphQL over HTTP: {len(found)} audits pass: {dict(levels)}")
    assert levels == {"MUST": 13, "SHOULD": 23, "MAY": 25}
