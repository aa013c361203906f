"""Who acts in one operation, and for which library: settled once at the door, then passed on."""

from dataclasses import dataclass, field
from enum import StrEnum

from patrongraph.permissions import ALL_PERMISSIONS, Permission


class ActorKind(StrEnum):
    """The kinds of actor an audit event can name."""

    STAFF = "STAFF"
    TOKEN = "TOKEN"  # noqa: S105 - the word, not a secret
    PATRON = "PATRON"
    SYSTEM = "SYSTEM"
    ANONYMOUS = "ANONYMOUS"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts. `id` is the staff_user, api_token or patron id; None for SYSTEM and ANONYMOUS."""

    kind: ActorKind
    id: int | None
    library_id: int | None
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    session_id: int | None = None

    @property
    def signed_in(self) -> bool:
        """Whether the actor is known."""
        return self.kind is not ActorKind.ANONYMOUS

    @property
    def library(self) -> int:
        """The actor's library id; an anonymous actor has none, and asking is a bug."""
        if self.library_id is None:
            raise LookupError("this actor has no library")
        return self.library_id

    @property
    def key(self) -> str:
        """A short text that names the actor: STAFF:12."""
        return f"{self.kind}:{self.id or 0}"


ANONYMOUS = Actor(ActorKind.ANONYMOUS, None, None)


def system_actor(library_id: int) -> Actor:
    """Return the operator at the command line or a scheduled task, allowed everything in one library."""
    return Actor(ActorKind.SYSTEM, None, library_id, ALL_PERMISSIONS)


@dataclass(frozen=True, slots=True)
class Context:
    """What a resolver may know of its operation; `set_cookies` and `headers` are for the answer, where it has some."""

    actor: Actor
    request_id: str
    client: str = ""
    set_cookies: list[str] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
