"""Errors of catalog.

Problem
├── NotFound
│   ├── ProductNotFound          also drafts and archived ones, for shoppers
│   ├── CategoryNotFound
│   └── MediaNotFound
├── Conflict
│   ├── SlugTaken                by another product, now or in former times
│   ├── SkuTaken                 by another product
│   └── NotUploaded              the picture is not there yet, or no longer
├── StaleVersion                 somebody else has changed the product
├── PreconditionRequired         a change must say of which version
└── Invalid
    ├── Unreadable               the file is not the picture that was announced
    └── ImportRefused            a row is at fault; nothing was written
"""

from bodega.kit.errors import Conflict, Invalid, NotFound


class ProductNotFound(NotFound):
    pass


class CategoryNotFound(NotFound):
    pass


class MediaNotFound(NotFound):
    pass


class SlugTaken(Conflict):
    code = "slug_taken"


class SkuTaken(Conflict):
    code = "sku_taken"


class NotUploaded(Conflict):
    code = "media_not_uploaded"


class Unreadable(Invalid):
    code = "media_unreadable"


class ImportRefused(Invalid):
    pass
