"""Pong of our own: the article's two paddles and a ball, with exact labels, by the million frames.

:class:`Pong` steps many courts at once; :func:`environment` is one of them for Gymnasium. Actions
and their meaning are those of ALE's Pong (:mod:`eigenwell.worlds.atari` is the real one).
"""

from eigenwell.worlds.pong._environment import environment
from eigenwell.worlds.pong._game import ACTIONS, FRAME_BYTES, SIZE, Pong, unpack

__all__ = ["ACTIONS", "FRAME_BYTES", "SIZE", "Pong", "environment", "unpack"]
