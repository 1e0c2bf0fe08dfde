"""Errors of search.

Problem
├── Invalid
│   └── UnknownFilter        no product of the shop has such an option
└── Unavailable
    └── IndexNotThere        the service has not made its index yet
Broken
└── Refused                  the engine does not take a document: parked
"""

from bodega.kit.errors import Broken, Invalid, Unavailable


class UnknownFilter(Invalid):
    pass


class IndexNotThere(Unavailable):
    pass


class Refused(Broken):
    pass
