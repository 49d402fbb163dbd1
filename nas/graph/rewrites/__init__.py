"""Rewrites: another graph, with other weights, that computes the same.

Each takes a graph and its weights and returns both anew. All but `prune_channels` begin at
`Graph.deployed`, so what they return has no train-time forms.
"""

from nas.graph.rewrites.clip import clip_by_convs
from nas.graph.rewrites.norm import fold_batch_norm
from nas.graph.rewrites.prune import prune_channels
from nas.graph.rewrites.residual import carry_residual

__all__ = ["carry_residual", "clip_by_convs", "fold_batch_norm", "prune_channels"]
