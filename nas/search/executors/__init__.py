"""Where candidates train: in this process, in processes of this machine, or on a Dask cluster.

All are `concurrent.futures` to the search, which keeps them busy through `nas.search.crew`.
"""

from nas.search.executors.base import Executor
from nas.search.executors.choice import check_cluster, open_executor

__all__ = ["Executor", "check_cluster", "open_executor"]
