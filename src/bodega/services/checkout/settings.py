"""Checkout's settings. Every default runs on a laptop."""

from pydantic_settings import SettingsConfigDict

from bodega.kit.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_CHECKOUT_")

    port: int = 7106
    database_url: str = "postgresql://bodega_checkout@127.0.0.1:7432/bodega_checkout"
    lease_seconds: float = 10
    step_deadline_seconds: float = 7
    checkout_due_seconds: float = 900
    declined_due_seconds: float = 150
    """How long stock is kept after a declined card, unless another card is tried."""
    unfinished_checkout_days: int = 90
    """How long a checkout is kept that ended without an order that stands."""
    unknown_due_seconds: float = 1800
    shipping_quote_seconds: float = 300
    """How long a delivery that a shopper was quoted is theirs, at that price and for those days, whatever changes."""
    reconcile_seconds: float = 30
    attempts_at_most: int = 10
    """How many cards a shopper may try in one checkout, and may have declined of one cart in an hour: card testers try
    thousands."""
    checkouts_at_once: int = 16
    """How many one process works on at once, at most; who comes then waits in line. Enough for the cores of one
    machine, also while banks take a second to answer. Where each takes long, the line takes fewer (`kit.line`)."""
    waiting_per_email: int = 3
    """How many checkouts that wait for their shopper to pay one e-mail may have: each keeps goods from others."""
    waiting_per_address: int = 20
    """And one client address (one /64 of IPv6): an office or a household behind one address."""
