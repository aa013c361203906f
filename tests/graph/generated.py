"""Operations drawn at random from the schema: valid ones only, each with several sets of variables."""

import base64
import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLNonNull,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_input_object_type,
)
from hypothesis import strategies as st
from tests.graph.library import CODES, LETTERS, NAMES, actor
from tests.graph.operations import QUERY, SCHEMA, Enum, has_default, literal
from tests.graph.reference import fold_for_sorting

from patrongraph.context import Actor, ActorKind
from patrongraph.graph.declare import NODES

MOST_LEVELS = 4
WORDS = ("a", "an", "berg", "Öb, å", "Lund T", "100", "N-50", "asa@example.org", "", "  ", "%", "_", "zzz", "'", "ö å")
NASTY_KEYS = (
    "r", "c", "t1", "t2", "e2", "e3", "n3", "n4", "n5", "page", "rn", "k0", "Id", "ID", "R", "_", "__x", "select",
    "null", "user", "typename", "true", "library", "a" * 63,
)  # fmt: skip
"""Keys that mean something in SQL, differ in case only, or are as long as PostgreSQL allows."""
BARCODES = ("100", "300", "i1", "i2", "i99", "N-50", "S-50", "")
NOW = dt.datetime.now(dt.UTC)


@dataclass
class Drawn:
    """A document, and (variables, actor) pairs to ask it with."""

    query: str
    asked: list[tuple[dict[str, Any], Actor]] = field(default_factory=list)


