"""Errors of the cart.

Problem
├── NotFound
│   ├── CartNotFound             only other services are told; a shopper without a cart has an empty one
│   ├── LineNotFound
│   └── UnknownProduct           the catalog does not know the SKU
├── Conflict
│   ├── NoLongerSold
│   ├── CartFull                 it has a hundred lines
│   └── QuantityLimit            it would be more than 999 of one thing
└── KeyReused                    the Idempotency-Key came with another body
"""

from bodega.kit.errors import Conflict, NotFound


class CartNotFound(NotFound):
    pass


class LineNotFound(NotFound):
    pass


class UnknownProduct(NotFound):
    pass


class NoLongerSold(Conflict):
    code = "no_longer_sold"


class CartFull(Conflict):
    code = "cart_full"


class QuantityLimit(Conflict):
    code = "quantity_limit"
