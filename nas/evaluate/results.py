"""All figures of upscalers on one set of images, as a script reads them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nas.evaluate.images import EvaluationSet
from nas.evaluate.scores import FIGURES, ImageScore
from nas.evaluate.statistics import METHOD, Mean, mean_of, paired_difference
from nas.evaluate.upscaler import Upscaler

__all__ = ["Result", "facts"]

_LUMA = "BT.601 in 16..235 of the 8-bit images, not rounded"
_SSIM = "Gaussian window of 11x11, sigma 1.5, K1 0.01, K2 0.03, on luma"


@dataclass(frozen=True, slots=True)
class Result:
    """An upscaler and its figures, image by image."""

    upscaler: Upscaler
    scores: list[ImageScore]

    def mean(self, figure: str) -> Mean:
        """Of a field of `ImageScore`."""
        return mean_of(self._values(figure))

    def difference(self, first: "Result", figure: str) -> Mean:
        """How much larger the figure is than that of `first` on the same images."""
        return paired_difference(self._values(figure), first._values(figure))

    def _values(self, figure: str) -> list[float]:
        return [getattr(score, figure) for score in self.scores]


def facts(results: Sequence[Result], images: EvaluationSet) -> dict[str, Any]:
    """What was evaluated, how, and every figure; the first result is what others differ from."""
    first = results[0]
    scale = first.upscaler.scale
    return {
        "data": images.name,
        "num_images": len(images.pairs),
        "num_jpegs": len(images.jpegs),
        "scale": scale,
        "shave": scale,
        "luma": _LUMA,
        "ssim": _SSIM,
        "interval": METHOD,
        "models": [
            {
                "model": result.upscaler.name,
                "how": result.upscaler.how,
                "mean": {f: asdict(result.mean(f)) for f in (*FIGURES, "seconds")},
                "difference_to_first": {f: asdict(result.difference(first, f)) for f in FIGURES},
                "images": [
                    {**asdict(score), "jpeg": score.name in images.jpegs} for score in result.scores
                ],
            }
            for result in results
        ],
    }
