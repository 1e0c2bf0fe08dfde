"""Errors of shipping.

Problem
├── NotFound
│   └── ShipmentNotFound
├── Conflict
│   ├── NotLabelled          no label was bought yet, or its print has not been filed
│   └── AlreadyHandedOver    no other label: the parcel is on its way
├── BadRequest
│   └── BadSignature         a webhook that the carrier has not signed
└── Unavailable
    └── CarrierSilent        nobody knows whether the label was bought: ask again with the same key
CarrierRefuses               the carrier's no, in its own words: people must look
OrderEnded                   orders says that nothing may be sent any more
NotYet                       orders says that the money has not been taken yet
"""

from bodega.kit.errors import BadRequest, Conflict, NotFound, Unavailable


class ShipmentNotFound(NotFound):
    pass


class NotLabelled(Conflict):
    code = "not_labelled"


class AlreadyHandedOver(Conflict):
    code = "already_handed_over"


class BadSignature(BadRequest):
    code = "bad_signature"


class CarrierSilent(Unavailable):
    pass


class CarrierRefuses(Exception):
    """`for_good`: asking again is of no use. Else our account with the carrier is the trouble, not the parcel."""

    def __init__(self, words: str, *, for_good: bool) -> None:
        super().__init__(words)
        self.for_good = for_good


class OrderEnded(Exception):
    pass


class NotYet(Exception):
    pass
