"""Errors of users.

Problem
├── NotFound
│   └── AddressNotFound      also for what is somebody else's
├── Conflict
│   └── AddressLimit
└── Invalid
    └── InvalidAddress       a part is missing, or has not the form that the country gives it
"""

from bodega.kit.errors import Conflict, Invalid, NotFound


class AddressNotFound(NotFound):
    pass


class AddressLimit(Conflict):
    code = "address_limit"


class InvalidAddress(Invalid):
    code = "invalid_address"
