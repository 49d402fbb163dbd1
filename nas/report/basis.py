"""What the numbers of a run rest on: latency model, images, training, quantisation, versions."""

from collections.abc import Iterator

from nas.report import evidence
from nas.report.contest import Contest
from nas.report.crops import Crops
from nas.report.files import RunFiles
from nas.report.parts import facts, folded, items

__all__ = ["basis"]


def basis(files: RunFiles, contest: Contest, crops: Crops | None) -> str:
    """The part of the page."""
    limits = evidence.limits(files)
    warned = f"<h3>What the device's card warns of</h3>{items(limits)}" if limits else ""
    return (
        items([*_times(files), *_quality(files, contest, crops), _meaning(files)])
        + warned
        + folded("Configuration", facts("What the search was asked to do", files.config))
        + folded("Seeds and versions", facts("Of the best network and this run", _made_by(files)))
    )


def _times(files: RunFiles) -> Iterator[str]:
    how = next((str(f["measured_how"]) for f in files.finalists if "measured_ms" in f), "")
    yield (
        f"Milliseconds are predicted by a model {evidence.record(files)}. "
        + (f"Those {how} stand apart. " if how else "Nothing was measured here. ")
        + "A search favours networks whose time is predicted too low, so measure the winner "
        "before relying on a small lead."
    )


def _quality(files: RunFiles, contest: Contest, crops: Crops | None) -> Iterator[str]:
    config = files.config
    data = f"data: {config.get('data', 'bundled')}"
    if config.get("valid"):
        data += f", validated on {config['valid']}"
    if config.get("num_train_images"):
        train, valid = config["num_train_images"], config["num_valid_images"]
        data += f", {train} images train, {valid} validate"
    if config.get("data_digest"):
        data += f", digest {config['data_digest']}"
    images = "the validation images of this run"
    if crops is not None:
        size = crops.lr.shape[1]
        images = f"{len(crops.lr)} crops of {size}x{size} low-resolution pixels from {images}"
    yield (
        f"PSNR is in RGB, the mean over {images} ({data}), after {contest.winner['steps']:,.0f} "
        "training steps. It does not compare with figures published for other images or longer "
        "training. Ratios within the run do."
    )
    told = "Trials are ranked by a simulation of INT8 arithmetic after short training."
    gaps = [
        abs(f["psnr_litert_int8_db"] - f["psnr_int8_simulation_db"])
        for f in files.finalists
        if f.get("psnr_int8_simulation_db") is not None
    ]
    if gaps:
        told += (
            f" On {len(gaps)} finalists it differs from the converted file run by LiteRT by "
            f"{max(gaps):.3f} dB at most."
        )
    yield told


def _meaning(files: RunFiles) -> str:
    constant = (
        f" The constant C is that of {files.config['score']}." if "score" in files.config else ""
    )
    return (
        "The score is 2^(2 PSNR) / (C milliseconds): one dB more counts as much as a quarter of "
        f"the time.{constant} Only ratios of scores from one run mean something."
    )


def _made_by(files: RunFiles) -> dict[str, object]:
    best = files.best or {}
    return {**{key: best[key] for key in ("seed", "seeds", "versions") if key in best}, **files.env}
