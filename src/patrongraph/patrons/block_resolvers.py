"""Mutations that place and lift blocks; beside the resolvers, which hold the patrons' other root fields."""

import datetime as dt
from typing import Annotated

import strawberry

from patrongraph.graph.declare import mutation, read_back
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import BadArgument, said, split_id
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.patrons import blocks
from patrongraph.patrons.problems import AlreadyLifted, BlockExpired, CommentRequired
from patrongraph.patrons.resolvers import patron_key
from patrongraph.patrons.types import Block, Patron
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound


def block_key(text: str) -> int:
    """Return the key in a block's id. Raises BadArgument, which tells what is no block of that kind."""
    try:
        prefix, key = split_id(text)
    except BadArgument:
        prefix, key = "", 0
    if prefix != "block":
        raise BadArgument(
            f"{said(text)} is not the id of a block placed by staff; such an id begins with block_. The block for"
            " debts, an inactive or an expired account has no id and is not lifted by hand: blockReasons says what"
            " ends it."
        )
    return key


@strawberry.input(description="Whom to block, and why.")
class BlockPatronInput:
    """Input of blockPatron."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")
    comment: str = strawberry.field(description="Why, for staff: 1 to 2000 characters.")
    message: str | None = strawberry.field(
        default=None, description="What the patron is told, at most 500 characters; blank or null for nothing."
    )
    expires_at: dt.datetime | None = strawberry.field(
        default=None, description="When the block ends by itself, in the future; null for when it is lifted."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="Sent again with the same key and input, nothing is done twice."
    )


@strawberry.input(description="Which block to lift, and why.")
class LiftBlockInput:
    """Input of liftBlock."""

    block_id: strawberry.ID = strawberry.field(description="Id of the block, like block_12.")
    reason: str = strawberry.field(description="Why, for staff: 1 to 2000 characters.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="Sent again with the same key and input, nothing is done twice."
    )


@strawberry.type(description="The block and its patron, as they are now.")
class BlockSuccess:
    """Payload of blockPatron and liftBlock."""

    block_id: strawberry.Private[int]
    patron_id: strawberry.Private[int]
    block: Block = read_back("block_id", "The block.")
    patron: Patron = read_back("patron_id", "The patron, whom something else may block as well.")


BlockPatronResult = Annotated[
    BlockSuccess | CommentRequired | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("BlockPatronResult", description="The new block, or why there is none."),
]
LiftBlockResult = Annotated[
    BlockSuccess | CommentRequired | InvalidInput | NotFound | AlreadyLifted | BlockExpired | IdempotencyMismatch,
    strawberry.union("LiftBlockResult", description="The lifted block, or why it was left as it is."),
]


@strawberry.type
class BlockMutation:
    """Mutation.blockPatron and liftBlock."""

    @mutation(
        "Refuse a patron every service but returns and payments, at your library. Other blocks stay beside it.",
        permission=Permission.PATRONS_BLOCK,
    )
    async def block_patron(
        self,
        info: strawberry.Info[Operation],
        input: BlockPatronInput,
    ) -> BlockPatronResult:
        placed = await blocks.place(
            info.context.actor,
            patron_key(input.patron_id),
            input.comment,
            message=input.message,
            expires_at=input.expires_at,
            idempotency_key=input.idempotency_key,
        )
        return BlockSuccess(block_id=placed.block_id, patron_id=placed.patron_id)

    @mutation("Lift one block that staff placed; it is kept as history.", permission=Permission.PATRONS_BLOCK)
    async def lift_block(
        self,
        info: strawberry.Info[Operation],
        input: LiftBlockInput,
    ) -> LiftBlockResult:
        lifted = await blocks.lift(
            info.context.actor, block_key(input.block_id), input.reason, idempotency_key=input.idempotency_key
        )
        return BlockSuccess(block_id=lifted.block_id, patron_id=lifted.patron_id)
