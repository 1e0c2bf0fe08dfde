"""What people are told whose input does not fit a field: a sentence, instead of the pattern behind it."""

from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Worded:
    """Stands last in an `Annotated`: whatever else is there, who misses it is told this sentence.

    `Annotated[str, StringConstraints(pattern="^[A-Z]{2}$"), Worded("Write the country as two letters, such as DE.")]`
    """

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # pydantic formats the message with its context: braces are to be doubled.
        message = self.sentence.replace("{", "{{").replace("}", "}}")
        return core_schema.custom_error_schema(
            handler(source), custom_error_type="not_as_described", custom_error_message=message
        )
