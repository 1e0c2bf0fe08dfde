"""Errors of notifications.

Problem
├── NotFound
│   └── NotificationNotFound   also where a link to unsubscribe is not ours
└── Conflict
    └── StillToBeSent        it has not been sent yet: there is nothing to repeat
LinkGone                     auth mints no link for it any more: it was used, or is too old
Unwanted                     the recipient has told the SMS gateway to send nothing more
Refused                      the mail server or the SMS gateway will never take it: people must look
Delayed                      it was not taken, or nobody knows whether it was: again, as the same message
"""

from bodega.kit.errors import Conflict, NotFound


class NotificationNotFound(NotFound):
    pass


class StillToBeSent(Conflict):
    code = "still_to_be_sent"


class LinkGone(Exception):
    pass


class Unwanted(Exception):
    pass


class Refused(Exception):
    pass


class Delayed(Exception):
    pass
