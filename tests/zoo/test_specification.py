"""Every network beside the specification that was made from the papers, layer by layer."""

import json
from pathlib import Path
from typing import Any

import pytest

from nas.graph import (
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv2d,
    DepthToSpace,
    GlobalAveragePool,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Multiply,
    NearestConv2d,
    Op,
    Prelu,
    Relu,
    Repeat,
    ResizeBicubic,
    ResizeNearest,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
    TransposedConv2d,
)
from nas.readers.cost import count_fixed_parameters, count_macs, count_parameters
from nas.zoo import ENTRIES
from nas.zoo.check import Reference, reference_counts

SPEC = Path(__file__).parents[2].parent / "shared" / "zoo" / "zoo_spec.json"
ROWS: dict[str, dict[str, Any]] = (
    {row["name"]: row for row in json.loads(SPEC.read_text()) if row.get("layers")}
    if SPEC.is_file()
    else {}
)
NAMES = list(ROWS) or [
    pytest.param("", marks=pytest.mark.skip(reason=f"the specification is not at {SPEC}"))
]
each_network = pytest.mark.parametrize("name", NAMES)
ACTIVATIONS: dict[str, Op] = {
    "relu": Relu(),
    "tanh": Tanh(),
    "lrelu0.05": LeakyRelu(0.05),
    "lrelu0.2": LeakyRelu(0.2),
}


def ops_of(layer: dict[str, Any]) -> tuple[Op, ...]:
    """A layer of the specification with one input, in the vocabulary."""
    kind, act = layer["op"], layer.get("act", "none")
    if kind == "conv" and not layer["trainable"]:
        return (NearestConv2d(3),)
    if kind == "conv":
        fused = "relu" if act == "relu" else "none"
        attributes = {key: layer[key] for key in ("groups", "bias", "stride")}
        conv = Conv2d(layer["cout"], kernel=layer["k"], activation=fused, **attributes)
        return (conv,) if act in ("none", "relu") else (conv, ACTIVATIONS[act])
    makers = {
        "tconv": lambda: TransposedConv2d(layer["cout"], layer["k"], layer["stride"]),
        "prelu": lambda: Prelu(shared=layer["n"] == 1),
        "bn": BatchNorm,
        "act": lambda: ACTIVATIONS[act],
        "slice": lambda: Slice(layer["begin"], layer["size"]),
        "d2s": lambda: DepthToSpace(layer["r"]),
        "s2d": lambda: SpaceToDepth(layer["r"]),
        "clip": Clip,
        "resize_nearest": lambda: ResizeNearest(layer["r"]),
        "resize_bicubic": lambda: ResizeBicubic(layer["r"]),
        "gap": GlobalAveragePool,
        "sigmoid": Sigmoid,
    }
    return (makers[kind](),)


def specified(layers: list[dict[str, Any]]) -> Graph:
    """The graph of a list of layers."""
    g = GraphBuilder(channels=3)
    made = {layers[0]["id"]: g.input}
    for layer in layers[1:]:
        xs = [made[i] for i in layer["inputs"]]
        if layer["op"] == "concat":
            copies = set(xs) == {g.input}
            x = g.append(Repeat(len(xs)), g.input) if copies else g.append(Concat(), *xs)
        elif layer["op"] == "mul":
            x = g.append(Multiply(), *xs)
        elif layer["op"] == "add":
            x = xs[0]
            for other in xs[1:]:
                x = g.append(Add(), x, other)
            x = g.append(Relu(), x) if layer["act"] == "relu" else x
        else:
            x = g.chain(xs[0], *ops_of(layer))
        made[layer["id"]] = x
    return g.graph(x)


@pytest.mark.skipif(not ROWS, reason=f"the specification is not at {SPEC}")
def test_entries_are_the_specified_networks() -> None:
    assert set(ENTRIES) == set(ROWS)


@pytest.mark.skipif(not ROWS, reason=f"the specification is not at {SPEC}")
def test_reference_counts_are_the_specified_ones() -> None:
    assert reference_counts() == {
        name: Reference(row["params"], row["macs_640x360"]) for name, row in ROWS.items()
    }


@each_network
def test_counts_are_the_specified_ones(name: str) -> None:
    row, graph = ROWS[name], ENTRIES[name].build()
    assert count_parameters(graph) == row["params"]
    assert count_parameters(graph) + count_fixed_parameters(graph) == row["params_total"]
    assert count_macs(graph, 360, 640) == row["macs_640x360"]


@each_network
def test_layers_are_the_specified_ones(name: str) -> None:
    assert ENTRIES[name].build().deployed.digest == specified(ROWS[name]["layers"]).digest


