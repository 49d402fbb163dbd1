"""The whole package of a trained network: every form, its documents, and the proof that they agree.

Imports torch and TensorFlow.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras

from nas.errors import NasError, UsageError
from nas.export import layout, run_package
from nas.export.attribution import attribution
from nas.export.card import Facts, card
from nas.export.check_set import CHECK, make_check_set
from nas.export.float_forms import to_float_tflite, write_saved_model
from nas.export.forms import measure_forms
from nas.export.inventory import file_facts, list_files
from nas.export.record import Record, record_text
from nas.export.synap import SYNAP_YAML
from nas.export.tflite_content import read_content
from nas.export.verify import check_package
from nas.export.wishes import Wishes
from nas.graph import MOBILE_NPU, Graph, ResizeNearest, TransposedConv2d
from nas.quantize.convert import to_tflite
from nas.quantize.stored import StoredNetwork, load_stored, store, write_whole
from nas.readers.draw import draw_svg

__all__ = ["ship"]

_SIZES_INSIDE = (ResizeNearest, TransposedConv2d)  # hold the size of their output as a number


def ship(
    source: Path,
    folder: Path,
    *,
    facts: Facts,
    wishes: Wishes,
    deployed: Callable[[], StoredNetwork],
    note: Callable[[str], None],
) -> Record:
    """Writes a package.

    Args:
        source: Of a finalist: `model.keras`, `model.tflite`, graph, weights, `result.json`.
        folder: Exists and is empty.
        facts: Of the run.
        wishes: What is wanted beyond.
        deployed: Gives weights and grids of the INT8 file.
        note: Told of each slow step.

    Returns:
        What `parity.json` holds.

    Raises:
        UsageError: A free size of a network that has none.
        DeviceError: Vela is asked for and does not run.
        NasError: The forms do not agree, so that nothing should be shipped.
    """
    trained = load_stored(source)
    graph = trained.graph
    _check_wishes(graph, wishes)
    for name in (layout.KERAS, layout.GRAPH, layout.WEIGHTS, layout.RESULT):
        shutil.copyfile(source / name, folder / name)
    int8 = deployed()
    (folder / layout.DEPLOYED).mkdir()
    store(folder / layout.DEPLOYED, int8.graph, int8.weights, int8.grid)
    _write_forms(source, folder, trained=trained, int8=int8, wishes=wishes, note=note)
    estimate = None
    if wishes.vela:
        from nas.export.vela import compile_for_ethos

        note(f"compiling for {wishes.vela}")
        estimate = compile_for_ethos(graph, wishes.vela, folder, folder / layout.VELA)
    check_set = make_check_set(graph.scale)
    (folder / CHECK).mkdir()
    check_set.write(folder / CHECK)
    content = read_content((folder / layout.INT8_TFLITE).read_bytes())
    record = Record(
        network=graph.digest,
        scale=graph.scale,
        input_size=wishes.size,
        target=MOBILE_NPU.name,
        ops=content.num_ops,
        types=content.num_types,
        forms=measure_forms(folder, trained, int8, check_set, wishes.size, note),
        files={},
    )
    texts = {
        layout.CARD: card(facts, graph, record, estimate=estimate, onnx=wishes.onnx or ""),
        layout.DRAWING: draw_svg(graph, title=facts.name) + "\n",
        layout.ATTRIBUTION: attribution(facts.data, facts.valid),
        layout.SYNAP: SYNAP_YAML,
        layout.SCRIPT: Path(run_package.__file__).read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return _seal(folder, record, note)


def _check_wishes(graph: Graph, wishes: Wishes) -> None:
    if wishes.size is not None:
        return
    ops = (node.op for node in graph.nodes)
    stuck = sorted({type(op).__name__ for op in ops if isinstance(op, _SIZES_INSIDE)})
    if stuck:
        raise UsageError(
            f"a file of {graph.digest} cannot have a free size: its {' and '.join(stuck)} would "
            "compute sizes on the device, which no NPU does",
            "leave out --free-size",
        )


def _write_forms(
    source: Path,
    folder: Path,
    *,
    trained: StoredNetwork,
    int8: StoredNetwork,
    wishes: Wishes,
    note: Callable[[str], None],
) -> None:
    """All files of a network but the Keras one, which is there."""
    note("converting to SavedModel and TensorFlow Lite")
    write_saved_model(
        keras.saving.load_model(folder / layout.KERAS, compile=False), folder / layout.SAVED_MODEL
    )
    as_float = to_float_tflite(trained.graph, trained.weights, wishes.size)
    write_whole(folder / layout.FLOAT_TFLITE, as_float)
    write_whole(folder / layout.INT8_TFLITE, _int8_file(source, int8, wishes.size))
    if wishes.onnx:
        from nas.export.onnx_file import write_onnx_int8

        note("converting to ONNX")
        height, width = wishes.size or (None, None)
        write_onnx_int8(
            int8.graph,
            int8.weights,
            int8.grid or (),
            folder / layout.ONNX,
            height=height,
            width=width,
            layout=wishes.onnx,
        )


def _int8_file(source: Path, int8: StoredNetwork, size: tuple[int, int] | None) -> bytes:
    """The file that the run measured where it has that size, else another of the same codes."""
    made = (source / layout.INT8_TFLITE).read_bytes()
    if read_content(made).size == size:
        return made
    height, width = size or (None, None)
    return to_tflite(int8.graph, int8.weights, int8.grid or (), height=height, width=width)


def _seal(folder: Path, record: Record, note: Callable[[str], None]) -> Record:
    """Records every file, and checks the package as its receiver will."""
    note("checking the package")
    sizes, odd = list_files(folder)
    files = {name: file_facts(folder / name) for name in sorted(sizes)}
    sealed = replace(record, files=files)
    write_whole(folder / layout.PARITY, record_text(sealed).encode())
    if wrong := [*odd, *check_package(folder)]:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise NasError(f"the package would be wrong: {wrong[0]}{more}")
    return sealed