class Writer:
    """Writes one operation while drawing its choices."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.count = 0
        self.fragments: list[str] = []
        self.defined: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.nasty = list(NASTY_KEYS)

    def yes(self, of_ten: int) -> bool:
        return bool(self.draw(st.integers(1, 10)) <= of_ten)

    def fresh(self, prefix: str) -> str:
        self.count += 1
        if prefix == "k" and self.nasty and self.yes(3):
            return self.nasty.pop(self.draw(st.integers(0, len(self.nasty) - 1)))
        return f"{prefix}{self.count}"

    # Selections

    def operation(self) -> str:
        names = self.draw(st.lists(st.sampled_from(sorted(QUERY.fields)), min_size=1, max_size=3))
        scope: dict[str, str] = {}
        parts = [self.field(QUERY, name, MOST_LEVELS, scope) for name in names]
        if self.yes(1):
            parts.append(self.around(QUERY, self.field(QUERY, names[0], 1, scope)))
        if self.yes(1):
            parts.append(f"__typename{self.directive()}")
        defined = ", ".join(f"${name}: {text}" for name, text in self.defined.items())
        return "\n".join([f"query{f'({defined})' if defined else ''} {{ {' '.join(parts)} }}", *self.fragments])

    def selection(self, type_: Any, levels: int, scope: dict[str, str] | None = None) -> str:
        if is_abstract_type(type_):
            possible = st.lists(st.sampled_from(SCHEMA.get_possible_types(type_)), min_size=1, max_size=4, unique=True)
            inner = [f"... on {one.name} {self.fields(one, levels, {}, own_keys=True)}" for one in self.draw(possible)]
            return f"{{ {'__typename ' if self.yes(8) else ''}{' '.join(inner)} }}"
        return self.fields(type_, levels, {} if scope is None else scope)

    def fields(self, type_: Any, levels: int, scope: dict[str, str], own_keys: bool = False) -> str:
        names = sorted(type_.fields)
        if levels <= 0:
            names = [name for name in names if not is_composite_type(get_named_type(type_.fields[name].type))]
        if type_.name.endswith(("Connection", "Edge")):
            names = sorted(type_.fields)
        if not names:
            return "{ __typename }"
        chosen = self.draw(st.lists(st.sampled_from(names), min_size=1, max_size=5))
        parts = []
        for name in chosen:
            part = self.field(type_, name, levels, scope, own_keys)
            parts.append(self.around(type_, part) if self.yes(2) else part)
        if self.yes(1):
            parts.append(f"{self.fresh('t')}: __typename{self.directive()}")
        return f"{{ {' '.join(parts)} }}"

    def around(self, type_: Any, part: str) -> str:
        """Wrap a field into an inline or a named fragment."""
        kind = self.draw(st.integers(0, 3))
        if kind == 0:
            return f"...{self.directive()} {{ {part} }}"
        if kind == 1:
            return f"... on {type_.name}{self.directive()} {{ {part} }}"
        if kind == 2 and type_.interfaces:
            return f"... on {type_.interfaces[0].name} {{ ... on {type_.name} {{ {part} }} id }}"
        name = self.fresh("F")
        self.fragments.append(f"fragment {name} on {type_.name} {{ {part} }}")
        again = f" ...{name}" if self.yes(3) else ""
        return f"...{name}{self.directive()}{again}"

    def field(self, type_: Any, name: str, levels: int, scope: dict[str, str], own_keys: bool = False) -> str:
        definition = type_.fields[name]
        result: Any = get_named_type(definition.type)
        composite = is_composite_type(result)
        aliased = own_keys or self.yes(3)
        again = not aliased and name in scope and (composite or definition.args)
        if again and is_abstract_type(result):
            aliased, again = True, False
        arguments = scope[name] if again else self.arguments(type_, name)
        if not aliased:
            scope[name] = arguments
        key = f"{self.fresh('k')}: " if aliased else ""
        text = f"{key}{name}{arguments}{self.directive()}"
        if not composite:
            return text
        if again:
            # The same key twice: only what cannot contradict the first is asked of it.
            return f"{text} {{ __typename }}"
        step = result.name.endswith(("Connection", "Edge"))
        return f"{text} {self.selection(result, levels if step else levels - 1)}"

    def directive(self) -> str:
        if not self.yes(1):
            return ""
        name = self.draw(st.sampled_from(["skip", "include"]))
        value = self.draw(st.sampled_from(["true", "false", "variable"]))
        if value == "variable":
            value = "$" + self.variable("Boolean!", [True, False])
        return f" @{name}(if: {value})"

    # Arguments

    def variable(self, type_: str, values: list[Any]) -> str:
        name = self.fresh("v")
        self.defined[name] = type_
        self.values[name] = st.sampled_from(values)
        return name

    def arguments(self, type_: Any, name: str) -> str:
        definition = type_.fields[name]
        written = []
        for argument_name, argument in definition.args.items():
            if argument_name == "after":
                continue
            values = self.values_of(name, argument_name, argument)
            needed = isinstance(argument.type, GraphQLNonNull) and not has_default(argument)
            if needed or self.yes(6):
                written.append(f"{argument_name}: {self.argument(argument, values, needed)}")
        if "after" in definition.args and self.yes(3):
            values = self.cursors(type_, name, " ".join(written))
            written.append(f"after: {self.argument(definition.args['after'], [*values, None], False)}")
        return f"({', '.join(written)})" if written else ""

    def argument(self, argument: Any, values: list[Any], needed: bool) -> str:
        text = str(argument.type)
        if isinstance(argument.type, GraphQLNonNull):
            values = [value for value in values if value is not None]
        kind = self.draw(st.integers(0, 3))
        if kind == 0:
            return f"${self.variable(text, values)}"
        if kind == 1:
            default = literal(self.draw(st.sampled_from(values)))
            optional = text if needed and self.yes(3) else text.removesuffix("!")
            return f"${self.variable(f'{optional} = {default}', [*values, ...])}"
        if kind == 2 and not needed:
            return f"${self.variable(text.removesuffix('!'), [*values, ...])}"
        value = self.draw(st.sampled_from(values))
        named: Any = get_named_type(argument.type)
        if isinstance(value, dict) and is_input_object_type(named) and named.is_one_of:
            [(key, inner)] = value.items()
            if self.yes(5):
                return f"{{{key}: ${self.variable('ID!' if key == 'id' else 'String!', [inner])}}}"
            return f"{{{key}: {literal(inner)}}}"
        if isinstance(value, dict) and is_input_object_type(named):
            inside = [f"{key}: {self.inside(named, key, inner)}" for key, inner in value.items()]
            return f"{{{', '.join(inside)}}}"
        return literal(value)

    def inside(self, input_type: Any, name: str, value: Any) -> str:
        """Write a part of an input object, sometimes as a variable that may be absent."""
        if self.yes(3):
            return f"${self.variable(str(input_type.fields[name].type), [value, None, ...])}"
        return literal(value)

    def values_of(self, field_name: str, name: str, argument: Any) -> list[Any]:
        named = get_named_type(argument.type)
        if isinstance(named, GraphQLEnumType):
            return [*(Enum(member) for member in named.values), None]
        if name == "first":
            return [1, 2, 3, 200] if self.yes(3) else [1, 2, 3]
        if name == "id":
            prefixes = {"group": ["grp"], "job": ["job"]}.get(field_name) or sorted(set(NODES) - {"debt", "entry"})
            return [f"{prefix}_{n}" for prefix in prefixes for n in range(1, 13)]
        if field_name == "loanStatistics":
            return statistics_values(self.draw, name)
        if name == "by":
            return [*({"id": f"pat_{n}"} for n in range(1, 92)), *({"barcode": text} for text in BARCODES),
                    *({"username": text} for text in ("ASA.oberg", "on", ""))]  # fmt: skip
        if name == "patronId":
            return [f"pat_{990_000 + n}" for n in range(1, 24)]
        if name == "filter" and field_name == "auditEvents":
            return [None, {}, *(self.draw(EVENT_FILTERS) for _ in range(2))]
        if name == "filter":
            return [None, {}, *(self.draw(FILTERS) for _ in range(2))]
        known: dict[str, list[Any]] = {"search": [*WORDS, None], "barcode": [*BARCODES], "includeEnded": [True, False]}
        return known[name]

    def cursors(self, type_: Any, field_name: str, written: str) -> list[str]:
        sorted_ = type_ is QUERY and field_name in ("patrons", "purgeCandidates")  # a certificate's patrons are by id
        by_name = sorted_ and "sort" not in written
        if sorted_ and "sort" in written:
            # Which order it is may be in a variable; one without a place in either order is none of both.
            return []
        place = st.tuples(st.sampled_from(sorted(NAMES)), st.integers(1, 95))
        drawn = self.draw(st.lists(place, min_size=1, max_size=2))
        places = [[fold_for_sorting(f"{NAMES[n][2]} {NAMES[n][0]}"), row] if by_name else [row] for n, row in drawn]
        return [base64.b64encode(json.dumps(place, ensure_ascii=False).encode()).decode() for place in places]


DAYS = st.integers(-600, 600)
BRANCH_IDS = st.lists(st.integers(1, 7).map("branch_{}".format), max_size=3)
LOAN_FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "branchIds": BRANCH_IDS,
        "itemBranchIds": BRANCH_IDS,
        "materialTypes": st.lists(st.sampled_from(["BOOK", "MAP", "", "x"]), max_size=3),
        "categories": st.lists(st.sampled_from(["Adult", "Child", "Élève", "Gone", ""]), max_size=3),
        "cohorts": st.lists(st.sampled_from(["10A", "8B", "7B", "6C"]), max_size=3),
        "lost": st.booleans(),
        "record": st.sampled_from([Enum("LIVE"), Enum("RETAINED")]),
    },
)


def statistics_values(draw: Any, name: str) -> list[Any]:
    """Return values of an argument of loanStatistics; the first day never comes after the last."""
    if name == "by":
        members = [Enum(member) for member in SCHEMA.type_map["StatisticDimension"].values]  # type: ignore[attr-defined]
        return [draw(st.lists(st.sampled_from(members), max_size=4)) for _ in range(3)]
    if name == "filter":
        return [None, {}, *(draw(LOAN_FILTERS) for _ in range(2))]
    days = (-2000, -290, -60) if name == "from" else (-60, -3, 0)
    return [(NOW.date() + dt.timedelta(days=count)).isoformat() for count in days]


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([Enum("ACTIVE"), Enum("INACTIVE"), Enum("PENDING_PURGE")]),
        "category": st.sampled_from(["Adult", "Child", "Élève", "", "x"]),
        "branchId": st.integers(1, 7).map("branch_{}".format),
        "cohortId": st.integers(1, 10).map("cohort_{}".format),
        "groupId": st.integers(1, 10).map("grp_{}".format),
        "expiredBefore": DAYS.map(lambda days: (NOW.date() + dt.timedelta(days=days)).isoformat()),
        "inactiveSince": DAYS.map(lambda days: (NOW + dt.timedelta(days=days / 10)).isoformat()),
        "lastActivityBefore": DAYS.map(lambda days: (NOW + dt.timedelta(days=days)).isoformat()),
    },
)

EVENT_FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["patron.block", "purge.start", "export.request", "", "x"]),
        "actorKind": st.sampled_from([Enum("STAFF"), Enum("TOKEN"), Enum("SYSTEM"), Enum("PATRON")]),
        "subject": st.sampled_from(["pat_1", "pat_2", "job_1", "lib_1", "grp_5", "session_13", "pat_7"]),
        "jobId": st.integers(1, 25).map("job_{}".format),
        "from": st.integers(-350, 0).map(lambda days: (NOW + dt.timedelta(days=days / 10)).isoformat()),
        "to": st.integers(-350, 0).map(lambda days: (NOW + dt.timedelta(days=days / 10)).isoformat()),
    },
)


@st.composite
def operations(draw: Any) -> Drawn:
    """Draw a document and three sets of variables and actors to ask it with."""
    writer = Writer(draw)
    drawn = Drawn(writer.operation())
    for _ in range(3):
        variables = {name: draw(values) for name, values in writer.values.items()}
        given = {name: value for name, value in variables.items() if value is not ...}
        who = actor(
            draw(st.sampled_from(sorted(CODES))),
            kind=draw(st.sampled_from([ActorKind.STAFF, ActorKind.TOKEN])),
            n=draw(st.integers(1, len(LETTERS))),
        )
        drawn.asked.append((given, who))
    return drawn
