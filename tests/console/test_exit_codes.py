from __future__ import annotations

import click
import pytest

from console.exit_codes import ExitCode, exit_code
from engine import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ExpectationError("x"), 1),
        (errors.UsageError("x"), 2),
        (errors.SettingsError("x"), 2),
        (errors.SourceError("x"), 2),
        (errors.MissingExtraError("x"), 2),
        (click.UsageError("x"), 2),
        (click.BadParameter("x"), 2),
        (FileNotFoundError(2, "No such file or directory", "x"), 2),
        (errors.StoreError("x"), 3),
        (errors.IndexNotFoundError("x"), 3),
        (errors.IndexLockedError("x"), 3),
        (errors.IndexMismatchError("x"), 3),
        (errors.EmbedderError("x"), 3),
        (errors.RerankerError("x"), 4),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (BrokenPipeError(), 0),
        (ZeroDivisionError(), 70),
    ],
)
def test_every_error_has_its_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_every_class_of_ours_is_told_apart_from_a_fault() -> None:
    def below(kind: type[Exception]) -> list[type[Exception]]:
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in below(child))]

    # an exception is told by its class alone; some take more to be made than a message
    assert all(exit_code(kind.__new__(kind)) is not ExitCode.INTERNAL for kind in below(errors.RankscopeError))
