"""Errors of users.

Problem
├── NotFound
│   ├── AddressNotFound      also for what is somebody else's
│   └── RequestNotFound      also for what is somebody else's, or has expired
├── Unauthenticated
│   └── AccountErased        the token has outlived its account
├── Forbidden
│   └── IdentityNotConfirmed what cannot be undone needs a password, or a fresh login
├── Conflict
│   ├── AddressLimit
│   ├── OrdersOpen           nobody is forgotten while goods or money are under way
│   └── StaffAccount         staff are not customers: the operator removes them
├── TooMany
│   └── TooManyAttempts      wrong passwords
└── Invalid
    └── InvalidAddress       the kit's: a part is missing, or has not the form that the country gives it
"""

from bodega.kit.errors import Conflict, Forbidden, NotFound, TooMany, Unauthenticated


class AddressNotFound(NotFound):
    pass


class AddressLimit(Conflict):
    code = "address_limit"


class RequestNotFound(NotFound):
    pass


class AccountErased(Unauthenticated):
    pass


class IdentityNotConfirmed(Forbidden):
    code = "confirm_identity"


class OrdersOpen(Conflict):
    code = "orders_open"


class StaffAccount(Conflict):
    code = "staff_account"


class TooManyAttempts(TooMany):
    pass
