"""What a loading process sends: a batch, or why there is none."""

from __future__ import annotations

import io
from multiprocessing.reduction import ForkingPickler
from typing import Any

from torch import Tensor

from absgd_worker.errors import RemoteError, TaskError
from absgd_worker.link.failure import describe_failure
from absgd_worker.task.reading import Contents, Key, Reader, Unreadable, reason_of


class RemoteReader:
    """The dataset of the DataLoader: its index is a key, its item a batch with its contents, or a failure."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __getitem__(self, key: Key) -> tuple[Any, Contents] | Failed:
        try:
            batch = self._reader.read(key)
            _check_picklable(batch[0])
            return batch
        except (Exception, SystemExit) as error:
            return Failed(error)


class Failed:
    """The failure of a batch, as text: the exception itself may not be picklable."""

    def __init__(self, error: Exception | SystemExit) -> None:
        self._unreadable: dict[str, Any] | None = None
        cause: BaseException | None = error
        if isinstance(error, Unreadable):
            self._unreadable = {"reason": error.reason, "index": error.index, "given": error.given}
            cause = error.__cause__
        failure = None if cause is None else describe_failure(cause)
        self._message = failure.message if failure else ""
        self._traceback = failure.traceback if failure else ""

    def error(self) -> Exception:
        """The error to raise in the process that trains."""
        return TaskError(self._message) if self._unreadable is None else Unreadable(**self._unreadable)

    def cause(self) -> RemoteError | None:
        """The exception of the task's code behind it, if there is one."""
        return RemoteError(self._traceback) if self._traceback else None


def unchanged(item: Any) -> Any:
    """The `collate_fn` of a DataLoader whose items are batches."""
    return item


def _check_picklable(batch: Any) -> None:
    """Raises TaskError if the batch cannot be sent: the DataLoader would lose it, and wait for it forever."""
    try:
        _PicklerBesideTensors(io.BytesIO()).dump(batch)
    except Exception as error:
        raise TaskError(
            f"a batch cannot be sent from a loading process: {reason_of(error)}; return tensors, numbers, "
            "strings, and lists, tuples and dictionaries of them, or set num_workers=0"
        ) from None


class _PicklerBesideTensors(ForkingPickler):
    """Pickles everything but tensors, which go through shared memory."""

    def persistent_id(self, obj: Any) -> str | None:
        if not isinstance(obj, Tensor):
            return None
        if obj.requires_grad and not obj.is_leaf:
            raise ValueError("a tensor in it has a gradient's history: use .detach()")
        return "tensor"
