"""The operator's `patrongraph cohorts`: list, add, change and delete a library's cohorts, as the SYSTEM."""

from collections.abc import Sequence
from typing import Any

import click
import orjson

from patrongraph import db
from patrongraph.cohorts import actions, queries
from patrongraph.cohorts.queries import Counted
from patrongraph.context import Actor
from patrongraph.libraries.commands import operator
from patrongraph.terminal import answers, run

_library = click.argument("library_code", metavar="LIBRARY")
_code = click.argument("code", metavar="CODE")
_as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")


@click.group("cohorts")
def group() -> None:
    """School year groups, and how each becomes the next."""


@group.command("list")
@_library
@_as_json
def list_cohorts(library_code: str, *, as_json: bool) -> None:
    """List the library's cohorts with their members."""

    async def work() -> Sequence[Counted]:
        return await queries.counted((await operator(library_code)).library)

    _print(run(work), as_json)


@group.command()
@_library
@_code
@click.option("--name", required=True, help="Name for people.")
@click.option("--next", "next_code", metavar="CODE", help="Where a rollover moves its members to.")
@click.option("--graduated", is_flag=True, help="Its members have left the school.")
@_as_json
def add(library_code: str, code: str, *, name: str, next_code: str | None, graduated: bool, as_json: bool) -> None:
    """Add a cohort; begin with the end of the chain."""

    async def work() -> Sequence[Counted]:
        actor = await operator(library_code)
        _check_texts(code, name)
        follower = None if next_code is None else await _id_of(actor, next_code)
        made = await actions.create(actor, code=code, name=name, next_id=follower, graduated=graduated)
        return await _only(actor, made)

    _print(run(work), as_json)


@group.command()
@_library
@_code
@click.option("--code", "new_code", metavar="CODE", help="Another code.")
@click.option("--name", help="Another name.")
@click.option("--next", "next_code", metavar="CODE", help="Where a rollover moves its members to from now on.")
@click.option("--no-next", is_flag=True, help="Its members stay from now on.")
@click.option("--graduated/--not-graduated", default=None, help="Whether its members have left the school.")
@_as_json
def change(
    library_code: str,
    code: str,
    *,
    new_code: str | None,
    name: str | None,
    next_code: str | None,
    no_next: bool,
    graduated: bool | None,
    as_json: bool,
) -> None:
    """Change a cohort; what is not said stays."""
    if next_code is not None and no_next:
        raise click.UsageError("say either --next or --no-next")

    async def work() -> Sequence[Counted]:
        actor = await operator(library_code)
        _check_texts(new_code, name)
        said: dict[str, Any] = {"code": new_code, "name": name, "graduated": graduated}
        changes = {key: value for key, value in said.items() if value is not None}
        if next_code is not None or no_next:
            changes["next_id"] = None if next_code is None else await _id_of(actor, next_code)
        done = await actions.update(actor, await _id_of(actor, code), changes)
        return await _only(actor, done.id)

    _print(run(work), as_json)


@group.command()
@_library
@_code
def delete(library_code: str, code: str) -> None:
    """Delete a cohort that nobody is in and that is no other's next one."""

    async def work() -> None:
        actor = await operator(library_code)
        await actions.delete(actor, await _id_of(actor, code))

    run(work)
    answers.print(f"The cohort {code} is deleted.", markup=False)


def _check_texts(*texts: str | None) -> None:
    if not all(db.storable(text) for text in texts if text is not None):
        raise click.UsageError("codes and names are text in UTF-8; nothing was changed")


async def _id_of(actor: Actor, code: str) -> int:
    for each in (await queries.chain(actor.library)).values():
        if each.code == code:
            return each.id
    raise click.ClickException(f"this library has no cohort with the code {code}; nothing was changed")


async def _only(actor: Actor, cohort_id: int) -> Sequence[Counted]:
    return [each for each in await queries.counted(actor.library) if each.id == cohort_id]


def _print(found: Sequence[Counted], as_json: bool) -> None:
    if as_json:
        shown = [
            {
                "code": each.code,
                "name": each.name,
                "next": each.next_code,
                "graduated": each.graduated,
                "members": each.members,
                "active": each.active,
            }
            for each in found
        ]
        answers.print(orjson.dumps(shown).decode(), markup=False)
        return
    for each in found:
        end = "graduated" if each.graduated else "stays" if each.next_code is None else f"→ {each.next_code}"
        members = f"{each.members} members, {each.active} active"
        answers.print(f"{each.code}  {each.name}: {end}; {members}", markup=False)
    if not found:
        answers.print("No cohorts.")
