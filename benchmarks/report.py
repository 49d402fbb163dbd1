"""Size of a report, time to write it, and time until a browser has drawn all its figures.

    python benchmarks/report.py [--trials 200 2000] [--times 5] [--json]

Runs are made up: networks of the space hxnet, figures at random, finalists and crops as a search
leaves them. The browser is Debian's Chromium without a screen; "text" is when it shows the first
text, "drawn" when the last figure is there. Medians, with nothing else running.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import Browser, sync_playwright

from nas.graph import to_text
from nas.report.page import write_report
from nas.search.config import SearchConfig
from nas.search.crops import CROPS, FINALIST_STRIP, LR_STRIP, TRUTH_STRIP, strip_png
from nas.search.folder import write_json
from nas.search.front import COLUMNS, TEXTS
from nas.search.score import challenge_score
from nas.space import load_space

FINALISTS, NUM_CROPS, LR_EDGE, SCALE, STEPS = 7, 24, 64, 3, (100, 300, 1000)
PROGRAM = "/usr/bin/chromium"
SEEN = """() => [performance.getEntriesByName("first-contentful-paint")[0].startTime,
                 Number(document.documentElement.dataset.drawn)]"""


def row_of(number: int, network: str, zoo: str, rng: random.Random) -> dict[str, Any]:
    """A trial that was finished."""
    ms, steps = rng.lognormvariate(3, 0.5), rng.choice(STEPS)
    psnr_db = 30 + 0.8 * np.log(ms) + steps / 2000 + rng.gauss(0, 0.3) - 0.5 * bool(zoo)
    score = challenge_score(psnr_db, ms)
    known = {
        "number": number, "state": "COMPLETE", "digest": f"{number:016x}", "zoo": zoo,
        "psnr_int8_db": psnr_db, "psnr_float_db": psnr_db + 0.1, "latency_ms": ms,
        "latency_low_ms": 0.85 * ms, "latency_high_ms": 1.2 * ms, "latency_novelty": 1.7,
        "score": score, "score_low": score / 1.2, "score_high": score / 0.85, "score_ratio": 1.0,
        "steps": STEPS[-1] if zoo else steps, "parameters": 25_000, "macs": 6_000_000_000,
        "train_s": 5.0, "quantize_s": 1.0, "evaluate_s": 1.0, "reason": "", "network": network,
    }  # fmt: skip
    return {column: known.get(column, "" if column in TEXTS else None) for column in COLUMNS}


def finalist_of(row: dict[str, Any]) -> dict[str, Any]:
    """The same network, converted."""
    psnr_db = row["psnr_int8_db"] + 0.1
    figures = {
        "trial": row["number"], "psnr_torch_float_db": psnr_db + 0.1, "steps": 3000,
        "psnr_int8_simulation_db": psnr_db, "psnr_keras_float_db": psnr_db + 0.1,
        "psnr_litert_int8_db": psnr_db, "sensitivity": [
            {"position": place, "op": "conv(28)", "weights_db": 0.3, "activations_db": 0.1,
             "without_db": 0.05} for place in range(1, 20)],
    }  # fmt: skip
    return {**row, **figures}


def write_strip(file: Path, edge: int, pixels: np.random.Generator) -> None:
    """Crops that no network has seen."""
    file.parent.mkdir(parents=True, exist_ok=True)
    images = pixels.integers(0, 256, (NUM_CROPS, edge, edge, 3)).astype(np.uint8)
    file.write_bytes(strip_png(images))


def make_run(folder: Path, num_trials: int) -> Path:
    """A finished run of so many trials; from 200 on networks repeat."""
    rng, space = random.Random(0), load_space("hxnet")
    graphs = [(name, space.graph(pick)) for name, pick in space.known.items()]
    graphs += [("", space.graph(space.sample(rng))) for _ in range(min(num_trials, 200))]
    texts = [(name, to_text(graph, separator="; ")) for name, graph in graphs]
    texts += [("", rng.choice(texts)[1]) for _ in range(num_trials - len(texts))]
    rows = [row_of(k, text, zoo, rng) for k, (zoo, text) in enumerate(texts[:num_trials])]
    full = sorted((r for r in rows if r["steps"] == STEPS[-1]), key=lambda r: -r["score"])
    chosen = [*full[: FINALISTS - 1], next(row for row in full if row["zoo"])]
    pixels = np.random.default_rng(0)
    write_strip(folder / CROPS / LR_STRIP, LR_EDGE, pixels)
    write_strip(folder / CROPS / TRUTH_STRIP, LR_EDGE * SCALE, pixels)
    for row in chosen:
        strip = folder / "finalists" / str(row["number"]) / FINALIST_STRIP
        write_strip(strip, LR_EDGE * SCALE, pixels)
    write_json(folder / "config.json", SearchConfig(budget=num_trials).to_json())
    write_json(folder / "finalists.json", [finalist_of(row) for row in chosen])
    pd.DataFrame(rows).to_csv(folder / "trials.csv", index=False)
    return folder


def measure(browser: Browser, run: Path, times: int) -> dict[str, Any]:
    """Of one run; a person waits for importing, too, which the first writing does."""
    written_s, seen_ms = [], []
    for _ in range(times):
        began = time.perf_counter()
        file = write_report(run)
        written_s.append(time.perf_counter() - began)
    for _ in range(times):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        seen_ms.append(page.evaluate(SEEN))
        page.close()
    text_ms, drawn_ms = (statistics.median(each) for each in zip(*seen_ms, strict=True))
    return {
        "size_bytes": file.stat().st_size,
        "first_written_s": written_s[0],
        "written_s": statistics.median(written_s),
        "text_ms": text_ms,
        "drawn_ms": drawn_ms,
    }


def main() -> None:
    """Prints the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        for trials in given.trials:
            run = make_run(Path(folder) / str(trials), trials)
            found[trials] = measure(browser, run, given.times)
        browser.close()
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for trials, each in found.items():
        print(
            f"{trials:>6} trials: {each['size_bytes'] / 1e6:.1f} MB, written in "
            f"{each['written_s']:.1f} s, text after {each['text_ms']:.0f} ms, all figures drawn "
            f"after {each['drawn_ms']:.0f} ms"
        )


if __name__ == "__main__":
    main()
