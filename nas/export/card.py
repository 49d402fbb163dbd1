"""`card.md`: what a person must know before using a network, in one page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from nas.evaluate.statistics import mean_of, paired_difference
from nas.export.check_set import PHOTOGRAPHS
from nas.export.record import Record
from nas.graph import Graph, to_text
from nas.readers.cost import read_cost

__all__ = ["Facts", "card"]

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run says of a network.

    Args:
        run: Name of the run.
        result: Of `result.json`; values may be missing.
        data: Images that trained it, as `--data` of the run names them.
        valid: Images that it was validated on, if named apart.
        device: Whose milliseconds were predicted.
        seed: Of the run.
    """

    run: str
    result: Mapping[str, Any]
    data: str
    valid: str | None
    device: str
    seed: int

    @property
    def name(self) -> str:
        """Of the literature, or the trial's."""
        trial = self.result.get("trial")
        numbered = self.run if trial is None else f"{self.run}#{trial}"
        return f"{self.result['zoo']} ({numbered})" if self.result.get("zoo") else numbered


def card(
    facts: Facts, graph: Graph, record: Record, *, estimate: Mapping[str, Any] | None, onnx: str
) -> str:
    """The page.

    Args:
        facts: Of the run.
        graph: The network.
        record: What its forms made of the check images.
        estimate: Of Arm's compiler, if it was asked.
        onnx: Layout of the ONNX file; empty where there is none.
    """
    sections = (
        _head(facts, graph, record),
        _network(graph),
        _quality(facts, record),
        _time(facts, estimate),
        _training(facts),
        _limits(facts, record),
        _use(record, onnx, estimate),
    )
    return "\n\n".join(part for section in sections for part in section) + "\n"


def _head(facts: Facts, graph: Graph, record: Record) -> Iterator[str]:
    yield f"# {facts.name}"
    yield _paragraph(
        f"A network that upscales RGB images by {graph.scale}, quantised to 8 bits throughout; its "
        f"digest is `{graph.digest}`. `model.tflite` takes {_size(record)} as uint8 and gives the "
        "upscaled image as uint8. Both are plain pixels, 0 to 255."
    )
    yield "**Meant for** upscaling photographs and video frames in real time on mobile NPUs."
    yield _paragraph(
        "**Not meant for** images whose details must be true, such as medical, satellite or "
        "forensic ones: what it adds is plausible and not measured."
    )


def _network(graph: Graph) -> Iterator[str]:
    cost = read_cost(graph, 360, 640)
    yield "## The network"
    yield "![The graph](graph.svg)"
    yield _paragraph(
        f"{cost.parameters:,} parameters; {cost.macs / 1e9:.2f} G multiply-adds for an input of "
        "640 x 360 pixels. In the text form:"
    )
    yield f"```text\n{to_text(graph)}\n```"


def _quality(facts: Facts, record: Record) -> Iterator[str]:
    yield "## Quality"
    psnr_db, float_db = (
        _float(facts.result, f"psnr_{form}_db") for form in ("litert_int8", "torch_float")
    )
    if psnr_db is not None:
        before = f" Before quantisation it was {float_db:.3f} dB." if float_db is not None else ""
        yield _paragraph(
            f"{psnr_db:.3f} dB PSNR in RGB, of `model.tflite` run by LiteRT, over the validation "
            f"crops of the run, by which the network was chosen.{before} It is no figure on whole "
            "images, and not comparable with papers."
        )
    seen = ", which are among those that chose it" if _is_bundled(facts) else ""
    yield _paragraph(
        f"On the {len(PHOTOGRAPHS)} images in `check/`{seen}, with 95 % intervals of Student's t "
        "over the images:"
    )
    reference = record.forms["torch"].psnr_db
    rows = (
        (
            f"`{form.file}`" if form.file else f"{name}, {form.precision}",
            form.runtime,
            _mean(form.psnr_db),
            _gap(form.psnr_db, reference),
        )
        for name, form in record.forms.items()
    )
    yield _table(("form", "runtime", "PSNR dB", "to float in torch, dB"), rows)
    yield _paragraph(
        "The interval of the mean is wide because images differ; that of the difference tells "
        "what a form costs. `parity.json` has the figures image by image."
    )


