"""Runs batches of work in this process, in a pool of processes, or on a cluster of Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeVar

from archspec import extras
from archspec.errors import ArchspecError

Batch = TypeVar("Batch")
Result = TypeVar("Result")

_WAITING = 3  # batches per process that wait for their turn
_PATIENCE = "20s"  # for a scheduler to answer
_RESTARTS = 10  # pools that may break before it is given up


class WorkersLostError(ArchspecError, RuntimeError):
    """Raised if there is nobody who works, or if processes end again and again while they work."""


Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
"""Runs a function on batches and yields its results."""


def choose_executor(processes: int = 1, scheduler: str | None = None) -> Run:
    """The way to run batches: on a cluster if there is the address of a scheduler, in a pool, or in this process.

    >>> list(choose_executor()(abs, [-1, 2]))
    [1, 2]
    """
    if scheduler is not None:
        return partial(run_on_cluster, scheduler=scheduler)
    return partial(run_in_pool, processes=processes) if processes > 1 else run_here


def run_here(work: Callable[[Batch], Result], batches: Iterable[Batch]) -> Iterator[Result]:
    """The results in this process, in order."""
    return map(work, batches)


def run_in_pool(work: Callable[[Batch], Result], batches: Iterable[Batch], processes: int) -> Iterator[Result]:
    """The results from a pool of processes, in the order in which they come. If a process is killed, its batch is run again.

    Raises:
        WorkersLostError: pools break again and again.
    """
    waiting, breaks = iter(batches), 0
    again: list[Batch] = []
    while True:
        pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
        running: dict[Future[Result], Batch] = {}
        try:
            while True:
                again += islice(waiting, max(0, processes * _WAITING - len(running) - len(again)))
                while again:
                    running[pool.submit(work, again[-1])] = again[-1]
                    again.pop()
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    del running[future]
                    yield result
        except BrokenProcessPool:
            breaks += 1
            if breaks > _RESTARTS:
                raise WorkersLostError(f"the processes of {breaks} pools ended while they worked") from None
            finished = [future for future in running if future.done() and future.exception() is None]
            again += [batch for future, batch in running.items() if future not in finished]
            yield from (future.result() for future in finished)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def run_on_cluster(work: Callable[[Batch], Result], batches: Iterable[Batch], scheduler: str) -> Iterator[Result]:
    """The results from the workers of a scheduler of Dask distributed, as `tcp://host:8786`, in the order in which they come.

    A batch whose worker is lost is run by another one.

    Raises:
        WorkersLostError: nothing answers at the address, or workers end again and again.
    """
    distributed: Any = extras.load_extra("distributed", "a scheduler", "pip install 'archspec-nn[cluster]'")
    try:
        client = distributed.Client(scheduler, set_as_default=False, timeout=_PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise WorkersLostError(f"no scheduler at {scheduler}: {error}") from error
    with client:
        waiting = iter(batches)
        most = max(1, sum(client.nthreads().values())) * _WAITING
        first = client.map(work, list(islice(waiting, most)), pure=False, retries=_RESTARTS)
        completed = distributed.as_completed(first, loop=client.loop)
        for future in completed:
            result = future.result()
            for batch in islice(waiting, 1):
                completed.add(client.submit(work, batch, pure=False, retries=_RESTARTS))
            yield result
