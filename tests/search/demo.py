"""The demo shop's goods, as catalog and inventory would tell them."""

from datetime import timedelta

from bodega.contracts.catalog import Product
from bodega.contracts.ids import new_id
from bodega.demo.catalogue import CURRENCY, load
from tests.search import making
from tests.search.sources import Shop


def demo_shop() -> Shop:
    shop = Shop()
    shop.names(*(making.category(of.slug, of.title) for of, _ in load().products))
    for day, (category, one) in enumerate(load().products):
        shop.sells(
            Product.model_validate(
                {
                    "id": new_id("prd"), "slug": one.slug, "title": one.title, "brand": one.brand,
                    "description": one.description, "categories": [category.slug, *one.also_in],
                    "options": [option.model_dump() for option in one.options], "version": 1,
                    "created_at": making.BORN + timedelta(days=day), "updated_at": making.BORN,
                    "media": [{"id": "med_1", "alt": one.title, "renditions": {"w640.webp": f"{one.slug}.webp"}}],
                    "variants": [
                        {
                            "sku": each.sku, "options": each.options, "barcode": each.barcode,
                            "price": {"amount": each.price, "currency": CURRENCY},
                            "compare_at_price": each.compare_at and {"amount": each.compare_at, "currency": CURRENCY},
                        }
                        for each in one.variants
                    ],
                }
            )
        )  # fmt: skip
        for each in one.variants:
            shop.has(each.sku, 1, each.stock > 0)
    return shop
