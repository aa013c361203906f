"""The operator's `patrongraph rollover`: the same preview, confirmation and job as over the API, followed live."""

import click

from patrongraph.context import Actor
from patrongraph.jobs.follow import announcing, outcome, show
from patrongraph.libraries.commands import operator
from patrongraph.rollover import actions
from patrongraph.rollover.actions import CohortPreview, RolloverPreview, UndoPreview
from patrongraph.terminal import answers, run


@click.command("rollover")
@click.argument("library_code", metavar="LIBRARY")
@click.option("--year", type=int, help="The year that ends.")
@click.option("--undo", "undo_job", metavar="JOB", type=click.IntRange(min=1), help="Take the rollover of JOB back.")
@click.option("--dry-run", is_flag=True, help="Only count: who moves where, who is deactivated.")
@click.option("--confirm-count", type=int, help="With --year: the number that the dry run gave.")
@click.option("--confirmation-token", metavar="TOKEN", help="With --year: the token that the dry run gave.")
@click.option("--no-wait", is_flag=True, help="Start the job and do not follow it.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def command(
    library_code: str,
    *,
    year: int | None,
    undo_job: int | None,
    dry_run: bool,
    confirm_count: int | None,
    confirmation_token: str | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """End a school year of LIBRARY: everybody moves to the next cohort, once. Begin with --dry-run.

    A worker has to be running.
    """
    if (year is None) == (undo_job is None):
        raise click.UsageError("say either --year or --undo; nothing was changed")
    if undo_job is not None and (confirm_count is not None or confirmation_token is not None):
        raise click.UsageError("--undo goes without a confirmation; nothing was changed")

    async def start(actor: Actor) -> actions.RolloverStarted | RolloverPreview | UndoPreview:
        if undo_job is not None:
            return await actions.undo(actor, undo_job, dry_run=dry_run)
        return await actions.roll_over(
            actor,
            year or 0,
            dry_run=dry_run,
            confirm_count=confirm_count,
            confirmation_token=confirmation_token,
        )

    async def work() -> dict[str, object]:
        actor = await operator(library_code)
        async with announcing():
            found = await start(actor)
            if isinstance(found, actions.RolloverStarted):
                return await outcome(actor.library, found.job_id, found.count, wait=not no_wait)
            return _undo_preview(found) if isinstance(found, UndoPreview) else _preview(found)

    answer = run(work)
    cohorts = answer.get("cohorts")
    if isinstance(cohorts, list) and not as_json:
        for each in cohorts:
            answers.print(_line(each), markup=False)
        answer = {name: value for name, value in answer.items() if name != "cohorts"}
    show(answer, as_json=as_json)


def _preview(found: RolloverPreview) -> dict[str, object]:
    answer: dict[str, object] = {
        "cohorts": [_cohort(each) for each in found.cohorts],
        "year": found.year,
        "count": found.count,
        "moving": found.moving,
        "deactivating": found.deactivating,
        "staying": found.staying,
    }
    if found.continues is not None:
        answer["continues"] = found.continues
    if found.confirmation is not None:
        answer |= {"confirmationToken": found.confirmation.token, "confirmUntil": found.confirmation.until}
    return answer


def _cohort(each: CohortPreview) -> dict[str, object]:
    return {
        "code": each.code,
        "to": each.to_code,
        "members": each.members,
        "moving": each.moving,
        "deactivating": each.deactivating,
        "staying": each.staying,
    }


def _line(each: dict[str, object]) -> str:
    numbers = ", ".join(f"{each[name]} {name}" for name in ("moving", "deactivating", "staying") if each[name])
    way = each["code"] if each["to"] is None else f"{each['code']} → {each['to']}"
    return f"{way}: {numbers or 'nobody'}"


def _undo_preview(found: UndoPreview) -> dict[str, object]:
    return {
        "year": found.year,
        "moving": found.moving,
        "reactivating": found.reactivating,
        "leftAlone": found.left_alone,
    }
