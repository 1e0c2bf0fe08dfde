"""What can go wrong in a bench.

    BenchError      it cannot go on; the message says why, for people
    Refused         the shop did not sell; `answer` says what it said instead

Both are raised here and nowhere else: a load counts what was refused, and ends the bench only if nothing was sold.
"""


class BenchError(Exception):
    """The bench cannot go on; the message says why."""


class Refused(Exception):
    """The shop's answer was no success. `answer`: its status and code, `409 out_of_stock`, or `no answer`.

    `is_undecided`: whether the same question may still be answered otherwise. `come_again_seconds`: after how many the
    shop, which is busy, wants to be asked again.
    """

    def __init__(self, answer: str, *, is_undecided: bool = False, come_again_seconds: float | None = None) -> None:
        super().__init__(answer)
        self.answer = answer
        self.is_undecided = is_undecided
        self.come_again_seconds = come_again_seconds