def _time(facts: Facts, estimate: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## Time"
    result = facts.result
    said = []
    if (latency_ms := _float(result, "latency_ms")) is None:
        said.append(f"No time is predicted for `{facts.device}`.")
    else:
        low, high = (_float(result, f"latency_{end}_ms") for end in ("low", "high"))
        interval = f" (80 % interval {low:.2f} to {high:.2f} ms)" if low and high else ""
        said.append(
            f"{latency_ms:.2f} ms predicted on `{facts.device}`{interval}, for an input of the "
            "size that it was measured with: by a model of the device, not by the device."
        )
    if (measured_ms := _float(result, "measured_ms")) is not None:
        said.append(f"{measured_ms:.2f} ms {result.get('measured_how', 'measured')}.")
    if (score := _float(result, "score")) is not None:
        said.append(f"Score {score:.4g} by `{result.get('score_constant', 'mai2022')}`.")
    if estimate:
        runtime, note = estimate["conditions"]["runtime"], estimate["note"]
        said.append(f"{estimate['latency_ms']:.2f} ms estimated by {runtime}.")
        said.append(f"Note: {note}." if note else "")
    yield _paragraph(" ".join(filter(None, said)))


def _training(facts: Facts) -> Iterator[str]:
    result = facts.result
    versions = (result.get("environment") or {}).get("versions") or {}
    known = ("nas", "torch", "keras", "ai-edge-litert")
    software = ", ".join(f"{name} {versions[name]}" for name in known if name in versions)
    yield "## Training"
    yield _table(
        ("what", "value"),
        [
            ("images", f"`{facts.data}`; licences are in `ATTRIBUTION.md`"),
            ("steps", str(result.get("steps", "not said"))),
            ("seed", str(result.get("seed", facts.seed))),
            *([("software", software)] if software else []),
        ],
    )


def _limits(facts: Facts, record: Record) -> Iterator[str]:
    limits = ["The training was short, made to rank networks. Train it longer before you ship it."]
    if _is_bundled(facts):
        limits.append("It has seen synthetic shapes in training, not photographs.")
    limits.append("It undoes bicubic downscaling: noise and compression are kept or amplified.")
    if record.input_size:
        limits.append(
            "`model.tflite` has one input size. Other images go through it in pieces, as in "
            "`run.py`."
        )
    limits.append(
        "Every PSNR above comes from a desktop processor. An accelerator may round otherwise: "
        "compare what it makes of `check/` before you trust it."
    )
    yield "## Limits"
    yield "\n".join(fill(f"- {limit}", _WIDTH, subsequent_indent="  ") for limit in limits)


def _use(record: Record, onnx: str, estimate: Mapping[str, Any] | None) -> Iterator[str]:
    rows = [
        ("any machine, Python", "`python run.py PHOTO.png UPSCALED.png`"),
        ("Android", "`model.tflite` with LiteRT; uint8 in, uint8 out"),
        ("AI Benchmark", "PRO mode: copy `model.tflite` into Download, choose INT8"),
        (
            "Synaptics VS680",
            "`synap convert --model model.tflite --meta synap.yaml --target VS680`",
        ),
        ("TensorFlow", "`saved_model/`, or `model.keras` by `keras.saving.load_model`; 0..1"),
        ("float, to compare with", "`model_float.tflite`; float32, 0..1"),
    ]
    if estimate:
        rows.append((f"Arm {estimate['accelerator']}", "`vela/model_vela.tflite`"))
    if onnx:
        said = f"`model.onnx`: INT8 by QuantizeLinear, {onnx.upper()}, uint8 in, uint8 out"
        rows.append(("ONNX runtimes", said))
    yield "## How to run it"
    yield _table(("where", "what"), rows)
    yield "`nas export --check FOLDER` tells whether this package is still as it was exported."


def _paragraph(text: str) -> str:
    return fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_bundled(facts: Facts) -> bool:
    return "bundled" in facts.data


def _mean(values: Sequence[float]) -> str:
    found = mean_of(values)
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _gap(values: Sequence[float], reference: Sequence[float]) -> str:
    found = paired_difference(values, reference)
    ends = (round(value, 3) + 0.0 for value in (found.mean, found.low, found.high))  # no -0.000
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*ends)


def _float(result: Mapping[str, Any], name: str) -> float | None:
    value = result.get(name)
    return float(value) if isinstance(value, int | float) else None


def _size(record: Record) -> str:
    if record.input_size is None:
        return "an image of any size"
    height, width = record.input_size
    return f"an image of {width} x {height} pixels (1 x {height} x {width} x 3)"
