"""Errors of shipping.

Problem
├── NotFound
│   └── ShipmentNotFound
├── Conflict
│   └── NotLabelled          no label was bought yet, or its print has not been filed
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


class BadSignature(BadRequest):
    code = "bad_signature"


class CarrierSilent(Unavailable):
    pass


class CarrierRefuses(Exception):
    pass


class OrderEnded(Exception):
    pass


class NotYet(Exception):
    pass
