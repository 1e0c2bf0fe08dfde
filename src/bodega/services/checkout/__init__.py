"""Checkout: takes one cart to one order, whatever happens on the way.

Owns      checkouts: what was to be bought, for how much, how far it has got, what the shopper must do next; the
          rates of tax.
Promises  one revision of a cart becomes at most one order; the catalog's prices decide; each checkout ends by
          itself, in the same state as without any fault on the way.
Emits     nothing: the order, the reservation and the payment speak for themselves.
Hears     PaymentAuthorized, PaymentFailed (ask again now), OrderCancelled (it is over).
Asks      cart, catalog, shipping, inventory, orders, payments: by ids that it fixed beforehand.
"""
