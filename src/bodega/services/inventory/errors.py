"""Errors of inventory.

Problem
├── NotFound
│   ├── UnknownSku               the catalog has not told of it
│   └── UnknownReservation
├── Conflict
│   ├── OutOfStock               names each short line and what is left of it
│   ├── BelowReserved            buyers hold more than would be left
│   ├── Committed                its order is paid, and only that order ends it
│   └── DifferentReservation     the id is taken by one with other lines
├── AlreadyEnded                 a late reserve finds its end
├── StaleVersion                 it was changed since it was read
└── Invalid
    └── ImportRefused            a row is at fault; nothing was written
Broken
└── PaidWithoutStock             an order was paid whose reservation has ended: parked, for people
"""

from bodega.kit.errors import Broken, Conflict, Invalid, NotFound


class UnknownSku(NotFound):
    pass


class UnknownReservation(NotFound):
    pass


class OutOfStock(Conflict):
    code = "out_of_stock"


class BelowReserved(Conflict):
    code = "below_reserved"


class Committed(Conflict):
    code = "committed"


class DifferentReservation(Conflict):
    code = "different_reservation"


class ImportRefused(Invalid):
    pass


class PaidWithoutStock(Broken):
    pass
