"""The adaptive sampler as a miner of pytorch-metric-learning, for training loops of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from pytorch_metric_learning.miners import BaseMiner

from eigenwell import _checks
from eigenwell.wells.asr._config import ASRConfig
from eigenwell.wells.asr.torch._policy import SamplerPolicy
from eigenwell.wells.asr.torch._sampling import draw, draw_negatives

if TYPE_CHECKING:
    from eigenwell.wells.asr._distribution import DistanceDistribution

Indices = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class AdaptiveDistanceMiner(BaseMiner):  # type: ignore[misc]
    """Mines a triplet for each anchor: a positive by chance, a negative by its distance.

    A negative at distance d is drawn with weight p(bin of d). Every so many batches
    :meth:`update` tells how good the embedding is on validation data, and a policy that is trained
    by it shrinks, keeps or grows each bin. Without updates p stays as it starts.

    Args:
        config: Start, bins, policy, reward and seed; the rest of it is not looked at. By default
            the policy learns from ``uniform_low``, which draws semi-hard negatives at first.
        **options: Of the base class, such as ``distance``; by default the Euclidean distance of
            embeddings scaled to length 1, which the bins are made for.

    Attributes:
        distribution: Over distances, as it is now.
        policy: That moves it.

    Note:
        Deterministic in the config's seed, whatever else draws random numbers. ``state_dict``
        holds all of it, the state of the random numbers too.

    References:
        Roth, Milbich and Ommer 2020, "PADS: Policy-Adapted Sampling for Visual Similarity
        Learning".

    Example:
        >>> from eigenwell.wells.asr.torch.miner import AdaptiveDistanceMiner
        >>> from pytorch_metric_learning.losses import TripletMarginLoss
        >>> miner, loss = AdaptiveDistanceMiner(), TripletMarginLoss(margin=0.2)
        >>> embeddings = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
        >>> labels = torch.arange(8) // 2
        >>> triplets = miner(embeddings, labels)
        >>> [len(indices) for indices in triplets]
        [8, 8, 8]
        >>> bool(loss(embeddings, labels, triplets) >= 0)
        True
        >>> miner.update(recall=0.5, nmi=0.6)
    """

    def __init__(self, config: ASRConfig | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.config = ASRConfig(start="uniform_low") if config is None else config
        self.distribution: DistanceDistribution = self.config.distribution()
        self.policy = SamplerPolicy(self.config)
        self.network = self.policy.network  # so that the state has it
        self._generator: torch.Generator | None = None
        self.add_to_recordable_attributes(list_of_names=["sampler_mean"], is_stat=False)

    @property
    def sampler_mean(self) -> float:
        """Mean distance of the distribution, for pytorch-metric-learning's record keeper."""
        return self.distribution.mean

    def mine(
        self,
        embeddings: torch.Tensor,
        labels: torch.Tensor,
        ref_emb: torch.Tensor,
        ref_labels: torch.Tensor,
    ) -> Indices:
        """Return anchors, positives and negatives; called through the base class.

        Anchors without a positive, or without a negative of a weight above 0, are left out.

        Raises:
            ArgumentError: A distance is NaN: the embeddings have diverged.
        """
        if self._generator is None:
            self._generator = torch.Generator(embeddings.device).manual_seed(self.config.seed)
        alike = (labels[:, None] == ref_labels).to(torch.float64)
        if ref_emb is embeddings:
            alike.fill_diagonal_(0.0)
        positives = draw(alike, self._generator)
        distances = self.distance(embeddings, ref_emb)
        if self.distance.is_inverted:  # a similarity: bins of distance from the cosine
            distances = (2.0 - 2.0 * distances).clamp_min(0.0).sqrt()
        negatives = draw_negatives(
            distances,
            (labels, ref_labels),
            torch.from_numpy(self.distribution.weights).to(embeddings.device),
            support=self.distribution.support,
            generator=self._generator,
        )
        anchors = ((positives >= 0) & (negatives >= 0)).nonzero()[:, 0]
        return anchors, positives[anchors], negatives[anchors]

    def update(self, recall: float, nmi: float, *, progress: float = 0.0) -> None:
        """Tell how good the embedding is on validation data; the policy learns from it and acts.

        Args:
            recall: Recall@1, 0 to 1.
            nmi: Normalised mutual information of k-means clusters and classes, 0 to 1.
            progress: Share of the training that is done, which the policy sees.

        Raises:
            EigenwellError: A value is not a finite number.
        """
        seen = {"recall": recall, "nmi": nmi, "progress": progress}
        recall, nmi, progress = (_checks.finite(value, name) for name, value in seen.items())
        if self.config.policy == "frozen":
            return
        actions = self.policy.act(recall, nmi, self.distribution.weights, progress=progress)
        self.distribution = self.distribution.updated(actions, multipliers=self.config.multipliers)

    def get_extra_state(self) -> dict[str, Any]:
        """Return what is no parameter; called by ``state_dict``."""
        generator = self._generator
        return {
            "policy": {name: torch.from_numpy(a) for name, a in self.policy.state().items()},
            "optimiser": self.policy.optimiser.state_dict(),
            "generator": None if generator is None else generator.get_state(),
            "device": "cpu" if generator is None else str(generator.device),
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take it back; called by ``load_state_dict``.

        Raises:
            EigenwellError: It has other bins.
        """
        distribution = self.config.distribution()
        for actions in state["policy"]["actions"].cpu().numpy():  # again, so that no bit differs
            distribution = distribution.updated(actions, multipliers=self.config.multipliers)
        self.distribution = distribution
        self.policy.load_state({name: t.cpu().numpy() for name, t in state["policy"].items()})
        self.policy.optimiser.load_state_dict(state["optimiser"])
        self._generator = None
        if state["generator"] is not None:
            self._generator = torch.Generator(state["device"])
            self._generator.set_state(state["generator"])
