"""What an audit says: findings, each a sentence that names the thing and the law that it breaks."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is not as it should be. Amounts are in minor units."""

    room: str
    thing: str
    rule: str
    found: str
    expected: str

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes it the same finding at a second look, though a figure has moved on."""
        return self.room, self.thing, self.rule

    @property
    def sentence(self) -> str:
        """For people, and for whoever reads a log."""
        return f"{self.room}: {self.thing} breaks the rule “{self.rule}”: found {self.found}, expected {self.expected}."

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {**asdict(self), "sentence": self.sentence}


@dataclass
class Report:
    """What an audit found, how much it looked at, and what it could not see any more."""

    findings: list[Finding]
    looked_at: dict[str, int] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    """Of each thing that was not judged, a sentence that says why."""


def differs(room: str, thing: str, rule: str, found: object, expected: object) -> Iterator[Finding]:
    """The finding, if there is a difference."""
    if found != expected:
        yield Finding(room, thing, rule, str(found), str(expected))
