"""Makes products and pictures for the tests of the catalog room."""

import io
import itertools
from typing import Any

from PIL import Image

_numbers = itertools.count(1)


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def mug(**other: Any) -> dict[str, Any]:
    """A mug in two colors; its slug and SKUs are new ones each time."""
    number = next(_numbers)
    return {
        "title": f"Dune Mug {number}",
        "slug": f"dune-mug-{number}",
        "description": "Thrown by *hand*.",
        "brand": "Oriel Works",
        "options": [{"name": "Color", "values": ["Sand", "Slate"]}],
        "variants": [
            {
                "sku": f"MUG-{number}-SAND", "options": {"Color": "Sand"}, "price": euro(1900),
                "compare_at_price": euro(2400), "weight_grams": 420, "barcode": "2004001000012",
            },
            {"sku": f"MUG-{number}-SLATE", "options": {"Color": "Slate"}, "price": euro(2100), "weight_grams": 420},
        ],
        "status": "published",
        **other,
    }  # fmt: skip


def picture(width: int = 800, height: int = 600, form: str = "JPEG", **options: Any) -> bytes:
    into = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(into, form, **options)
    return into.getvalue()
