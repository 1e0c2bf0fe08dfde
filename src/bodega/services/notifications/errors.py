"""Errors of notifications.

Problem
├── NotFound
│   └── NotificationNotFound
└── Conflict
    └── StillToBeSent        it has not been sent yet: there is nothing to repeat
LinkGone                     auth mints no link for it any more: it was used, or is too old
MailRefused                  the mail server will never take it: people must look
MailDelayed                  the mail server did not take it, or nobody knows whether it did: again, same Message-ID
"""

from bodega.kit.errors import Conflict, NotFound


class NotificationNotFound(NotFound):
    pass


class StillToBeSent(Conflict):
    code = "still_to_be_sent"


class LinkGone(Exception):
    pass


class MailRefused(Exception):
    pass


class MailDelayed(Exception):
    pass
