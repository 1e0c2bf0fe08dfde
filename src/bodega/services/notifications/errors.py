"""Errors of notifications.

Problem
├── NotFound
│   ├── NotificationNotFound   also where a link to unsubscribe is not ours
│   └── UnknownSku             no product has it
└── Conflict
    ├── StillToBeSent        it has not been sent yet: there is nothing to repeat
    ├── NoLongerKept         what it said is forgotten: there is nothing left to repeat
    ├── InStock              it can be had: there is nothing to wait for
    └── TooManyWishes        of one address
LinkGone                     auth mints no link for it any more: it was used, or is too old
NoLongerSold                 what is back in stock was taken off the shelves meanwhile
Unwanted                     the recipient has told the SMS gateway to send nothing more
Refused                      the mail server or the SMS gateway will never take it: people must look
Delayed                      it was not taken, or nobody knows whether it was: again, as the same message
"""

from bodega.kit.errors import Conflict, NotFound


class NotificationNotFound(NotFound):
    pass


class UnknownSku(NotFound):
    code = "unknown_sku"


class InStock(Conflict):
    code = "in_stock"


class TooManyWishes(Conflict):
    code = "too_many_wishes"


class StillToBeSent(Conflict):
    code = "still_to_be_sent"


class NoLongerKept(Conflict):
    code = "no_longer_kept"


class LinkGone(Exception):
    pass


class NoLongerSold(Exception):
    pass


class Unwanted(Exception):
    pass


class Refused(Exception):
    pass


class Delayed(Exception):
    pass
