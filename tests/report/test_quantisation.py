"""What INT8 costs: the figure, its sentence, the layers."""

from nas.report.contest import contest_of
from nas.report.files import read_run
from nas.report.quantisation import quantisation, quantisation_figure
from nas.report.sensitivity import sensitivity, sensitivity_figure, write_sensitivity

LAYERS = [
    {"position": 1, "op": "conv(40)", "weights_db": 0.3, "activations_db": 0.1, "without_db": -0.1},
    {"position": 2, "op": "clip()", "weights_db": None, "activations_db": 0.2, "without_db": 0.4},
]


def test_every_finalist_has_its_float_and_its_int8_psnr(make_run):
    finalists = read_run(make_run()).finalists
    by_name = {t.name: t for t in quantisation_figure(finalists).data if t.name}
    assert list(by_name["float, Keras"].x) == [f["psnr_keras_float_db"] for f in finalists]
    assert list(by_name["INT8, LiteRT"].x) == [f["psnr_litert_int8_db"] for f in finalists]


def test_the_sentence_tells_least_and_most(make_run):
    files = read_run(make_run())
    contest = contest_of(files)
    assert "The converted files lose 0.12 dB against" in quantisation(files, contest)
    files.finalists[1]["psnr_keras_float_db"] += 1
    assert "The converted files lose 0.12 to 1.12 dB against" in quantisation(files, contest)


def test_every_layer_has_three_bars_from_the_top():
    figure = sensitivity_figure(LAYERS)
    assert [list(bars.x) for bars in figure.data] == [[0.3, None], [0.1, 0.2], [-0.1, 0.4]]
    assert list(figure.layout.yaxis.ticktext) == ["1 conv(40)", "2 clip()"]
    bottom, top = figure.layout.yaxis.range
    assert bottom > 1 > 0 > top
    assert len({bars.marker.pattern.shape for bars in figure.data}) == 3


def test_numbers_of_the_layers_are_told_without_the_figure():
    page = sensitivity(LAYERS)
    assert "Most is gained, 0.400 dB, where layer 2, clip(), stays float." in page
    assert "<td>0.300</td><td>0.100</td><td>-0.100</td>" in page
    assert "<td>\N{EN DASH}</td><td>0.200</td><td>0.400</td>" in page


def test_sensitivity_alone_is_a_page(tmp_path):
    write_sensitivity(tmp_path / "page.html", LAYERS)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('class="plot"') == 1
    assert "Plotly.react" in page


def test_an_unfinished_run_has_no_converted_network(make_run):
    files = read_run(make_run(finished=False))
    assert quantisation(files, contest_of(files)) == (
        '<p class="soft">No network was converted yet.</p>'
    )
