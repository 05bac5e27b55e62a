"""How a list is asked for in pages: the part of its query that all lists share (API.md 10.3)."""

from typing import Annotated

from msgspec import Meta, Struct

PAGE_ROWS_DEFAULT = 50
PAGE_ROWS_MAX = 100


class PageQuery(Struct, frozen=True, kw_only=True):
    """Which page; the query of a list extends it."""

    limit: Annotated[
        int, Meta(ge=1, le=PAGE_ROWS_MAX, description="Rows of one page, at most.")
    ] = PAGE_ROWS_DEFAULT
    cursor: Annotated[
        str | None, Meta(description="`meta.next_cursor` of the page before this one.")
    ] = None
