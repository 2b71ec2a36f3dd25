"""Running a stage over a table on a Ray cluster: chunks of rows go through Ray Data, their results come back.

Only the rows of a chunk and the stage's settings travel; pictures are read where they are decoded. Results come back
in the order of the chunks and one process commits them, so the tables equal those of one machine, whoever died.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from index.stages.local_runner import Stage, run_local
from index.stages.progress import Bar
from schema.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

# Chunks of one pass through Ray Data: 256 x 2048 rows hold some 100 MB of the cluster's object store, and what a pass
# costs to start (the models are loaded again) does not show beside half a million pictures.
PASS_CHUNKS = 256


class RayRunner:
    """Runs stages on the cluster that RAY_ADDRESS names, else over workers on this machine.

    ``replicas`` workers at most, 0 for one per GPU of the cluster, or one per two cores where it has none.
    Raises SettingsError when the ray extra is not installed.
    """

    def __init__(self, replicas: int = 0) -> None:
        try:
            import ray
        except ImportError as error:
            raise SettingsError(
                "the runner 'ray' needs Ray, which is not installed", "Run: pip install 'ray[data]>=2.50'"
            ) from error
        if not ray.is_initialized():
            ray.init(log_to_driver=False, configure_logging=False)
        self._gpus = float(ray.cluster_resources().get("GPU", 0))
        cores = float(ray.cluster_resources().get("CPU", 1))
        self._replicas = replicas or max(1, int(self._gpus or cores // 2))

    def run(
        self,
        chunks: Iterable[pa.Table],
        stage: Stage,
        commit: Callable[[pa.Table], None],
        *,
        commit_rows: int,
        bar: Bar,
    ) -> int:
        """As ``run_local``, the work done by the cluster."""
        return run_local(chunks, _Remote(self, stage), commit, commit_rows=commit_rows, bar=bar)

    def results(self, chunks: Iterable[pa.Table], stage: Stage) -> Iterator[pa.Table]:
        """Yield the results of chunks in their order; a worker that dies is replaced and its chunk done again."""
        import ray.data

        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        waiting = iter(chunks)
        while part := list(islice(waiting, PASS_CHUNKS)):
            schema = None
            done = ray.data.from_arrow(part).map_batches(
                _Worker,
                fn_constructor_args=(stage,),
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(self._replicas, len(part))),
                num_gpus=1 if self._gpus else 0,
            )
            for result in done.iter_batches(batch_size=None, batch_format="pyarrow"):
                schema = schema or result.schema
                yield result.cast(schema)


class _Remote:
    """A stage whose chunks are worked on by a cluster."""

    def __init__(self, runner: RayRunner, stage: Stage) -> None:
        self._runner = runner
        self._stage = stage

    def __call__(self, table: pa.Table) -> pa.Table:
        return next(self.stream([table]))

    def stream(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        return self._runner.results(tables, self._stage)


class _Worker:
    """What Ray builds once on each worker: the stage, whose heavy parts it makes at the first chunk."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage

    def __call__(self, table: pa.Table) -> pa.Table:
        return self._stage(table)
