"""Checks a package that was exported earlier, here or elsewhere, with LiteRT alone.

A package may come from anybody. So files are found by listing the folder and never by a name that
the package states; nothing is unpickled or executed; a network runs only after its ops, types and
sizes were found to be those of the graph beside it. Hashes say that nothing changed since the
export, not who made it.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from nas.data.resample import Pixels
from nas.errors import NasError, UsageError
from nas.export.check_set import CHECK, CheckSet, Numbers, check_files, read_check_set
from nas.export.finding import Finding
from nas.export.inventory import differences, list_files
from nas.export.judge_tflite import judge_float, judge_int8
from nas.export.keras_archive import foreign_classes, network_name
from nas.export.layout import (
    DEPLOYED,
    FLOAT_TFLITE,
    GRAPH,
    INT8_TFLITE,
    KERAS,
    ONNX,
    PARITY,
    SAVED_MODEL,
    WEIGHTS,
)
from nas.export.measure import Form, measure
from nas.export.record import (
    FLOAT_BOUND,
    INT8_BOUND_DB,
    RERUN_BOUND_DB,
    Record,
    parse_record,
)
from nas.graph import MOBILE_NPU, Graph, violations
from nas.quantize.litert import run_tflite
from nas.quantize.stored import GRID, StoredNetwork, load_stored

__all__ = ["FORMS", "check_package"]

FORMS = {
    "torch": ("", "float"),
    "keras": (KERAS, "float"),
    "saved_model": (f"{SAVED_MODEL}/saved_model.pb", "float"),
    "tflite_float": (FLOAT_TFLITE, "float"),
    "simulation": ("", "int8"),
    "tflite_int8": (INT8_TFLITE, "int8"),
    "onnx_int8": (ONNX, "int8"),
}
"""File and precision of each form, by the name that `parity.json` has; the last is an option."""
_OPTIONAL = {"onnx_int8"}

_LARGEST_RECORD = 2**22  # bytes
_LARGEST_GRAPH = 2**16  # bytes


def check_package(folder: Path) -> tuple[Finding, ...]:
    """All that is wrong with a package; empty where it is as it was exported.

    Raises:
        UsageError: The folder is no package, or cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", "give --check the folder of a package")
    try:
        sizes, odd = list_files(folder)
        if PARITY not in sizes:
            raise UsageError(
                f"{folder} is no package, it has no {PARITY}",
                "give --check a folder that `nas export` wrote",
            )
        return tuple(chain(odd, _check(folder, sizes)))
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be read: {error.strerror}", "see the rights of its files"
        ) from error


def _check(folder: Path, sizes: dict[str, int]) -> Iterator[Finding]:
    if sizes[PARITY] > _LARGEST_RECORD:
        yield Finding(PARITY, "size", f"{sizes[PARITY]} bytes, at most {_LARGEST_RECORD}")
        return
    try:
        record = parse_record((folder / PARITY).read_text(encoding="utf-8"))
    except ValueError as error:
        yield Finding(PARITY, "a record", str(error))
        return
    changed = tuple(differences(folder, sizes, record.files))
    yield from changed
    yield from _judge_record(record)
    # What changed is not opened: the finding is there, and nobody knows what it is now.
    sound = sizes.keys() & record.files.keys() - {finding.file for finding in changed}
    yield from _Contents(folder, record, sound, sizes).findings()


def _judge_record(record: Record) -> Iterator[Finding]:
    """Whether the forms agreed when they were exported."""
    if record.forms.keys() | _OPTIONAL != FORMS.keys():
        said = f"{', '.join(record.forms)}, expected are {', '.join(FORMS)}"
        yield Finding(PARITY, "every form is recorded", said)
        return
    int8_db = _mean(record.forms["tflite_int8"].psnr_db)
    for name, form in record.forms.items():
        if (form.file, form.precision) != FORMS[name]:
            said = f"{form.precision} {form.file}, expected is {' '.join(reversed(FORMS[name]))}"
            yield Finding(PARITY, f"the form {name}", said)
        if form.precision == "float" and not 0 <= (found := _or(form.difference)) <= FLOAT_BOUND:
            said = f"{found:.2g}, at most {FLOAT_BOUND:g}"
            yield Finding(form.file or PARITY, f"{name} is what torch gives", said)
        if form.precision == "int8" and abs(_mean(form.psnr_db) - int8_db) > INT8_BOUND_DB:
            said = f"{_mean(form.psnr_db):.3f} dB and {int8_db:.3f} dB, {INT8_BOUND_DB} dB allowed"
            yield Finding(form.file or PARITY, f"{name} is what {INT8_TFLITE} gives", said)


