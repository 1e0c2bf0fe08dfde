"""Errors of users.

Problem
├── NotFound
│   └── AddressNotFound      also for what is somebody else's
├── Conflict
│   └── AddressLimit
└── Invalid
    └── InvalidAddress       the kit's: a part is missing, or has not the form that the country gives it
"""

from bodega.kit.errors import Conflict, NotFound


class AddressNotFound(NotFound):
    pass


class AddressLimit(Conflict):
    code = "address_limit"
