"""Streams of files: which files, which of their columns, and Arrow's columns as NumPy's."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from neural.errors import check_number, guess, sentence, show
from neural.windows import MOST_CLASSES, Array, Piece, Stream


def arrow() -> Any:
    """Return pyarrow; ImportError with what to install."""
    try:
        import pyarrow
        import pyarrow.compute
    except ImportError:
        step = 'Install it: pip install "neural-dense[stream]".'
        raise ImportError(f"Streams of files need pyarrow. {step}") from None
    return pyarrow


def found_files(given: Any) -> list[str]:
    """Return the files that a path, a pattern such as "rows-*.parquet", or several of them stand for, patterns sorted.

    Raises FileNotFoundError where there is none, ValueError for a folder and for a file that comes twice.
    """
    several = given if isinstance(given, list | tuple) else [given]
    found: list[str] = []
    for each in several:
        if not isinstance(each, str | os.PathLike) or not isinstance(name := os.fspath(each), str):
            raise TypeError(sentence("files", "a path, a pattern such as 'rows-*.parquet', or a list of them", each))
        names = [name] if os.path.exists(name) else sorted(glob.glob(name, recursive=True))
        if not names:
            raise FileNotFoundError(f"There is no file {show(name)}.")
        found += names
    if not found:
        raise ValueError(sentence("files", "one at least", given))
    for k, name in enumerate(found):
        if os.path.isdir(name):
            step = f"Name the files in it: {show(os.path.join(name, '*'))}."
            raise ValueError(sentence("files", "files, not folders", name, step))
        if name in found[:k]:
            raise ValueError(sentence("files", "different", name, "It comes twice."))
        if os.path.getsize(name) == 0:
            raise ValueError(sentence(name, "a table of rows", "an empty file"))
    return found


class Files(Stream):
    """The root of streams of files: their columns, and the conversion of what Arrow has read."""

    def __init__(self, files: Any, target: Any, columns: Any, sample_weight: Any, window: Any, classes: Any) -> None:
        self.window = check_number("window", window, low=1, whole=True)
        self.arrow_types: dict[str, Any] = {}
        self.files = found_files(files)
        self._given = target, columns, sample_weight
        self.labels = _labels(classes)

    def choose(self, there: Sequence[str]) -> None:
        """Fix which columns are features, targets and weights, of those in the first file."""
        target, columns, weight = self._given
        self.target = tuple(_names("target", target, there)) if target is not None else ()
        self.weight = _names("sample_weight", [weight], there)[0] if weight is not None else None
        apart = {*self.target, *([] if self.weight is None else [self.weight])}
        chosen = [name for name in there if name not in apart] if columns is None else _names("columns", columns, there)
        both = apart.intersection(chosen)
        if both or len(apart) < len(self.target) + (self.weight is not None):
            rule = "different columns from those of target and sample_weight, and these from one another"
            raise ValueError(sentence("columns", rule, sorted(both or apart)))
        if not chosen:
            raise ValueError(sentence("columns", "one at least beside target and sample_weight", list(there)))
        self.names: tuple[str, ...] = tuple(chosen)
        self.used = [*self.names, *self.target, *([] if self.weight is None else [self.weight])]
        self.all_columns = columns is None
        if self.labels is not None and len(self.target) != 1:
            raise ValueError(sentence("classes", "None unless there is one target", self.labels))

    def check_columns(self, file: str, there: Sequence[str]) -> None:
        """Raise ValueError unless a file has the columns of the first one, or at least those that are wanted."""
        lacking = [name for name in self.used if name not in there]
        more = [name for name in there if name not in self.used] if self.all_columns else []
        if lacking or more:
            rule = f"of the columns of {self.files[0]}"
            got = f"no {show(lacking[0])}" if lacking else f"{show(more[0])} as well"
            step = guess(lacking[0], there) if lacking else "Name those that are wanted: columns=[...]."
            raise ValueError(f"{file} must be {rule}. It has {got}. {step}".rstrip())

    # --- what Arrow has read -----------------------------------------------------------------------------------------
    def piece(self, columns: dict[str, Any], chunk: int, row: int) -> Piece:
        """Return columns as a piece of a chunk, from its row ``row`` on; ValueError where a value is missing."""
        arrays = {name: self._numbers(name, columns[name], chunk, row) for name in self.used}
        y = None
        if self.target:
            targets = [arrays[name] for name in self.target]
            y = targets[0] if len(targets) == 1 else np.stack(targets, axis=1)
        weights = None if self.weight is None else arrays[self.weight]
        return Piece([arrays[name] for name in self.names], y, weights)

    def _numbers(self, name: str, column: Any, chunk: int, row: int) -> Array:
        if self.classes is not None and name in self.target:
            return self._codes(name, column, chunk, row)
        if column.null_count:
            self._missing(name, column, chunk, row)
        if str(column.type).startswith("decimal"):
            column = column.cast("float64")
        found: Array = column.to_numpy(zero_copy_only=False)
        return found

    def _codes(self, name: str, column: Any, chunk: int, row: int) -> Array:
        pa = arrow()
        assert self.classes is not None
        texts = self.texts(column)
        codes = pa.compute.index_in(texts, value_set=pa.array(self.classes.tolist()))
        if codes.null_count:
            if texts.null_count:
                self._missing(name, texts, chunk, row)
            at = int(np.argmax(codes.is_null().to_numpy(zero_copy_only=False)))
            raise ValueError(self.refusal(name, "one of its classes", texts[at].as_py(), chunk, row + at))
        found: Array = codes.to_numpy(zero_copy_only=False)
        return found

    def texts(self, column: Any) -> Any:
        """Return a column as one of texts."""
        return column.cast(arrow().string())

    def _missing(self, name: str, column: Any, chunk: int, row: int) -> None:
        at = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        step = "Fill in what is missing, or leave the row or column out."
        raise ValueError(
            self.refusal(name, "a number" if name not in self.target else "there", None, chunk, row + at, step)
        )

    def refusal(self, name: str, rule: str, value: Any, chunk: int, row: int, step: str = "") -> str:
        """Return the sentence about a value."""
        return sentence(f"{self.where(chunk, row)}: column {show(name)}", rule, value, step)

    # --- classes -----------------------------------------------------------------------------------------------------
    def find_classes(self, is_text: bool) -> None:
        """Fix the classes of a text target: those given, or all that there are, sorted."""
        if self.labels is not None:
            self.classes = np.array(self.labels)
        elif is_text:
            pa, found = arrow(), set[str]()
            for column in self.target_columns():
                found |= {text for text in pa.compute.unique(self.texts(column)).to_pylist() if text is not None}
                if len(found) > MOST_CLASSES:
                    rule = f"numbers, or texts of at most {MOST_CLASSES:,} different values, which are its classes"
                    raise ValueError(
                        sentence(f"the target {show(self.target[0])}", rule, f"more, such as {min(found)!r}")
                    )
            if not found:
                raise ValueError(sentence(f"the target {show(self.target[0])}", "there", "no value in any row"))
            self.classes = np.array(sorted(found))

    def target_columns(self) -> Iterator[Any]:
        """Yield the target of all rows, as Arrow's columns."""
        raise NotImplementedError(f"{type(self).__name__} needs a method target_columns()")