class _Contents:
    """What the files hold, of those that are as recorded."""

    def __init__(
        self, folder: Path, record: Record, sound: set[str], sizes: dict[str, int]
    ) -> None:
        self._folder = folder
        self._record = record
        self._sound = sound
        self._sizes = sizes

    def findings(self) -> Iterator[Finding]:
        if not self._has(GRAPH, WEIGHTS):
            return
        try:
            trained = self._network("")
        except ValueError as error:
            yield Finding(GRAPH, f"the graph of {WEIGHTS}", str(error))
            return
        graph = trained.graph
        if (digest := graph.digest) != self._record.network:
            said = f"{digest} for {self._record.network}"
            yield Finding(GRAPH, "the network that was exported", said)
            return
        yield from self._judge_graph(graph)
        if self._has(KERAS):
            yield from self._judge_keras(digest)
        images, wrong = self._check_set(graph.scale)
        yield from wrong
        yield from self._judge_tflite(FLOAT_TFLITE, "tflite_float", trained, images)
        if self._has(*(f"{DEPLOYED}/{name}" for name in (GRAPH, WEIGHTS, GRID))):
            try:
                deployed = self._network(DEPLOYED)
                if deployed.graph != graph or deployed.grid is None:
                    raise ValueError(f"it is not that of {GRAPH}")
            except ValueError as error:
                yield Finding(f"{DEPLOYED}/{GRAPH}", f"the network of {INT8_TFLITE}", str(error))
            else:
                yield from self._judge_tflite(INT8_TFLITE, "tflite_int8", deployed, images)

    def _judge_graph(self, graph: Graph) -> Iterator[Finding]:
        if self._record.target != MOBILE_NPU.name:
            yield Finding(PARITY, "target", f"{self._record.target}, known is {MOBILE_NPU.name}")
        if graph.scale != self._record.scale:
            yield Finding(GRAPH, "scale", f"{graph.scale}, recorded is {self._record.scale}")
        for said in violations(graph):
            yield Finding(GRAPH, f"legal on {MOBILE_NPU.name}", said)

    def _network(self, inner: str) -> StoredNetwork:
        """A stored network whose weights fit its graph.

        Raises:
            ValueError: They do not, or it is none.
        """
        place = f"{inner}/{GRAPH}" if inner else GRAPH
        if self._sizes[place] > _LARGEST_GRAPH:
            raise ValueError(f"{self._sizes[place]} bytes, at most {_LARGEST_GRAPH}")
        try:
            return load_stored(self._folder / inner)
        except (NasError, RecursionError) as error:
            raise ValueError(str(error)) from error

    def _judge_keras(self, digest: str) -> Iterator[Finding]:
        try:
            foreign, name = (
                foreign_classes(self._folder / KERAS),
                network_name(self._folder / KERAS),
            )
        except ValueError as error:
            yield Finding(KERAS, "a Keras archive", str(error))
            return
        if foreign:
            yield Finding(KERAS, "built-in layers only", ", ".join(foreign))
        if name != f"nas_{digest}":
            yield Finding(KERAS, f"the network of {GRAPH}", f"{name} for nas_{digest}")

    def _judge_tflite(
        self, name: str, form: str, network: StoredNetwork, images: CheckSet | None
    ) -> Iterator[Finding]:
        """Whether a file is of this network, and still does what was recorded."""
        if not self._has(name):
            return
        content = (self._folder / name).read_bytes()
        judge = judge_int8 if name == INT8_TFLITE else judge_float
        found = tuple(judge(content, network, self._record))
        yield from found
        if not found and images is not None and form in self._record.forms:
            yield from self._rerun(name, form, content, images)

    def _check_set(self, scale: int) -> tuple[CheckSet | None, list[Finding]]:
        if not self._has(*(f"{CHECK}/{name}" for name in check_files())):
            return None, []
        try:
            images = read_check_set(self._folder / CHECK)
            if images.scale != scale:
                raise ValueError(f"they are x{images.scale}, the network is x{scale}")
        except (OSError, ValueError) as error:
            return None, [Finding(CHECK, "images to check on", str(error))]
        return images, []

    def _rerun(self, name: str, form: str, content: bytes, images: CheckSet) -> Iterator[Finding]:
        recorded = self._record.forms[form]

        def run(image: Pixels) -> Numbers:
            made: Numbers = run_tflite(content, image[None])[0]
            return made

        try:
            made = measure(
                Form(form, name, recorded.precision, ""), run, images, self._record.input_size
            )
        except (RuntimeError, ValueError) as error:
            yield Finding(name, "LiteRT runs it", " ".join(str(error).split())[:200])
            return
        for place, (found, wanted) in enumerate(zip(made.psnr_db, recorded.psnr_db, strict=True)):
            if abs(found - wanted) > RERUN_BOUND_DB:
                said = f"{found:.3f} dB, recorded are {wanted:.3f} dB"
                yield Finding(name, f"PSNR of check image {place + 1}", said)

    def _has(self, *names: str) -> bool:
        return self._sound.issuperset(names)


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


def _or(difference: float | None) -> float:
    return -1.0 if difference is None else difference
