"""How a network learned: PSNR after each rung, as a small SVG picture."""

from collections.abc import Sequence

import numpy as np

__all__ = ["Reading", "curve_svg"]

Reading = tuple[int, float, float]  # steps, float PSNR, INT8 PSNR, as a trial keeps them

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 58, 96, 18, 44
FLOAT, INT8, INK, GRID = "#8a6d1d", "#235a9f", "#1c2530", "#e3e8ee"
_FEWEST_DB = 0.5  # of the vertical axis, so that noise does not look like progress


def curve_svg(readings: Sequence[Reading]) -> str:
    """PSNR of the float and of the integer network against steps on a logarithmic axis.

    Args:
        readings: At least one, by steps.
    """
    steps = np.log([max(reading[0], 1) for reading in readings])
    psnr_db = np.array([reading[1:] for reading in readings])
    low_db, high_db = _range(psnr_db)
    span = max(float(steps[-1] - steps[0]), 1e-9)
    x = LEFT + (WIDTH - LEFT - RIGHT) * (steps - steps[0]) / span
    y = TOP + (HEIGHT - TOP - BOTTOM) * (high_db - psnr_db) / (high_db - low_db)
    ticks = [low_db + (high_db - low_db) * k / 4 for k in range(5)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" '
            'font-family="system-ui, Helvetica, Arial, sans-serif" font-size="12">',
            "<title>PSNR after each rung of training</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            *(
                _level(db, TOP + (HEIGHT - TOP - BOTTOM) * (4 - k) / 4)
                for k, db in enumerate(ticks)
            ),
            *(
                _text(at, HEIGHT - BOTTOM + 18, f"{reading[0]:,}")
                for at, reading in zip(x, readings, strict=True)
            ),
            _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "steps of training"),
            f'<text transform="translate(13 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" '
            f'text-anchor="middle" fill="{INK}">PSNR, dB</text>',
            _line(x, y[:, 0], FLOAT, dashed=True),
            _line(x, y[:, 1], INT8),
            *_ends(float(x[-1]), y[-1], psnr_db[-1]),
            "</svg>",
        ]
    )


def _range(psnr_db: np.ndarray) -> tuple[float, float]:
    low_db, high_db = float(psnr_db.min()), float(psnr_db.max())
    margin_db = max(0.06 * (high_db - low_db), (_FEWEST_DB - (high_db - low_db)) / 2)
    return low_db - margin_db, high_db + margin_db


def _level(db: float, y: float) -> str:
    line = f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
    return line + _text(LEFT - 6, y + 4, f"{db:.1f}", anchor="end")


def _line(x: np.ndarray, y: np.ndarray, colour: str, *, dashed: bool = False) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>'
        for a, b in zip(x, y, strict=True)
    )
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{dots}'
    )


def _ends(x: float, y: np.ndarray, psnr_db: np.ndarray) -> list[str]:
    """Each line's name and last value at its end, kept apart where the lines meet."""
    names = (("float", FLOAT), ("INT8", INT8))
    apart = max(0.0, 16 - abs(float(y[0] - y[1]))) / 2
    away = -1 if y[0] <= y[1] else 1  # of the float line
    return [
        _text(
            x + 9,
            float(y[k]) + 4 + (apart if k else -apart) * -away,
            f"{name} {psnr_db[k]:.2f}",
            anchor="start",
            fill=colour,
        )
        for k, (name, colour) in enumerate(names)
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "middle", fill: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{text}</text>'
