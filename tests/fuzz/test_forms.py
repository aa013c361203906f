"""Multipart forms, however they are put together, spoilt, cut off and cut into pieces: a 2xx or a 4xx."""

import itertools
import json

from hypothesis import strategies as st
from tests.fuzz import drawing
from tests.fuzz.doors import exchange
from tests.fuzz.hunting import hunt
from tests.transport.peer import People
from tests.transport.uploads import END, FORM, engine, form, operations, part

from patrongraph.graph.door import Door
from patrongraph.graph.http import GraphQLOverHTTP

texts = st.sampled_from(
    [
        operations(),
        operations("mutation($file: Upload) { nothing(file: $file) }"),
        operations("mutation($input: KeepInput!) { keepInput(input: $input) }", {"input": {"note": "", "file": None}}),
        operations("query($file: Upload) { hello(file: $file) }"),
        '{"0": ["variables.file"]}',
        '{"0": ["variables.input.file"]}',
    ]
)
parts = st.builds(
    part,
    st.sampled_from(["operations", "map", "0", "1"]) | st.none(),
    texts | st.binary() | drawing.requests.map(json.dumps) | drawing.values.map(json.dumps),
    filename=st.none() | st.sampled_from(["a.csv", "å", ""]),
    headers=st.lists(
        st.sampled_from(["Content-Type: text/csv", "Content-Disposition: form-data", "x", ""]), max_size=2
    ),
)
usual = st.tuples(
    st.builds(part, st.just("operations"), texts),
    st.builds(part, st.just("map"), texts | st.dictionaries(st.text(), st.lists(st.text())).map(json.dumps)),
    st.builds(part, st.just("0"), st.binary(), filename=st.just("a.csv")),
)
forms = st.builds(
    lambda chosen, end, cut: b"".join((*chosen, end))[: None if cut < 0 else cut],
    usual | st.lists(parts, max_size=5),
    st.sampled_from([END, END[:-4], b"", END + b"more"]),
    st.integers(-1, 400),
)
spoilt = st.builds(
    lambda body, at, value: body[: at % len(body)] + value + body[at % len(body) + 1 :],
    st.binary(max_size=50).map(form),
    st.integers(0, 1000),
    st.binary(max_size=3),
)
types = st.just(FORM["content-type"].encode()) | st.binary(max_size=60).map(b"multipart/form-data;".__add__)


def test_any_form() -> None:
    def check(example: tuple[bytes, list[int], bytes]) -> None:
        body, cuts, content_type = example
        at = [0, *sorted(cuts), len(body)]
        pieces = [body[begin:end] for begin, end in itertools.pairwise(at)]
        taking = Door(engine=engine(), identify=People().identify, max_body_bytes=400, max_upload_bytes=40)
        for authorization in (b"Bearer good", b"Bearer weak"):
            headers = {"content-type": content_type, "authorization": authorization}
            assert 200 <= exchange(GraphQLOverHTTP(taking), pieces, headers=headers) < 500

    cuts = st.lists(st.integers(0, 600), max_size=4)
    hunt("forms", st.tuples(forms | spoilt | st.binary(), cuts, types), check, 300)
