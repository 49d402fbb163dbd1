"""Training a graph in its forms: weights in and out are those of the deployed network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nas.data.images import Pair
from nas.graph import Add, Clip, Conv2d, DepthToSpace, Graph, GraphBuilder, Repeat
from nas.graph.forms import FORMS, Form
from nas.readers.to_torch import to_torch
from nas.readers.weights import random_weights
from nas.train.feed import Feed
from nas.train.forms import FormConv
from nas.train.hardware import Hardware
from nas.train.recipes import recipe
from nas.train.schedules import Cosine, Warmup
from nas.train.trainable import Trainable
from nas.train.trainer import Conditions, Trainer

STAGE = replace(
    recipe("search").stages[0],
    steps=40,
    schedule=Warmup(5, Cosine(4e-3, 40)),
    batch_size=2,
    lr_patch=12,
)
RECIPE = replace(recipe("search"), stages=(STAGE,))
EXACT = [form for form in FORMS if form not in ("ghost", "plain")]  # start from any weights
each_form = pytest.mark.parametrize("form", [form for form in FORMS if form != "plain"])


def network(form: Form, *, readout: Form = "plain") -> Graph:
    """A head, a conv in `form`, a 1x1 without a bias, and a readout onto nine copies."""
    g = GraphBuilder(channels=3)
    x = g.chain(
        g.input,
        Conv2d(6, activation="relu"),
        Conv2d(6, activation="relu", form=form),
        Conv2d(6, kernel=1, bias=False),
        Conv2d(27, form=readout),
    )
    x = g.append(Add(), x, g.append(Repeat(9), g.input))
    return g.graph(g.chain(x, Clip(), DepthToSpace(3)))


def form_of(graph: Graph) -> tuple[int, Conv2d]:
    return next(
        (place, node.op)
        for place, node in enumerate(graph.nodes)
        if isinstance(node.op, Conv2d) and node.op.form != "plain"
    )


def images(n: int = 2, size: int = 9) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(4))


def shaken(module: Trainable) -> Trainable:
    """With other weights, as after training."""
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return module


def test_graph_without_forms_is_what_it_was_bit_for_bit() -> None:
    graph = network("plain")
    weights = random_weights(graph, seed=1)
    plain, module = to_torch(graph, weights), Trainable(graph)
    module.load_weights(weights)
    names = [name for name, _ in plain.named_parameters()]
    assert [name for name, _ in module.named_parameters()] == names
    assert all(map(torch.equal, plain.parameters(), module.parameters()))
    for deployed, parameter in zip(module.deployed(), module.parameters(), strict=True):
        assert deployed is parameter
    assert torch.equal(plain(images()), module(images()))


@pytest.mark.parametrize("form", EXACT)
def test_weights_that_are_loaded_come_out_again(form: Form) -> None:
    graph = network(form)
    weights = random_weights(graph, seed=1)
    module = Trainable(graph)
    module.load_weights(weights)
    found = module.weights()
    assert list(found) == list(to_torch(graph.deployed).weights())
    for name, array in found.items():
        np.testing.assert_allclose(array, weights[name], atol=1e-5, err_msg=name)


@each_form
@pytest.mark.parametrize("online", [True, False])
def test_deployed_network_is_the_trained_one(form: Form, online: bool) -> None:
    graph = network(form)
    module = Trainable(graph, online=online)
    module.load_weights(random_weights(graph, seed=1))
    shaken(module).settle(images(8))
    deployed = to_torch(graph.deployed, module.weights())
    torch.testing.assert_close(module.eval()(images()), deployed(images()), atol=1e-5, rtol=0)
    names = [name for name, _ in deployed.named_parameters()]
    assert len(module.deployed()) == len(names)
    for tensor, parameter in zip(module.deployed(), deployed.parameters(), strict=True):
        torch.testing.assert_close(tensor, parameter)


@each_form
def test_online_collapse_is_what_the_branches_compute(form: Form) -> None:
    graph = network(form)
    position, op = form_of(graph)
    online, expanded = (shaken(Trainable(graph, online=online)) for online in (True, False))
    outputs, gradients = [], []
    for module in (online, expanded):
        y = module.double()(images().double())
        y.square().sum().backward()
        outputs.append(y)
        gradients.append([p.grad for p in module.parameters_of(position) if p.grad is not None])
    torch.testing.assert_close(*outputs, atol=1e-10, rtol=0)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-8)
    assert len(gradients[0]) == len(list(FormConv(op, 6).parameters()))


@pytest.mark.parametrize("form", FORMS)
def test_form_runs_collapsed_where_that_is_the_same(
    form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[bool] = []
    run = FormConv.forward
    monkeypatch.setattr(FormConv, "forward", lambda self, x: ran.append(True) or run(self, x))
    module = Trainable(network(form))
    module(images())
    assert bool(ran) == (form in ("batch_norm", "dbb", "kernel_network"))
    ran.clear()
    module.eval()(images())
    assert not ran
    module.online = False
    module(images())
    assert bool(ran) == (form != "plain")


def test_every_convolution_draws_its_own_form() -> None:
    g = GraphBuilder(channels=4)
    conv = Conv2d(4, form="rep_block")
    graph = g.graph(g.chain(g.input, conv, conv))
    a, again, b = (Trainable(graph, seed=seed) for seed in (1, 1, 7))
    first, second = (a.parameters_of(position)[0] for position in (1, 2))
    assert not torch.equal(first, second)
    assert torch.equal(first, again.parameters_of(1)[0])
    assert not torch.equal(first, b.parameters_of(1)[0])


def trainer(leaves: tuple[Pair, ...], graph: Graph) -> Trainer:
    return Trainer(graph, RECIPE, Feed(leaves, scale=3, seed=0), Conditions(seed=1))


@pytest.mark.parametrize("form", EXACT)
def test_training_begins_from_the_plain_network(leaves: tuple[Pair, ...], form: Form) -> None:
    graph = network(form, readout=form)
    found = trainer(leaves, graph).weights()
    for name, array in trainer(leaves, graph.deployed).weights().items():
        np.testing.assert_allclose(found[name], array, atol=1e-4, err_msg=name)


@each_form
def test_form_trains_repeatably(leaves: tuple[Pair, ...], form: Form) -> None:
    once, twice = (trainer(leaves, network(form)) for _ in range(2))
    start = once.weights()
    once.advance(6)
    twice.advance(3)
    twice.weights()  # reading between does not disturb
    twice.advance(6)
    a, b = once.weights(), twice.weights()
    assert all(np.array_equal(a[name], b[name]) for name in a)
    position, _ = form_of(network(form))
    assert np.abs(a[f"{position}/kernel"] - start[f"{position}/kernel"]).max() > 1e-3


@each_form
def test_every_parameter_of_a_form_is_trained(leaves: tuple[Pair, ...], form: Form) -> None:
    run = trainer(leaves, network(form))
    before = [parameter.detach().clone() for parameter in run._run.network.parameters()]
    run.advance(4)
    for (name, parameter), old in zip(run._run.network.named_parameters(), before, strict=True):
        if form in ("ecb", "dbb") and name.endswith(("links.0.bias", "links.0.norm.beta")):
            continue  # what follows may not see it
        assert (parameter - old).abs().max() > 1e-4, name


@each_form
def test_form_trains_in_bfloat16_and_keeps_float32(leaves: tuple[Pair, ...], form: Form) -> None:
    short = Conditions(0, 2, Hardware("cpu", "bfloat16"))
    run = Trainer(network(form), RECIPE, Feed(leaves, scale=3, seed=0), short)
    run.advance(2)
    tensors = run.state()[0]
    assert {x.dtype for x in tensors.values()} == {torch.float32}
    assert all(x.isfinite().all() for x in tensors.values())


def test_form_learns_at_a_rate_of_its_own(leaves: tuple[Pair, ...]) -> None:
    plain = replace(RECIPE, stages=(replace(STAGE, optimizer="adam"),))
    graph, feed = network("repvgg", readout="rep_block"), Feed(leaves, scale=3, seed=0)
    run = Trainer(graph, plain, feed, Conditions(seed=1))
    position = max(int(name) for name in run._run.network.forms)
    held = set(map(id, run._run.network.parameters_of(position)))
    optimizer = run._run._optimizer
    optimizer.set_rate(1.0)
    groups = optimizer._adam.param_groups
    (read,) = (group for group in groups if held & set(map(id, group["params"])))
    assert held <= set(map(id, read["params"]))  # others may have the same rate
    assert len(held) == 4
    assert read["lr"] == 1 / run._run.network.amplification(position)
    every = optimizer.parameters
    assert len(every) == len(set(map(id, every))) == len(list(run._run.network.parameters()))


def test_wide_form_moves_its_kernel_further_than_a_plain_convolution() -> None:
    def amplification(op: Conv2d) -> float:
        g = GraphBuilder(channels=8)
        return Trainable(g.graph(g.append(op, g.input))).amplification(1)

    assert amplification(Conv2d(8)) == 1
    assert amplification(Conv2d(8, form="kernel_network")) == 1
    narrow, wide = (amplification(Conv2d(8, form="rep_block", expansion=n)) for n in (1, 8))
    assert 1 <= narrow < wide
