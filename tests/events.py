"""An event in the hands of its handler, without a broker between."""

from typing import Any

from bodega.contracts.envelope import CloudEvent
from bodega.kit.inbox import Received


def received(event: CloudEvent[Any]) -> Received[Any]:
    """As a consumer hands it over."""
    return Received(event.id, event.type, event.subject, int(event.sequence), event.time, event.data)