def _labels(classes: Any) -> list[str] | None:
    if classes is None:
        return None
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise TypeError(sentence("classes", "a list of labels", classes))
    found = sorted(map(str, classes))
    if len(set(found)) != len(found) or len(found) < 2:
        raise ValueError(sentence("classes", "two or more different labels", found))
    return found


def _names(what: str, given: Any, there: Sequence[str]) -> list[str]:
    """Return names of columns that are there; ValueError, with the name that may be meant, for others."""
    several = [given] if isinstance(given, str) and what == "target" else given
    if isinstance(several, str) or not isinstance(several, Iterable) or not all(isinstance(n, str) for n in several):
        raise TypeError(sentence(what, "names of columns", given))
    names = list(several)
    for k, name in enumerate(names):
        if name not in there:
            shown = ", ".join(map(repr, there[:20])) + (f" and {len(there) - 20} more" if len(there) > 20 else "")
            raise ValueError(sentence(what, f"of the columns {shown}", name, guess(name, there)))
        if name in names[:k]:
            raise ValueError(sentence(what, "different columns", name, "It comes twice."))
    if not names:
        raise ValueError(sentence(what, "one column at least", given))
    return names


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line that is not too long."""
    text = (str(error).strip() or type(error).__name__).partition("\n")[0]
    return text if len(text) < 200 else text[:197] + "..."
