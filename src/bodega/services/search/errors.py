"""Errors of search.

Problem
├── BadRequest
│   └── CursorOfAnotherList  its page before was found by other words, filters or order
├── Invalid
│   └── UnknownFilter        no product of the shop has such an option
└── Unavailable
    └── IndexNotThere        the service has not made its index yet
Broken
└── Refused                  the engine does not take a document: parked
"""

from bodega.kit.errors import BadRequest, Broken, Invalid, Unavailable


class CursorOfAnotherList(BadRequest):
    code = "cursor_of_another_list"

    def __init__(self) -> None:
        message = "the cursor was given for other words, filters or another order"
        super().__init__(message, errors=[{"pointer": "query/cursor", "message": message}])


class UnknownFilter(Invalid):
    pass


class IndexNotThere(Unavailable):
    pass


class Refused(Broken):
    pass
