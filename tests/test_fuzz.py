"""What the API answers to good and to bad requests is what its document says: thousands of them.

`make fuzz` sends a hundred thousand.
"""

from flask import Flask

from .fuzzing import NOT_NOW, Fuzzer, fill

MIXED = 700


def test_every_answer_is_a_documented_one(app: Flask) -> None:
    fill(app)
    fuzzer = Fuzzer(app)
    fuzzer.send_covering()
    fuzzer.send_mixed(MIXED, start=1)
    assert not fuzzer.failures, "\n\n".join(f"{a}\n{b}" for a, b in fuzzer.failures.items())
    assert fuzzer.counts.total() > 1_500
    assert {status for _, status in fuzzer.counts} == {200, 400, 401, 404, 405, 409, 414, 429}
    good = {label for label, status in fuzzer.counts if status in (200, NOT_NOW)}
    assert good == {operation.label for operation in fuzzer.operations}
