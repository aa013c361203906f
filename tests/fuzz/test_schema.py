"""Every query and mutation of the schema, as schemathesis draws them: right ones and wrong ones, and never a fault."""

from typing import Any

import pytest
import schemathesis
from hypothesis import strategies as st
from hypothesis_graphql import nodes
from schemathesis import GenerationMode
from tests.fuzz import drawing
from tests.fuzz.hunting import hunt
from tests.fuzz.target import Target

from patrongraph.schema import schema

days = st.dates().map(lambda day: day.isoformat())
moments = st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
amounts = st.decimals(allow_nan=False, allow_infinity=False).map(str)
# A file is never a literal: any is refused, which only the form of an upload is not.
schemathesis.graphql.scalar("Upload", st.text().map(nodes.String))
for scalar, right in {
    "ID": drawing.right_ids | drawing.ids,
    "Date": days | st.text(),
    "DateTime": moments | st.text(),
    "Decimal": amounts | st.text(),
}.items():
    schemathesis.graphql.scalar(scalar, right.map(nodes.String))

OPERATIONS = [found.ok() for found in schemathesis.graphql.from_file(schema.as_str()).get_all_operations()]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_any_operation(target: Target, mode: GenerationMode) -> None:
    def check(case: Any) -> None:
        response = case.call(base_url=f"{target.url}/graphql", headers={"Authorization": f"Bearer {target.token}"})
        target.heard(response.status_code, response.headers, response.content)

    drawn = st.one_of([operation.as_strategy(generation_mode=mode) for operation in OPERATIONS])
    hunt(f"operations that are {mode.value}", drawn, check, 100)
    assert target.executed + target.refused >= 100
