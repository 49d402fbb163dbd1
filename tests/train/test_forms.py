"""Train-time forms: each collapses to the convolution that it computes, and starts from one."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.errors import ShapeError
from nas.graph import Conv2d
from nas.graph.forms import FORMS, Form
from nas.train.forms import Chain, FormConv
from nas.train.kernel_network import KernelNetwork

NORMED = ("batch_norm", "dbb")
STEADY = [form for form in FORMS if form not in (*NORMED, "kernel_network")]


def convs() -> Iterator[tuple[Conv2d, int]]:
    """Every form, with each kernel and expansion that it may have, on three numbers of channels."""
    for form in get_args(Form):
        for kernel in (3,) if form == "ecb" else (1, 3, 5):
            for expansion in (1, 2) if FORMS[form].expands else (1,):
                for channels in (6, 4, 9):
                    op = Conv2d(6, kernel, form=form, expansion=expansion)
                    yield op, channels


def name_of(value: Conv2d | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value.form}-{value.kernel}-{value.expansion}"


each_conv = pytest.mark.parametrize(("op", "channels"), list(convs()), ids=name_of)
each_form = pytest.mark.parametrize("form", FORMS)


def randomised(op: Conv2d, channels: int) -> FormConv:
    """In float64, no parameter and no statistic zero or one."""
    form = FormConv(op, channels).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in form.state_dict().items():
            if not name.endswith("mask"):
                noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
                positive = name.endswith("variance")
                tensor.copy_((noise + 0.5) if positive else (noise + 0.1) * (noise - 0.4).sign())
    return form


def noise(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def plain(form: FormConv, x: Tensor) -> Tensor:
    """What the collapsed convolution computes."""
    kernel, bias = form.collapse()
    return functional.conv2d(x, kernel, bias, padding=form.op.kernel // 2)


@each_conv
def test_collapse_is_exact_up_to_the_border(op: Conv2d, channels: int) -> None:
    form = randomised(op, channels)
    x = noise(2, channels, 7, 6)
    kernel, bias = form.collapse()
    assert kernel.shape == (6, channels, op.kernel, op.kernel)
    assert bias is not None
    assert bias.shape == (6,)
    torch.testing.assert_close(form(x), plain(form, x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in NORMED])
def test_convolution_without_a_bias_has_none_in_its_form(form: Form) -> None:
    conv = randomised(Conv2d(6, bias=False, form=form), 6)
    assert conv.collapse()[1] is None
    torch.testing.assert_close(conv(noise(1, 6, 5, 5)), plain(conv, noise(1, 6, 5, 5)))
    if form != "kernel_network":  # its linear layers are no convolutions
        assert not [name for name, _ in conv.named_parameters() if "bias" in name]


@each_conv
def test_form_starts_from_a_plain_convolution(op: Conv2d, channels: int) -> None:
    reachable = FormConv(op, channels, seed=5)  # collapses to something that the form can be
    with torch.no_grad():
        for parameter in reachable.parameters():
            parameter.add_(0.1 * noise(*parameter.shape).float())
    kernel, bias = (part.detach() for part in reachable.eval().collapse() if part is not None)
    form = randomised(op, channels).float()  # what it held before must not matter
    form.start_from(kernel, bias)
    found = form.collapse()
    torch.testing.assert_close(found[0], kernel, rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1], bias, rtol=0, atol=1e-5)
    for name, tensor in form.state_dict().items():
        if name.endswith(("mean", "variance")):
            assert torch.equal(tensor, torch.full_like(tensor, name.endswith("variance")))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "ghost"])
@pytest.mark.parametrize("channels", [6, 4])
def test_form_that_is_wide_inside_starts_from_any_convolution(form: Form, channels: int) -> None:
    conv = FormConv(Conv2d(6, form=form), channels).eval()
    kernel, bias = noise(6, channels, 3, 3).float(), noise(6).float()
    conv.start_from(kernel, bias)
    found = conv.collapse()
    torch.testing.assert_close(found[0], kernel, rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1], bias, rtol=0, atol=1e-5)


def test_narrow_lead_keeps_the_directions_that_matter_most() -> None:
    conv = FormConv(Conv2d(4, form="collapsible"), 9)
    kernel = noise(4, 9, 3, 3).float()
    conv.start_from(kernel, torch.zeros(4))
    u, s, v = torch.linalg.svd(kernel.transpose(0, 1).flatten(1), full_matrices=False)
    nearest = ((u[:, :4] * s[:4]) @ v[:4]).reshape(9, 4, 3, 3).transpose(0, 1)
    torch.testing.assert_close(conv.collapse()[0], nearest, rtol=0, atol=1e-5)


def test_ghosts_start_as_near_as_half_of_the_kernel_can_come() -> None:
    conv = FormConv(Conv2d(6, form="ghost"), 5)
    kernel, bias = noise(6, 5, 3, 3).float(), noise(6).float()
    conv.start_from(kernel, bias)
    found, found_bias = conv.collapse()
    torch.testing.assert_close(found[:3], kernel[:3], rtol=0, atol=1e-5)
    torch.testing.assert_close(found_bias, bias, rtol=0, atol=1e-5)
    left = (kernel - found)[3:].flatten(1)
    torch.testing.assert_close(left @ kernel[:3].flatten(1).T, torch.zeros(3, 3), atol=1e-4, rtol=0)


def test_branches_start_random_and_not_by_the_seed_of_others() -> None:
    a, again, b = (FormConv(Conv2d(6, form="rep_block"), 6, seed=seed) for seed in (1, 1, 2))
    assert all(map(torch.equal, a.state_dict().values(), again.state_dict().values()))
    kernels = [name for name, tensor in a.named_parameters() if tensor.ndim == 4]
    assert len(kernels) == 2
    for name in kernels:
        assert not torch.equal(a.state_dict()[name], b.state_dict()[name])
        assert a.state_dict()[name].std() > 0.05


def test_branch_that_is_made_up_for_is_small_and_ends_in_an_orthogonal_1x1() -> None:
    conv = FormConv(Conv2d(6, form="double_branch", expansion=2), 6)
    for branch, gain in zip(conv.branches, (1.0, 0.3), strict=True):
        assert isinstance(branch, Chain)
        ends = branch.links[1].kernel[:, :, 0, 0]
        torch.testing.assert_close(ends @ ends.T, gain**2 * torch.eye(6))


PARAMETERS = [  # op, channels, parameters: kernels and biases of each branch
    (Conv2d(28, form="rrrb", expansion=2), 28, 31_500),  # ICL: 140,203 in all
    (Conv2d(29, form="double_branch", expansion=2), 29, (109_328 - 812 - 7_074) // 3),  # PureConvSR
    (Conv2d(28, form="plain"), 3, 28 * 27 + 28),
    (Conv2d(28, form="batch_norm"), 3, 28 * 27 + 2 * 28),
    (Conv2d(36, form="repvgg"), 36, 36 * 36 * 10 + 2 * 36),
    (Conv2d(32, form="rep_block", expansion=8), 32, 256 * 32 * 9 + 256 + 32 * 256 + 32),
    (Conv2d(8, form="collapsible", expansion=4), 8, 32 * 8 + 32 + 32 * 32 * 9 + 32 + 8 * 32 + 8),
    (Conv2d(8, form="ecb", expansion=2), 4, 296 + 80 + 8 * 16 * 9 + 8 + 3 * (40 + 8 + 8)),
    (Conv2d(8, form="dbb"), 4, 288 + 16 + 32 + 16 + 16 + 8 + 288 + 16 + 32 + 16 + 16),
    (Conv2d(28, form="ghost"), 28, 14 * 28 * 9 + 14 + 14 * 14 + 14),
    (
        Conv2d(27, form="kernel_network"),
        3,
        27 + 27 * 32 + 32 + 2 * (9 * 32 + 1) * 32 + 8 * 33 * 32 + 33 * 27 * 27,
    ),
]


@pytest.mark.parametrize(("op", "channels", "expected"), PARAMETERS, ids=name_of)
def test_parameters(op: Conv2d, channels: int, expected: int) -> None:
    assert sum(p.numel() for p in FormConv(op, channels).parameters()) == expected


def test_every_form_is_counted() -> None:
    assert {op.form for op, _, _ in PARAMETERS} == set(FORMS)


@each_form
def test_chains_have_one_kernel_and_filters_keep_their_channels(form: Form) -> None:
    for branch in FORMS[form].branches:
        assert sum(link.kernel == 0 for link in branch) <= 1  # or padding could not be exact
        for before, link in zip((None, *branch), branch, strict=False):
            if link.filter not in ("trained", "ghost"):
                assert before is not None
                assert before.width == link.width


def idle(conv: FormConv, y: Tensor) -> set[str]:
    """Parameters that `y` does not depend on, by its gradient."""
    (y * noise(*y.shape, seed=4) + y.square()).sum().backward()
    gradients = {name: parameter.grad for name, parameter in conv.named_parameters()}
    return {name for name, grad in gradients.items() if grad is None or grad.abs().max() < 1e-6}


# A filter whose values add up to zero does not see a constant, nor does a norm of batches.
IDLE = {
    "ecb": {f"branches.{branch}.links.0.bias" for branch in (2, 3, 4)},
    "dbb": {f"branches.{branch}.links.0.norm.beta" for branch in (2, 3)},
}


@each_form
def test_gradients_reach_every_parameter(form: Form) -> None:
    conv = randomised(Conv2d(6, form=form), 6).train()
    assert idle(conv, conv(noise(2, 6, 8, 8))) == IDLE.get(form, set())


@pytest.mark.parametrize("form", [*STEADY, *NORMED])
def test_gradients_reach_every_parameter_through_the_collapse(form: Form) -> None:
    conv = randomised(Conv2d(6, form=form), 6)
    missed = idle(conv, plain(conv, noise(2, 6, 8, 8)))
    assert missed == (IDLE["ecb"] if form == "ecb" else set())


@each_form
def test_only_batches_make_training_differ_from_the_collapse(form: Form) -> None:
    conv = randomised(Conv2d(6, form=form), 6).train()
    x = noise(2, 6, 8, 8)
    wanted = plain(conv, x)
    assert conv.steady == (form in STEADY)
    assert torch.allclose(conv(x), wanted, atol=1e-10) == conv.steady


@pytest.mark.parametrize("form", ["collapsible", "rrrb", "ecb", "dbb"])
@pytest.mark.parametrize("kernel", [3, 5])
def test_zeros_around_inner_tensors_would_change_just_the_ring(form: Form, kernel: int) -> None:
    if form == "ecb" and kernel == 5:
        return
    conv = randomised(Conv2d(6, kernel, form=form), 6)
    x = noise(1, 6, 9, 9)
    padded = x if conv.identity else torch.zeros(())
    for branch in conv.branches:
        assert isinstance(branch, Chain)
        y = x
        for link in branch.links:
            y = link(y, None)
        padded = padded + y
    ring = (kernel - 1) // 2
    difference = (padded - conv(x)).abs()[0].amax(dim=0)
    assert difference[ring:-ring, ring:-ring].max() < 1e-10
    difference[ring:-ring, ring:-ring] = 1
    assert difference.min() > 1e-3


@pytest.mark.parametrize("name", ["sobel_x", "sobel_y", "laplacian"])
def test_edge_filters_take_differences(name: str) -> None:
    conv = FormConv(Conv2d(1, form="ecb"), 1)
    place = ("sobel_x", "sobel_y", "laplacian").index(name) + 2
    columns = torch.arange(5.0).expand(1, 1, 5, 5)
    chain = conv.branches[place]
    assert isinstance(chain, Chain)
    link = chain.links[1]
    nn.init.ones_(link.scale)
    along, across, curved = (link(x)[0, 0, 2, 2] for x in (columns, columns.mT, columns**2 / 2))
    expected = {"sobel_x": (-8, 0, -16), "sobel_y": (0, -8, 0), "laplacian": (0, 0, 1)}
    assert (along, across, curved) == expected[name]


@pytest.mark.parametrize("form", NORMED)
def test_settled_norms_train_from_the_function_that_they_have_outside(form: Form) -> None:
    conv = randomised(Conv2d(6, form=form), 6)
    x = noise(8, 6, 24, 24)
    before = conv(x).detach()
    conv.settle(x)
    torch.testing.assert_close(conv(x), before, rtol=0, atol=1e-10)
    torch.testing.assert_close(conv.train()(x), before, rtol=0, atol=2e-3)


def test_kernel_of_a_network_is_made_of_the_batch_and_then_constant() -> None:
    conv = randomised(Conv2d(6, form="kernel_network"), 3)
    network = conv.branches[0]
    assert isinstance(network, KernelNetwork)
    a, b = noise(2, 3, 12, 12), 3 * noise(2, 3, 12, 12, seed=9)
    torch.testing.assert_close(conv(torch.cat([a, b]))[:2], conv(a))
    conv.train()
    assert not torch.allclose(conv(torch.cat([a, b]))[:2], conv(a))
    before = network.running.clone()
    offset = network.network(a).mean(dim=0).reshape(before.shape)
    conv(a)
    torch.testing.assert_close(network.running, 0.9 * before + 0.1 * offset)


@each_form
def test_form_trains_and_then_collapses_to_what_it_learnt(form: Form) -> None:
    torch.manual_seed(0)
    conv = FormConv(Conv2d(6, form=form), 3)
    conv.start_from(0.1 * torch.randn(6, 3, 3, 3), torch.zeros(6))
    x = torch.rand(4, 3, 16, 16)
    with torch.no_grad():
        wanted = functional.conv2d(x, torch.randn(3, 3, 3, 3) / 5, padding=1).repeat(1, 2, 1, 1)
    conv.settle(x)
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        loss = (conv(x) - wanted).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.4 * losses[0]
    conv.eval()
    torch.testing.assert_close(conv(x), plain(conv, x), rtol=0, atol=1e-5)


BROKEN = [  # attributes, what the message says
    ({"form": "ecb", "kernel": 5}, "needs a kernel of 3"),
    ({"form": "dbb", "bias": False}, "needs a bias"),
    ({"form": "batch_norm", "bias": False}, "needs a bias"),
    ({"form": "ghost", "features": 7}, "needs even features"),
    ({"form": "repvgg", "expansion": 2}, "nothing inside that expands"),
    ({"form": "rrrb", "groups": 2}, "beside groups or a stride"),
]


@pytest.mark.parametrize(("attributes", "message"), BROKEN)
def test_convolution_that_cannot_have_its_form(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Conv2d(**{"features": 6, **attributes})
