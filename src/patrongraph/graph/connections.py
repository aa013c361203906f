"""Relay connections as types; the compiler knows them by these classes."""

from typing import Generic, TypeVar

import strawberry

T = TypeVar("T")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Forward paging only: pass end_cursor as `after`."""

    has_next_page: bool = strawberry.field(description="Whether more rows follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether this page was asked for with `after`.")
    start_cursor: str | None = strawberry.field(description="Cursor of the page's first row.")
    end_cursor: str | None = strawberry.field(description="Cursor of the page's last row; pass it as `after`.")


@strawberry.type(description="One row of a page.")
class Edge(Generic[T]):
    """A row and its place."""

    node: T = strawberry.field(description="The row.")
    cursor: str = strawberry.field(description="Place of this row in the list.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """A page and where it stands."""

    edges: list[Edge[T]] = strawberry.field(description="The page's rows, in order.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description="How many rows the whole list has; counted only when asked.")


@strawberry.interface(description="Anything that has an id of its own.")
class Node:
    """Ids are opaque: `pat_12`, `job_3`."""

    id: strawberry.ID = strawberry.field(description="Opaque id of this object.")
