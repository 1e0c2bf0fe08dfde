"""Errors of auth.

Problem
├── Unauthenticated
│   └── BadCredentials       the same for a wrong password and for an account that does not exist
├── Forbidden
│   └── ProofMissing      the mail's link alone proves nothing: the account's session or password is missing
├── NotFound
│   ├── SessionNotFound      also for what is somebody else's
│   ├── EventNotFound        no link belongs to this event
│   └── AccountNotFound      told to the operator alone
├── Conflict
│   ├── EmailTaken
│   └── LinkUsed             the link was used, has run out, or is not needed any more
├── Invalid
│   ├── InvalidEmail
│   └── WeakPassword         one of the commonest, or one like them
└── TooMany
    └── TooManyAttempts      with Retry-After; grows with every failure, up to some minutes
"""

from bodega.kit.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated


class BadCredentials(Unauthenticated):
    code = "bad_credentials"


class ProofMissing(Forbidden):
    code = "confirm_identity"


class SessionNotFound(NotFound):
    pass


class EventNotFound(NotFound):
    pass


class AccountNotFound(NotFound):
    pass


class EmailTaken(Conflict):
    code = "email_taken"


class LinkUsed(Conflict):
    code = "token_used"


class InvalidEmail(Invalid):
    pass


class WeakPassword(Invalid):
    code = "weak_password"


class TooManyAttempts(TooMany):
    pass
