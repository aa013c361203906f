"""Root field of the library."""

import strawberry

from patrongraph.graph.declare import RootRow, compiled, declared
from patrongraph.libraries.types import Library


@strawberry.type
class LibraryQuery:
    """Query.library."""

    @declared(RootRow(lambda _where: None), "Your library: policy, branches, categories, cohorts.")
    def library(self) -> Library:
        compiled()
