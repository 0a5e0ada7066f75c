"""Stable-Baselines3: DC actors for its PPO and A2C, and any of its MLP policies as a C99 header.

:class:`DCActorCriticPolicy` goes where ``"MlpPolicy"`` goes; :func:`to_packed` turns the result
into a :class:`eigenwell.dc.PackedPolicy`. :func:`to_c` writes the deterministic policy of a PPO or
A2C model, its VecNormalize statistics and the bounds of its actions as one self-contained header.

The files of Stable-Baselines3 are pickles: **loading one runs whatever code is in it**. That holds
for ``model.zip`` as for ``vecnormalize.pkl``; load only those that you would run as a program.

Example:
    >>> from stable_baselines3 import PPO  # doctest: +SKIP
    >>> from eigenwell.integrations.sb3 import DCActorCriticPolicy, to_packed  # doctest: +SKIP
    >>> model = PPO(DCActorCriticPolicy, "Pendulum-v1", policy_kwargs={"eigenvalues": 6})
    ... # doctest: +SKIP
    >>> to_packed(model.learn(100_000)).save("pendulum.dcp")  # doctest: +SKIP
"""

from __future__ import annotations

from eigenwell._checks import require

require("torch", extra="sb3")
require("stable_baselines3", extra="sb3")

from eigenwell.integrations.sb3._c import to_c  # noqa: E402
from eigenwell.integrations.sb3._load import load_policy, load_vec_normalize  # noqa: E402
from eigenwell.integrations.sb3._pack import to_packed  # noqa: E402
from eigenwell.integrations.sb3._policy import DCActorCriticPolicy  # noqa: E402

__all__ = ["DCActorCriticPolicy", "load_policy", "load_vec_normalize", "to_c", "to_packed"]
