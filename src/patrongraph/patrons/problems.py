"""Every way the patrons' actions say no, beside the common ones."""

import strawberry

from patrongraph.problems import Problem, ProblemCode, Refused, not_found

MOST_AT_ONCE = 200


@strawberry.type(description="More patrons than one operation may take.")
class TooMany(Problem):
    """Names the limit, so that a client can split its request."""

    limit: int = strawberry.field(description="The most that one operation may take.")


def too_many(count: int, limit: int) -> Refused:
    """Return the refusal of a list that is longer than the limit."""
    message = f"{count} patrons are too many: one operation may take {limit}."
    return Refused(TooMany(code=ProblemCode.TOO_MANY, message=message, limit=limit))


def patrons_not_found(missing: int, asked: int) -> Refused:
    """Return the refusal of a list in which some are not patrons of the library."""
    return not_found("The patron" if asked == 1 else f"{missing} of the {asked} patrons")
