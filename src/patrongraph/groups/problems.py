"""Every way the groups' actions say no, beside the common ones."""

import strawberry

from patrongraph.problems import NotFound, Problem, ProblemCode, Refused


@strawberry.type(description="The patron is not in the group that this asks for, or in none.")
class NotInGroup(Problem):
    """A lead is a member of the group; a waiver is given to the lead of one's own group."""


@strawberry.type(description="Somebody else changed the same groups again and again at the same moment.")
class GroupChanged(Problem):
    """Look again, and ask again."""


def missing(*whats: str) -> Refused:
    """Return the refusal for objects that are not in the actor's library, all of them in one sentence."""
    verb = "was" if len(whats) == 1 else "were"
    message = f"{' and '.join(whats)} {verb} not found in your library."
    return Refused(NotFound(code=ProblemCode.NOT_FOUND, message=message[0].upper() + message[1:]))


def not_a_member() -> Refused:
    """Return the refusal of a lead who is not a member."""
    message = "The patron is not a member of this group: move them into it first."
    return Refused(NotInGroup(code=ProblemCode.NOT_IN_GROUP, message=message))


def no_group() -> Refused:
    """Return the refusal of a waiver of a patron who is in no group."""
    message = "The patron is in no group, so there is nobody to give a waiver to."
    return Refused(NotInGroup(code=ProblemCode.NOT_IN_GROUP, message=message))


def group_changed() -> Refused:
    """Return the refusal of a change that others got ahead of each time."""
    message = "Somebody else is changing the same groups at this moment; nothing was changed. Look again, then repeat."
    return Refused(GroupChanged(code=ProblemCode.GROUP_CHANGED, message=message))
