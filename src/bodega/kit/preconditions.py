"""`If-Match`: nobody writes over what they have not seen. (RFC 9110, section 13.1.1)"""

from typing import Annotated, Any

from fastapi import Depends, Header


def if_match(description: str, *, example: int = 3) -> Any:
    """The version that a change was made from, as a route's parameter; None: the caller did not say.

        ExpectedVersion = Annotated[int | None, if_match("The `ETag` that you have read: then 412, if ...")]

    What is no ETag of ours, a version between quotation marks, is refused as `invalid_request`.
    """

    async def version(
        tag: Annotated[
            str | None,
            Header(alias="If-Match", pattern=r'^"[0-9]{1,18}"$', description=description, examples=[etag(example)]),
        ] = None,
    ) -> int | None:
        return int(tag.strip('"')) if tag is not None else None

    return Depends(version)


def etag(version: int) -> str:
    """The header that an answer bears, for `If-Match` to bring back."""
    return f'"{version}"'
