"""The envelope of every event: CloudEvents 1.0 in structured JSON, keyed by its subject.

`sequence` is the aggregate's version: whoever needs more order than "per key" compares it and
ignores the older. It is a string because CloudEvents' integers have 32 bits and ours are longer.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bodega.contracts.fields import Timestamp
from bodega.contracts.ids import uuid7

REGISTRY: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """Base of what an event carries. Readers ignore fields that they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str]
    schema_version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        return cls.__name__

    @classmethod
    def schema_name(cls) -> str:
        return f"{cls.__name__}/{cls.schema_version}"

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        # A base of a family of events (one topic, same fields) has a leading underscore and is no event itself.
        if hasattr(cls, "topic") and not cls.__name__.startswith("_") and "[" not in cls.__name__:
            REGISTRY[cls.type_name()] = cls


Payload = TypeVar("Payload", bound=Event)


class CloudEvent(BaseModel, Generic[Payload]):
    """One event on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(description="UUIDv7 of this fact; a fact that arrives twice has one id")
    source: str = Field(description="Who says it", examples=["/bodega/orders"])
    type: str = Field(description="What happened", examples=["OrderPaid"])
    subject: str = Field(description="The id of what it happened to; also the message's key")
    time: Timestamp
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = Field(examples=["https://bodega.example/schemas/OrderPaid/1"])
    sequence: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")] = Field(
        description="Version of the subject after this fact"
    )
    traceparent: str | None = Field(default=None, description="W3C trace context of the cause")
    data: Payload

    @property
    def key(self) -> str:
        return self.subject

    @property
    def topic(self) -> str:
        return self.data.topic

    def to_bytes(self, *, traceparent: str | None = None) -> bytes:
        """As it goes on the wire. `traceparent`: of the trace in which it came about."""
        told = self if traceparent is None else self.model_copy(update={"traceparent": traceparent})
        return told.model_dump_json(exclude_none=True).encode()


def event(data: Payload, *, subject: str, sequence: int) -> CloudEvent[Payload]:
    """Puts a fact into its envelope. `sequence` is the subject's version once the fact is true."""
    envelope: type[CloudEvent[Payload]] = CloudEvent.__class_getitem__(type(data))  # type: ignore[assignment]
    return envelope(
        id=str(uuid7()),
        source=f"/bodega/{data.topic}",
        type=data.type_name(),
        subject=subject,
        time=datetime.now(UTC),
        dataschema=f"{SCHEMA_BASE}/{data.schema_name()}",
        sequence=str(sequence),
        data=data,
    )


SCHEMA_BASE = "https://bodega.example/schemas"
