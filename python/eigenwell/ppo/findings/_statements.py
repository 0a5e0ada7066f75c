"""What is said about the walkers, by the article and by us, and what decides it.

The bands of the checks were fixed before the study was run, after a look at a few episodes.
"""

from __future__ import annotations

from eigenwell.ppo.findings._walks import ARTICLE
from eigenwell.studies import Check, Claim

_FEW_FALLS = "at most 1 fall in 100"
_AS_BEFORE = "walks as before, at least 305"
_LOCKED = "phase-locking of the hips at least 0.5"


def claims(name: str = ARTICLE) -> tuple[Claim, ...]:
    """Return the claims about a walker, by the name that its experiments begin with."""
    return (*(_article() if name == ARTICLE else _trained(name)), *_bits(name), *_legs(name))


def _article() -> tuple[Claim, ...]:
    return (
        Claim(
            "score",
            "The article's walker gets about 310.",
            "article",
            (
                Check("return", "article-bits", "305 to 315", 305, 315),
                Check("fell", "article-bits", _FEW_FALLS, high=0.01),
            ),
        ),
        Claim(
            "quadratic",
            "All of its K can be zero, and it does not hurt.",
            "article",
            (
                Check("loss", "article-quadratic", "loses at most 1 point", high=1),
                Check("fell_without", "article-quadratic", _FEW_FALLS, high=0.01),
            ),
        ),
    )


def _trained(name: str) -> tuple[Claim, ...]:
    return (
        Claim(
            f"{name}-score",
            f"The {name} walker gets at least 300.",
            "ours",
            (
                Check("return", f"{name}-bits", "at least 300", low=300),
                Check("fell", f"{name}-bits", _FEW_FALLS, high=0.01),
            ),
        ),
    )


def _bits(name: str) -> tuple[Claim, ...]:
    def claim(bits: tuple[int, ...], says: str, remark: str = "") -> Claim:
        checks = tuple(
            Check(f"loss_{b}", f"{name}-bits", f"{b} bits: loses at most 2 points", high=2)
            for b in bits
        )
        return Claim(f"{name}-bits-{bits[-1]}", says, "ours", checks, remark)

    whose = "the article's" if name == ARTICLE else f"the {name}"
    known = (
        "The published weights lie on 30 levels and a zero. Here they are fitted anew, as if that "
        "were not known; at five bits the fit finds those levels again, up to float32."
        if name == ARTICLE
        else ""
    )
    return (
        claim((8, 7, 6, 5), f"Five bits on a fitted grid are enough for {whose} walker.", known),
        claim((4,), f"Four bits are enough for {whose} walker."),
        claim((3,), f"Three bits are enough for {whose} walker."),
        claim((2,), f"Two bits are enough for {whose} walker."),
    )


def _legs(name: str) -> tuple[Claim, ...]:
    source = ARTICLE if name == ARTICLE else "ours"
    whose = "the article's" if name == ARTICLE else f"the {name}"
    least = 305 if name == ARTICLE else 300
    before = _AS_BEFORE if name == ARTICLE else "still gets at least 300"
    wiring = (
        "Every neuron reads all 24 inputs. Of the 120 weights from one leg's joints and contact to "
        "the other leg's neurons, 105 are not zero: each leg is told of the other as much as of "
        "itself."
        if name == ARTICLE
        else ""
    )
    return (
        Claim(
            f"{name}-synchrony",
            f"The legs of {whose} walker keep time with each other.",
            source,
            (
                Check(
                    "hips_above_chance",
                    f"{name}-synchrony",
                    "phase-locking of the hips at least 0.3 above that of two walks' hips",
                    low=0.3,
                ),
                Check("knees_above_chance", f"{name}-synchrony", "the same of the knees", low=0.3),
            ),
        ),
        Claim(
            f"{name}-blind",
            f"A leg of {whose} walker has no idea that the other exists.",
            source,
            tuple(
                Check("return", f"{name}-cut-{cut}", before, low=least)
                for cut in ("other-leg", "replayed")
            ),
            wiring,
        ),
        Claim(
            f"{name}-body",
            f"The body alone keeps the legs of {whose} walker in time: they stay locked where each "
            "leg's neurons see the mean of the other.",
            "ours",
            (Check("hips", f"{name}-cut-other-leg", _LOCKED, low=0.5),),
            "With the means in place of the other leg it hardly walks, so there is little to lock.",
        ),
        Claim(
            f"{name}-replayed",
            "They stay locked where each leg's neurons see the other leg of another walk.",
            "ours",
            (Check("hips", f"{name}-cut-replayed", _LOCKED, low=0.5),),
            "What the neurons see of the other leg then says nothing of when; hull, ground and the "
            "view of the hull remain.",
        ),
    )
