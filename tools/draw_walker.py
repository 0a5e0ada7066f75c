"""Draw the picture of the README: one stride of the article's walker, pose by pose.

    python tools/draw_walker.py [FILE.png]

Needs the extra ``walk``. The poses are frames of the episode with seed 0, every sixth step (0.12 s
at 50 steps a second), cropped to the robot, with the step written below.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
from PIL import Image, ImageDraw

from eigenwell import dc

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "walker.png"
FIRST, EVERY, POSES = 200, 6, 8
CROP = (70, 190, 210, 330)  # left, top, right, bottom; the camera keeps the robot there


def main() -> None:
    """Play until enough poses are seen and write them side by side."""
    policy = dc.walker()
    env = gym.make("BipedalWalker-v3", render_mode="rgb_array")
    obs, _ = env.reset(seed=0)
    size = (CROP[2] - CROP[0], CROP[3] - CROP[1])
    strip = Image.new("RGB", (POSES * size[0], size[1]))
    pen = ImageDraw.Draw(strip)
    for step in range(FIRST + EVERY * POSES):
        pose, rest = divmod(step - FIRST, EVERY)
        if pose >= 0 and rest == 0:
            frame = Image.fromarray(np.asarray(env.render()))
            strip.paste(frame.crop(CROP), (pose * size[0], 0))
            pen.text((pose * size[0] + 8, size[1] - 16), f"{step / 50:.2f} s", fill="white")
        obs, *_ = env.step(policy(obs))
    env.close()
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    strip.quantize(32).save(target, optimize=True)
    print(target)


if __name__ == "__main__":
    main()