@each_network
def test_origin_is_the_specified_one(name: str) -> None:
    row, entry = ROWS[name], ENTRIES[name]
    mark = row["confidence"]["mark"]
    assert entry.confidence == ("stand-in" if mark == "unknown" else mark)
    assert (entry.team, entry.year) == (row["team"], row["year"])
    assert entry.reading_of == row.get("variant_of", "")


FIGURES = {  # of the specification, and what it is called here
    "params": "parameters",
    "model_size_kb": "model_size_kib",
    "psnr_fp32_val": "psnr_float_val_db",
    "psnr_uint8_val": "psnr_uint8_val_db",
    "psnr_uint8_val_000": "psnr_uint8_val_db",
    "psnr_uint8_val_002": "psnr_uint8_val_xcat_db",
    "psnr_ptq_val": "psnr_ptq_val_db",
    "psnr_qat_val": "psnr_qat_val_db",
    "psnr_int8_test": "psnr_int8_test_db",
    "psnr_drop": "psnr_drop_db",
    "psnr_drop_test": "psnr_drop_db",
    "psnr_drop_fp32_to_int8": "psnr_drop_db",
    "psnr_drop_val": "psnr_drop_val_db",
    "drop": "psnr_drop_val_db",
    "ssim": "ssim",
    "ssim_drop": "ssim_drop",
    "ssim_drop_test": "ssim_drop",
    "cpu_ms": "cpu_ms",
    "npu_ms": "npu_ms",
    "npu_ms_nchw": "npu_ms",
    "npu_ms_nhwc": "npu_nhwc_ms",
    "npu_ms_000": "npu_xlsr_ms",
    "mali_ms": "mali_ms",
    "speedup": "speedup",
    "final_score_2021": "score_2021",
    "final_score_2022": "score_2022",
    "final_score": "score_2022",
    "score_xcat_formula": "score_xcat",
    "ops_fp32_G": "ops_float_gmacs",
    "ops_666_G": "ops_6_6_8_gmacs",
    "memory_fp32_MB": "memory_float_mb",
}
TABLES = ("rows", "ablation_table5_4_4_32")  # of the FQSR paper; see below
PARAMETERS = {  # text around the number
    "52,279 (53K)": {"parameters": "52,279"},
    "140K -> 42.5K": {"parameters": "42.5K", "train_parameters": "140K"},
}
METHODS = {"Lite": "FQSR_Lite", "woM": "SRResNet_w/o M"}
SETS = ("Set5", "Set14", "B100", "Urban100", "DIV2K")


def expected_figures(row: dict[str, Any]) -> dict[str, float | str]:
    """Of one row, in the names of this package; counts as they are printed."""
    found: dict[str, float | str] = {}
    for key, value in row["published"].items():
        if key == "params":
            found |= PARAMETERS.get(value, {"parameters": value})
        elif key == "galaxy_a21s_ms":
            found |= {f"galaxy_a21s_{unit}_ms": ms for unit, ms in value.items()}
        elif key not in TABLES and value not in ("n.a.", "failed"):
            found[FIGURES[key]] = value
    return found | fqsr_figures(row)


def fqsr_figures(row: dict[str, Any]) -> dict[str, float]:
    """The float row and the 8/8/8 row of the tables; of a variant its only row."""
    origin = ROWS.get(row.get("variant_of", ""), row)
    variant = row["name"].removeprefix("FQSR-SRResNet_").partition("-")[0]
    wanted = [METHODS[variant]] if variant in METHODS else ["SRResNet", "EDSR", "SRGAN", "FQSR"]
    found: dict[str, float] = {}
    for line in row["published"].get("rows", origin["published"].get("rows", ())):
        bits = [f"{line[part]:g}" for part in ("wt", "fm", "sc") if line[part] != "p1"]
        kind = "float" if bits == ["32"] * 3 else "_".join(bits)
        if line["method"] not in wanted or (line["method"] == "FQSR" and kind != "8_8_8"):
            continue
        for where in SETS:
            found[f"psnr_{where.lower()}_{kind}_db"] = line[f"{where}_psnr"]
            found[f"ssim_{where.lower()}_{kind}"] = line[f"{where}_ssim"]
    return {name: value for name, value in found.items() if value != "-"}


@each_network
def test_figures_are_the_specified_ones(name: str) -> None:
    figures = ENTRIES[name].published
    assert len({figure.name for figure in figures}) == len(figures)
    assert {f.name: f.printed or f.value for f in figures} == expected_figures(ROWS[name])
    assert all(figure.source for figure in figures)
