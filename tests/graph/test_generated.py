"""Operations that nobody thought of are answered alike by SQL, by graphql-core and by the reference.

GRAPH_EXAMPLES=5000 asks for more of them, and for other ones each time.
"""

import os

from hypothesis import HealthCheck, Phase, event, given, note, settings
from tests.graph.conftest import Ways
from tests.graph.generated import Drawn, operations

from patrongraph.graph.engine import Request

ASKED_FOR = os.environ.get("GRAPH_EXAMPLES")
EXAMPLES = int(ASKED_FOR or 150)


@given(drawn=operations())
@settings(
    max_examples=EXAMPLES,
    derandomize=ASKED_FOR is None,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    # The fixtures only hold what is read, so examples may share them; selections are large by nature.
    suppress_health_check=list(HealthCheck),
)
async def test_generated_operations(ways: Ways, drawn: Drawn) -> None:
    for variables, who in drawn.asked:
        note(f"{drawn.query}\n{variables}\n{who}")
        await ways.agree(drawn.query, who, variables, fast=False)
    prepared = ways.engine._prepare(Request(drawn.query), drawn.asked[0][1])
    event("compiled" if getattr(prepared, "roots", None) is not None else "through core")
