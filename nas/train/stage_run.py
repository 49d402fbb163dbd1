"""One stage of a training: its network, its optimiser and the averaged weights."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.graph import Clip
from nas.readers.to_torch import GraphModule
from nas.train.adam import Adam, below
from nas.train.adversarial import Adversary
from nas.train.hardware import Hardware
from nas.train.learner import Learner
from nas.train.losses import Batch
from nas.train.soap import Soap
from nas.train.stages import Stage
from nas.train.swing import SWUNG, Swing
from nas.train.trainable import Trainable

__all__ = ["Helpers", "StageRun", "unclipped"]


@dataclass(frozen=True, slots=True)
class Helpers:
    """Networks beside the one that trains.

    Args:
        teacher: What the network was at the end of the stage before, for distillation.
        features: VGG-19 features of images by layer, for perceptual and contrastive losses.
        adversary: What tells its images from real ones, and trains with it.
    """

    teacher: GraphModule | None = None
    features: Callable[[Tensor], Mapping[int, Tensor]] | None = None
    adversary: Adversary | None = None


class StageRun:
    """Trains one network by one stage.

    Args:
        network: As the stage trains it.
        stage: The recipe's.
        hardware: Where all of it is.
        helpers: What the loss of the stage needs.
        span: Its steps among those of the whole training; as many as the budget leaves it.
        rate_share: Of the rate of the stage.
        swing: What follows the loss, if something does.
        factors: By position, what multiplies the learning rate of a node; None looks at the network
            as it is now.
    """

    def __init__(
        self,
        network: Learner,
        stage: Stage,
        hardware: Hardware,
        helpers: Helpers,
        *,
        span: range,
        rate_share: float = 1.0,
        swing: Swing | None = None,
        factors: Mapping[int, float] | None = None,
    ) -> None:
        self._span = span
        self._rate_share = rate_share
        self._swing = swing
        self.rate = 0.0
        self.stage = stage
        self.helpers = helpers
        self._hardware = hardware
        self.factors = dict(factors) if factors is not None else _factors(network)
        self.network = network.train()
        hardware.place(network)
        make = Soap if stage.optimizer == "soap" else Adam
        self._optimizer: Adam | Soap = make(self._by_factor(), stage, hardware)
        self._average: list[Tensor] = []
        if stage.ema_decay:
            self._average = [tensor.detach().clone() for tensor in network.deployed()]
        self._keep = torch.zeros((), device=hardware.device)

    def begin_step(self, step: int) -> None:
        """Sets learning rate and averaging for a step of the training."""
        done = step - self._span.start
        published = self.stage.schedule.rate(done * self.stage.steps / len(self._span))
        self.rate = self._rate_share * published
        if self._swing is not None:
            self._swing.begin_step(done)
        self.network.begin_step(done)
        for optimizer in self._optimizers:
            optimizer.set_rate(self.rate)
        if isinstance(self._optimizer, Soap):
            self._optimizer.begin_step(done)
        if self._average:
            self._keep.fill_(min(self.stage.ema_decay, (done + 1) / (done + 11)))

    def train(self, lr: Tensor, hr: Tensor) -> Tensor:
        """One step on patches (n, c, h, w) in 0..1; gives the loss."""
        sr = self._upscaled(lr)
        loss = self._loss(lr, hr, sr)
        if self._swing is not None:
            self._swing.follow(loss, lr, hr)
        self._optimizer.drop_gradients()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.stage.centre_gradients:
            self._centre_gradients()
        self._optimizer.step()
        if self.helpers.adversary is not None:
            self.helpers.adversary.train(hr, sr)
        with torch.no_grad():
            if limit := self.stage.weight_clip:
                for parameter in self._optimizer.parameters:
                    if parameter.ndim == 4:
                        parameter.clamp_(-limit, limit)
            self.network.after_step()
            self._follow()
        return loss.detach()

    def deployed(self) -> list[Tensor]:
        """The parameters that are read, in the order of those of `to_torch(graph)`."""
        return self._average or self.network.deployed()

    @property
    def swung(self) -> bool:
        """Whether the loss rose too far in some step; False where nothing follows it."""
        return self._swing is not None and self._swing.rise > SWUNG

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Allows `train` to be captured on a GPU, after at least one step that was not."""
        with ExitStack() as stack:
            for optimizer in self._optimizers:
                stack.enter_context(optimizer.capturing())
            yield

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs, by name; not copied."""
        found = {f"network/{name}": x for name, x in self.network.state_dict().items()}
        found |= {f"average/{i}": x for i, x in enumerate(self._average)}
        found |= {f"optimizer/{name}": x for name, x in self._optimizer.state().items()}
        if self._swing is not None:
            found |= {f"swing/{name}": x for name, x in self._swing.state().items()}
        if self.helpers.adversary is not None:
            held = self.helpers.adversary.state()
            found |= {f"adversary/{name}": x for name, x in held.items()}
        return found

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Copies a state in, wherever its tensors are."""
        self.network.load_state_dict(below("network/", state))
        for i, x in enumerate(self._average):
            x.copy_(state[f"average/{i}"])
        self._optimizer.restore(below("optimizer/", state))
        if self._swing is not None:
            self._swing.restore(below("swing/", state))
        if self.helpers.adversary is not None:
            self.helpers.adversary.restore(below("adversary/", state))

    def _upscaled(self, lr: Tensor) -> Tensor:
        """What the loss sees of the network."""
        with self._hardware.autocast():
            if self.stage.clip_in_loss:
                return self.network.forward(lr).float()
            return unclipped(self.network, lr).float()

    def _loss(self, lr: Tensor, hr: Tensor, sr: Tensor) -> Tensor:
        """What the step minimises."""
        stage, helpers = self.stage, self.helpers
        total = stage.loss(Batch(lr, hr, sr, helpers.features))
        if helpers.teacher is not None:
            with torch.no_grad():
                wanted = helpers.teacher(lr)
            total = total + stage.distil * (sr - wanted).abs().mean()
        if helpers.adversary is not None:
            total = total + stage.adversarial * helpers.adversary.loss(sr)
        penalty = self.network.penalty()
        return total if penalty is None else total + penalty

    def _follow(self) -> None:
        """Averages what is deployed, whatever it was made of."""
        if self._average:
            deployed = self.network.deployed()
            torch._foreach_mul_(self._average, self._keep)
            torch._foreach_add_(self._average, torch._foreach_mul(deployed, 1 - self._keep))

    def _centre_gradients(self) -> None:
        for parameter in self._optimizer.parameters:
            if parameter.grad is not None and parameter.grad.ndim == 4:
                parameter.grad -= parameter.grad.mean(dim=(1, 2, 3), keepdim=True)

    @property
    def _optimizers(self) -> list[Adam | Soap]:
        adversary = self.helpers.adversary
        return [self._optimizer, *([] if adversary is None else [adversary.optimizer])]

    def _by_factor(self) -> dict[float, list[nn.Parameter]]:
        found: dict[float, list[nn.Parameter]] = {}
        seen: set[nn.Parameter] = set()
        for position, factor in self.factors.items():
            parameters = _parameters_of(self.network, position)
            seen.update(parameters)
            found.setdefault(factor, []).extend(p for p in parameters if p.requires_grad)
        rest = [p for p in self.network.parameters() if p.requires_grad and p not in seen]
        found.setdefault(1.0, []).extend(rest)
        return found


def unclipped(module: GraphModule, x: Tensor) -> Tensor:
    """The output of a network whose clips are left out."""
    found: list[Tensor] = []
    for position, node in enumerate(module.graph.nodes):
        xs = [found[i] for i in node.inputs] or [x]
        found.append(xs[0] if isinstance(node.op, Clip) else module.apply_node(position, *xs))
    return found[-1]


def _parameters_of(network: Learner, position: int) -> list[nn.Parameter]:
    return network.parameters_of(position) if isinstance(network, Trainable) else []


def _factors(network: Learner) -> dict[int, float]:
    """By position, what multiplies the learning rate of a node."""
    if not isinstance(network, Trainable):
        return {}
    return {
        position: 1 / network.amplification(position)
        for position in range(len(network.graph.nodes))
        if network.parameters_of(position)
    }
