"""What the fuzz targets send: nearly right things as often as wild ones, for those get further."""

import base64
import json
from typing import Any

from hypothesis import strategies as st
from tests.transport.frames import BINARY, CLOSE, PING, PONG, TEXT, frame


def mostly(right: st.SearchStrategy[Any], wild: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw something right, and one time in five something wild in its place."""
    return st.integers(0, 4).flatmap(lambda chance: wild if chance == 4 else right)


NASTY = ("\0", "a\0b", "\ud800", "\U0010ffff", "\u202e", "'", '"', "\\", "%", "_", "${x}", "1" * 400, "\r\n", "\x7f")
text = st.text() | st.sampled_from(NASTY)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20)


def as_json(value: Any) -> bytes:
    """Return JSON, with escapes where a text is no Unicode."""
    return json.dumps(value).encode()


# Ids, cursors and tokens

PREFIXES = ("pat", "job", "lib", "grp", "branch", "cohort", "loan", "item", "staff", "role", "token", "block", "export")
NUMBERS = st.integers(-2, 40) | st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64, 10**17, 10**18, 10**40])
any_prefix = st.sampled_from(PREFIXES) | st.text("abcxyz", max_size=9)
ids = st.builds("{}_{}".format, any_prefix, NUMBERS) | text
right_ids = st.builds("{}_{}".format, st.sampled_from(PREFIXES), st.integers(1, 12))

place = st.none() | st.booleans() | NUMBERS | st.floats() | text
names = st.sampled_from(["last1 first1", *NASTY])
places = st.tuples(names, NUMBERS) | st.tuples(NUMBERS) | st.lists(place, max_size=3)
cursors = (
    places.map(as_json).map(base64.b64encode).map(bytes.decode)
    | values.map(as_json).map(base64.b64encode).map(bytes.decode)
    | st.binary(max_size=40).map(base64.b64encode).map(bytes.decode)
    | st.text(max_size=40)
)
CODES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
tokens = (
    st.text(CODES, min_size=38, max_size=38).map("pg_{}".format)
    | st.text(CODES + "-_", min_size=43, max_size=43)
    | st.text(
        st.characters(min_codepoint=33, max_codepoint=255, exclude_characters=";", exclude_categories=["Cc"]),
        max_size=80,
    )
)
schemes = st.sampled_from(["Bearer ", "bearer ", "Bearer  ", "Basic ", "Bearer", "", "Bearer Bearer "])

# Requests

DOCUMENTS = (
    "{ viewer { __typename } }",
    "query($i: ID!) { node(id: $i) { id } }",
    "query($i: ID!) { patron(by: {id: $i}) { id displayName } }",
    "query($n: Int, $a: String) { patrons(first: $n, after: $a) { edges { cursor node { id } } } }",
    "query($i: String) { patrons(first: 1, search: $i) { totalCount } }",
    "query A { viewer { __typename } } query B { library { code } }",
    "subscription($i: ID!) { jobProgress(id: $i) { id state } }",
    'mutation { reauthenticate(input: {password: "x"}) { __typename } }',
    "{ __schema { queryType { name } } }",
    "{ viewer {",
    "",
)
NAMES = ("i", "n", "a", "", "__proto__")
OPERATION_NAMES = st.sampled_from([None, "A", "B"])
given_values = mostly(right_ids | text, ids | NUMBERS | cursors | values)
variables = st.dictionaries(st.sampled_from(NAMES), given_values, max_size=3)
hashes = mostly(st.just("0" * 64), values)
persisted = st.fixed_dictionaries({}, optional={"version": mostly(st.just(1), values), "sha256Hash": hashes})
extensions = st.fixed_dictionaries({}, optional={"persistedQuery": mostly(persisted, values)})
right_requests = st.fixed_dictionaries({"query": st.sampled_from(DOCUMENTS), "variables": variables})
wrong_requests = st.fixed_dictionaries(
    {},
    optional={
        "query": mostly(st.sampled_from(DOCUMENTS), values),
        "documentId": mostly(st.just("sha256:" + "0" * 64), values),
        "operationName": mostly(OPERATION_NAMES, values),
        "variables": mostly(variables, values),
        "extensions": mostly(extensions, values),
    },
)
requests = right_requests | wrong_requests


@st.composite
def broken(draw: Any, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with a piece cut out, doubled or replaced."""
    data = draw(whole)
    begin, end = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    return data[:begin] + draw(st.just(b"") | st.just(data[begin:end] * 2) | st.binary(max_size=8)) + data[end:]


right_bodies = requests.map(as_json)
bodies = right_bodies | broken(right_bodies) | values.map(as_json) | st.binary()

# Addresses and headers

addresses = (
    st.lists(
        st.tuples(
            st.sampled_from(["query", "variables", "operationName", "extensions", "documentId", "other", ""]),
            st.sampled_from(DOCUMENTS) | requests.map(as_json).map(bytes.decode) | st.text(),
        ),
        max_size=4,
    )
    | st.binary()
)
HEADERS = (
    "Accept", "Content-Type", "Content-Length", "Content-Encoding", "Authorization", "Cookie", "Origin", "Host",
    "Sec-Fetch-Site", "X-Request-Id", "Transfer-Encoding", "Expect", "Connection", "X-Forwarded-For",
)  # fmt: skip
PARTS = (
    "application/json", "application/graphql-response+json", "text/event-stream", "*/*", ";q=", "0.5", "1e999", "nan",
    ";", ",", "charset=", "utf-8", "utf-16", "multipart/form-data", "; boundary=", "x", "http://", "https://[", "]:",
    "99999", "null", "same-origin", "cross-site", "pg_session=", "__Host-pg_session=", "Bearer ", "pg_", "gzip",
    "chunked", "100-continue", "upgrade", "0", "-1", "18446744073709551616",
)  # fmt: skip
texts = st.lists(st.sampled_from(PARTS), max_size=6).map("".join) | st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40
)
headers = st.lists(st.tuples(st.sampled_from(HEADERS), texts), max_size=5)

# Messages and frames of a socket

kinds = st.sampled_from(["subscribe", "complete", "ping", "pong", "connection_init", "next", "start", ""])
known_ids = st.sampled_from(["1", "2"])
subscribes = st.fixed_dictionaries({"type": st.just("subscribe"), "id": known_ids, "payload": requests})
wrong_subscribes = st.fixed_dictionaries(
    {"type": st.just("subscribe")}, optional={"id": mostly(known_ids, values), "payload": mostly(requests, values)}
)
others = st.fixed_dictionaries(
    {"type": mostly(kinds, values)}, optional={"id": mostly(known_ids, values), "payload": mostly(requests, values)}
)
right_messages = (subscribes | wrong_subscribes | others).map(json.dumps)
messages = mostly(right_messages, values.map(json.dumps) | st.text())
# The first wrong message ends most of them, so some right ones come before it.
conversations = st.builds(
    list.__add__, st.lists(subscribes.map(json.dumps), max_size=2), st.lists(messages, min_size=1, max_size=3)
)
opcodes = st.sampled_from([TEXT, TEXT, TEXT, BINARY, 0x0, CLOSE, PING, PONG]) | st.integers(0, 15)
data = messages.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary()
frames = (
    data.map(lambda text: frame(TEXT, text))
    | st.builds(frame, opcodes, data, final=st.booleans())
    | st.builds(
        frame, opcodes, data, final=st.booleans(), reserved=st.sampled_from([0, 0, 1, 4, 7]), masked=st.booleans()
    )
)
