"""Errors of orders.

Problem
├── NotFound
│   ├── OrderNotFound            also for what is somebody else's
│   └── WithdrawalNotFound
├── Conflict
│   ├── TooLateToCancel          handed to the carrier, or about to be
│   ├── AlreadyPaid              a clock or an undo may not end it
│   ├── OrderIsCancelled         nothing can be fulfilled
│   ├── NotPaid                  nothing may be fulfilled yet
│   ├── NotCapturedYet           ask again in a moment
│   ├── AlreadyAssigned          a statement of withdrawal belongs to another order
│   ├── DifferentOrder           the id is taken by an order with other contents
│   └── OrdersOpen               a customer cannot be forgotten while goods or money are under way
└── AlreadyEnded                 a late create finds a tombstone
Broken
└── OutOfOrder                   an event that cannot follow what we know: parked
"""

from bodega.kit.errors import Broken, Conflict, NotFound


class OrderNotFound(NotFound):
    pass


class WithdrawalNotFound(NotFound):
    pass


class AlreadyAssigned(Conflict):
    code = "already_assigned"


class TooLateToCancel(Conflict):
    code = "too_late_to_cancel"


class AlreadyPaid(Conflict):
    code = "already_paid"


class OrderIsCancelled(Conflict):
    code = "order_cancelled"


class NotPaid(Conflict):
    code = "order_not_paid"


class NotCapturedYet(Conflict):
    code = "not_captured_yet"


class DifferentOrder(Conflict):
    code = "different_order"


class OrdersOpen(Conflict):
    code = "orders_open"


class OutOfOrder(Broken):
    pass
