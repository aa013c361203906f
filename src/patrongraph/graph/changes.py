"""What the input of a change says: of what may be left out only what was given."""

from collections.abc import Container
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from patrongraph.problems import InputReason, invalid


def changes(input: object, *names: str, nullable: Container[str] = ()) -> dict[str, Any]:
    """Return the fields that were given, each a Maybe that takes null, by name. Raises Refused for another's null."""
    given = {name: getattr(input, name) for name in names}
    found = {name: each.value for name, each in given.items() if each is not None}
    for name, value in found.items():
        if value is None and name not in nullable:
            message = "This cannot be null; leave it out to keep it as it is."
            raise invalid(f"input.{to_camel_case(name)}", message, InputReason.REQUIRED)
    return found
