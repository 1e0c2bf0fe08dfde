"""Cart: what checkout reads of it."""

from pydantic import BaseModel, ConfigDict, Field

from bodega.contracts.fields import Quantity, Sku
from bodega.contracts.ids import CartId, CustomerId


class CartLine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    sku: Sku
    quantity: Quantity


class CartContents(BaseModel):
    """`GET /internal/carts/{id}`: id is the cart's, its signed token, or the id of the customer whose cart it is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    cart_id: CartId
    revision: str = Field(description="Random, renewed by every change: one revision becomes one order")
    lines: list[CartLine]
    customer_id: CustomerId | None = Field(default=None, description="Whose it is; then its token alone opens nothing")
