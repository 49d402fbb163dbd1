"""A trained network in a folder: graph, weights, and the grids that training found, if it did.

`nas train` writes such a folder, and a package of `nas export` is one, too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load, save

from nas.errors import RunError, TextError
from nas.graph import Graph, parse_text, to_text
from nas.quantize.scheme import Grid
from nas.readers.weights import Array, Weights, check_weights

__all__ = ["StoredNetwork", "is_stored", "load_stored", "store", "write_whole"]

GRAPH, WEIGHTS, GRID = "graph.txt", "weights.safetensors", "grid.json"


@dataclass(frozen=True, slots=True)
class StoredNetwork:
    """What a folder holds.

    Args:
        graph: The network as it is deployed.
        weights: Float weights in the common layout.
        grid: Of each node, where quantisation-aware training learned it; else None.
    """

    graph: Graph
    weights: dict[str, Array]
    grid: tuple[Grid, ...] | None


def is_stored(folder: Path) -> bool:
    """Whether a folder holds a trained network."""
    return (folder / GRAPH).is_file() and (folder / WEIGHTS).is_file()


def store(folder: Path, graph: Graph, weights: Weights, grid: Sequence[Grid] | None = None) -> None:
    """Writes the network into a folder, which exists; each file is replaced as a whole."""
    write_whole(folder / GRAPH, (to_text(graph) + "\n").encode())
    write_whole(folder / WEIGHTS, save(dict(weights)))
    if grid is None:
        (folder / GRID).unlink(missing_ok=True)
    else:
        write_whole(folder / GRID, json.dumps([[g.scale, g.zero_point] for g in grid]).encode())


def load_stored(folder: Path) -> StoredNetwork:
    """Reads a folder that `store` wrote.

    Raises:
        RunError: A file is missing, damaged, or does not belong to the graph; names it.
    """
    try:
        graph = parse_text((folder / GRAPH).read_text(encoding="utf-8"))
        weights = load((folder / WEIGHTS).read_bytes())
        check_weights(graph, weights)
        return StoredNetwork(graph, weights, _load_grid(folder / GRID, len(graph.nodes)))
    except FileNotFoundError as error:
        raise RunError(
            f"{folder} holds no trained network, {Path(error.filename).name} is missing",
            "give a folder that `nas train` or `nas export` wrote",
        ) from None
    except (OSError, SafetensorError, TextError, LookupError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise RunError(f"{folder} cannot be read: {said}", "write it again") from error
    except (RecursionError, OverflowError, MemoryError) as error:
        raise RunError(f"{folder} holds no network that can be read", "write it again") from error


def _load_grid(file: Path, num_nodes: int) -> tuple[Grid, ...] | None:
    if not file.is_file():
        return None
    found = tuple(Grid(float(scale), int(zero)) for scale, zero in json.loads(file.read_text()))
    if len(found) != num_nodes:
        raise ValueError(f"{file.name} has {len(found)} grids for {num_nodes} nodes")
    return found


def write_whole(file: Path, content: bytes) -> None:
    """Replaces a file as a whole: a kill leaves the old or the new one, and maybe a `.part`."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)  # of a kill; or a link, which would be written through
    with part.open("xb") as stream:
        stream.write(content)
    part.replace(file)
