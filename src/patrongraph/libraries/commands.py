"""A library as operators name it in every command: by its code, in any case."""

import click

from patrongraph.context import Actor, system_actor
from patrongraph.libraries import queries


async def library_id(code: str) -> int:
    """Return the id of the library with that code. Raises ClickException, which names those that there are."""
    found = await queries.by_code(code)
    if found is None:
        known = ", ".join(library["code"] for library in await queries.all_libraries()) or "none yet"
        raise click.ClickException(f"there is no library with the code {code!r}; there are: {known}")
    return int(found["id"])


async def operator(code: str) -> Actor:
    """Return the operator of the library with that code. Raises ClickException."""
    return system_actor(await library_id(code))
