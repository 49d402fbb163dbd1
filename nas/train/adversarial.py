"""A discriminator that trains beside a network, and what it adds to the loss of the network."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from nas.graph.discriminator import discriminator
from nas.readers.to_torch import to_torch
from nas.train.adam import Adam, below
from nas.train.hardware import Hardware
from nas.train.stages import Stage
from nas.train.start import he_start

__all__ = ["Adversary"]


class Adversary:
    """Learns to tell the images of a network from real ones; its rate is that of the stage.

    Its last sigmoid is left to the loss, which so is finite for every image.

    Args:
        stage: Of which it takes the optimiser.
        hardware: Where it trains.
        seed: Of its start.

    Source:
        Ledig et al. 2017 (SRGAN, arXiv:1609.04802), section 2.
    """

    def __init__(self, stage: Stage, hardware: Hardware, *, seed: int) -> None:
        graph = discriminator()
        self._hardware = hardware
        self._network = to_torch(graph, he_start(graph, seed=seed, gain=1.0)).train()
        hardware.place(self._network)
        trained = [p for p in self._network.parameters() if p.requires_grad]
        self.optimizer = Adam({1.0: trained}, stage, hardware)
        self._trained = trained

    def loss(self, sr: Tensor) -> Tensor:
        """How far it is from taking (n, c, h, w) for real; gradients reach the images only."""
        self._teach(False)
        return self._judge(sr, real=True)

    def train(self, hr: Tensor, sr: Tensor) -> None:
        """One step on real images and on those of the network, which are (n, c, h, w)."""
        self._teach(True)
        loss = self._judge(hr, real=True) + self._judge(sr.detach(), real=False)
        self.optimizer.drop_gradients()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def state(self) -> dict[str, Tensor]:
        """All that `restore` needs, by name; not copied."""
        found = {f"network/{name}": x for name, x in self._network.state_dict().items()}
        return found | {f"optimizer/{name}": x for name, x in self.optimizer.state().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Copies a state in, wherever its tensors are."""
        self._network.load_state_dict(below("network/", state))
        self.optimizer.restore(below("optimizer/", state))

    def go_on_from(self, other: "Adversary") -> None:
        """Takes what the one of the stage before has learnt."""
        self._network.load_state_dict(other._network.state_dict())

    def _judge(self, images: Tensor, *, real: bool) -> Tensor:
        """The cross entropy of taking images for what they are not."""
        with self._hardware.autocast():
            before_sigmoid = range(len(self._network.graph.nodes) - 1)
            logits = self._network.run(images, before_sigmoid)[-1].float()
        wanted = torch.full_like(logits, float(real))
        return functional.binary_cross_entropy_with_logits(logits, wanted)

    def _teach(self, yes: bool) -> None:
        for parameter in self._trained:
            parameter.requires_grad_(yes)
