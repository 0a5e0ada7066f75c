"""What is said about the particles, by the article, by theory and by us, and what decides it.

The bands of the checks were fixed before the study was run.
"""

from __future__ import annotations

from eigenwell.studies import Check, Claim


def claims() -> tuple[Claim, ...]:
    """Return all claims, the sphere's before the polymer's."""
    return (*_sphere(), *_other_dimensions(), *_optimizers(), *_polymer())


def _sphere() -> tuple[Claim, ...]:
    sizes = ("100", "300", "1000", "3000", "10000", "20000")
    return (
        Claim(
            "sphere",
            "The points end on a sphere.",
            "article",
            (
                Check("thickness", "sphere-1000", "radii spread by at most 1 %", high=0.01),
                Check("interior", "sphere-1000", "at most 1 % of the points inside", high=0.01),
            ),
            "Seen as z = (-1)^k x, the loop descends on U(z) = |z|²/η - Σ|z_i - z_j|: the points "
            "repel each other by distance inside of a quadratic trap. In three dimensions the "
            "minimum of that is a uniform shell.",
        ),
        Claim(
            "flicker",
            "It flickers between two configurations, whose radii a and b add up to 2ηN/3.",
            "article",
            (
                Check("residual", "sphere-1000", "the same state two steps later", high=1e-3),
                *(
                    Check("radius", f"sphere-{n}", "(a + b)/2 within 0.2 % of ηN/3", 0.998, 1.002)
                    for n in sizes
                ),
            ),
            "One configuration is the other one reflected in the centre. The radius is theory's; "
            "the flicker is the article's.",
        ),
        Claim(
            "neutral-scale",
            "Only the sum of the two radii is determined: how much they differ is left from the "
            "start.",
            "design",
            (
                Check(
                    "imbalance",
                    "sphere-1000",
                    "|a - b|/(a + b) is not 0, and below its limit of stability, 0.7211",
                    1e-4,
                    0.7211,
                ),
            ),
        ),
        Claim(
            "drift",
            "It drifts only slightly over time.",
            "article",
            (
                Check("drift", "sphere-1000", "centre: at most 1e-6 R a step", high=1e-6),
                Check("turn", "sphere-1000", "rotation: at most 1e-5 rad a step", high=1e-5),
            ),
            "The forces add up to 0, so the centre can only move by rounding; rotations cost "
            "nothing and are what is left of the drift.",
        ),
        Claim(
            "interspersed",
            "Some points stay interspersed inside of the hollow sphere.",
            "article",
            (
                Check("interior", "sphere-1000", "at least 0.1 % after 10,000 steps", low=1e-3),
                Check("interior", "sphere-3000", "at least 0.1 % after 10,000 steps", low=1e-3),
            ),
            "For a continuous shell the potential inside is flat and a point could rest anywhere. "
            "Real points repel their own image in the shell and leave at a rate of 3/(2N) a step: "
            "after some N steps nothing is inside. The article may have seen them on the way out.",
        ),
        Claim(
            "on-the-way-out",
            "Interior points are there early, and gone after some N steps.",
            "ours",
            (
                Check("interior_200", "sphere-1000", "above 0.1 % after 200 steps", low=1e-3),
                Check("interior", "sphere-1000", "none after 10,000 steps", high=1e-3),
                Check("interior_200", "sphere-3000", "above 0.1 % after 200 steps", low=1e-3),
                Check("interior", "sphere-3000", "none after 10,000 steps", high=1e-3),
            ),
        ),
        Claim(
            "surface-lattice",
            "On the shell the points are ordered: nearer to a triangular lattice than to random "
            "points.",
            "ours",
            tuple(
                Check(
                    quantity,
                    experiment,
                    f"{words}: 0 is random, 1 the flat lattice",
                    low=0.5,
                )
                for experiment in ("sphere-1000", "sphere-3000")
                for quantity, words in (
                    ("nearest", "distance of neighbours"),
                    ("hexatic", "hexatic order"),
                )
            ),
            "This is why it is no lattice in space: the trap and the repulsion balance only on a "
            "surface, and there the points do form the lattice that a sphere admits.",
        ),
        Claim(
            "start",
            "A uniform start ends in the same sphere as a normal one.",
            "article",
            (
                Check("radius", "uniform-1000", "(a + b)/2 within 0.2 % of ηN/3", 0.998, 1.002),
                Check("thickness", "uniform-1000", "radii spread by at most 1 %", high=0.01),
            ),
        ),
    )


def _other_dimensions() -> tuple[Claim, ...]:
    return (
        Claim(
            "lattice",
            "On a line they form a lattice of spacing η.",
            "design",
            (
                Check("gap", "dimension-1", "mean gap η within 0.1 %", 0.999, 1.001),
                Check("variation", "dimension-1", "gaps spread by at most 1 %", high=0.01),
            ),
            "It is half the difference of two successive states; each alone may have any gaps that "
            "add up to 2η with the other's. In float32 some runs end with a gap of 0 in it: two "
            "points that have met exactly feel the same forces and stay together.",
        ),
        Claim(
            "disc",
            "In the plane they fill a disc of radius πηN/8, denser towards its edge.",
            "design",
            (
                Check("outer", "dimension-2", "radius within 1 %", 0.99, 1.01),
                Check(
                    "radius", "dimension-2", "mean distance π/4 of it within 0.2 %", 0.7838, 0.787
                ),
            ),
        ),
        Claim(
            "disc-law",
            "Their distances from the centre follow the disc's radial law to 5 %.",
            "ours",
            (Check("law", "dimension-2", "Kolmogorov-Smirnov distance below 0.05", high=0.05),),
            "The law is that of infinitely many points, and its density is infinite at the edge. "
            "The outermost of finitely many points lie at about R (1 - 0.5 N^(-2/3)), beyond which "
            "the law still has N^(-1/3), a tenth, and that is the distance measured.",
        ),
        Claim(
            "shells",
            "From three dimensions on they form a shell, of radius ηN times a quarter of the mean "
            "chord.",
            "design",
            tuple(
                check
                for d in (4, 5, 6)
                for check in (
                    Check("radius", f"dimension-{d}", "radius within 0.5 %", 0.995, 1.005),
                    Check("thickness", f"dimension-{d}", "radii spread by at most 1 %", high=0.01),
                )
            ),
        ),
    )


def _optimizers() -> tuple[Claim, ...]:
    survives = "radii spread by at most 1 %"
    return (
        *(
            Claim(
                f"momentum-{momentum}",
                f"The sphere survives momentum {momentum}, smaller by 1 + momentum.",
                "ours",
                (
                    Check("thickness", f"momentum-{momentum}", survives, high=0.01),
                    Check(
                        "radius",
                        f"momentum-{momentum}",
                        "radius ηN/3/(1 + momentum) within 0.2 %",
                        0.998 / (1 + momentum),
                        1.002 / (1 + momentum),
                    ),
                ),
            )
            for momentum in (0.1, 0.5, 0.9)
        ),
        Claim(
            "adam",
            "The sphere survives Adam.",
            "ours",
            (Check("thickness", "adam", survives, high=0.01),),
            "Adam divides by the gradient's size, which the radius comes from: the points end in a "
            "cloud smaller than one learning rate.",
        ),
    )


def _polymer() -> tuple[Claim, ...]:
    chain = "rank correlation of index and place at least 0.95"
    ball = "at most 0.1, as by chance"
    return (
        Claim(
            "chain",
            "Neutrons end in a chain, in the order of their indices.",
            "article",
            tuple(
                check
                for n in (100, 300, 1000, 3000)
                for check in (
                    Check("order", f"polymer-{n}", chain, low=0.95),
                    Check(
                        "repeatability", f"polymer-{n}", "the same curve through halves", low=0.95
                    ),
                )
            ),
            "That the order is that of the indices is ours: the article colours nothing.",
        ),
        Claim(
            "ball",
            "Without the mask there is no chain but a round shell.",
            "design",
            (
                Check("order", "mask-none", ball, high=0.1),
                Check("anisotropy", "mask-none", "relative shape anisotropy below 0.01", high=0.01),
            ),
        ),
        Claim(
            "within",
            "The mask within the species has no part in it.",
            "ours",
            (Check("order", "mask-within", ball, high=0.1),),
            "Within a species the mask only counts each pair once instead of twice.",
        ),
        Claim(
            "neutrons-mask",
            "The mask on the neutrons' pairs with electrons and protons makes the chain by itself.",
            "ours",
            (Check("order", "mask-ne+np", chain, low=0.95),),
            "Most runs say so, not every one: see the figure below. With electrons and protons "
            "masked against each other, too, every run makes a chain.",
        ),
        Claim(
            "one-mask",
            "The mask on the neutrons' pairs with one of them is enough.",
            "ours",
            (
                Check("order", "mask-ne", chain, low=0.95),
                Check("order", "mask-np", chain, low=0.95),
            ),
        ),
        Claim(
            "permuted",
            "Points that are given other indices take other places: the chain is the index's, not "
            "the start's.",
            "ours",
            (
                Check("order_new", "permuted", "order by the new index: 0.95", low=0.95),
                Check("order_old", "permuted", f"by the old index: {ball}", high=0.1),
            ),
        ),
        Claim(
            "bound",
            "Between one half (early) and two thirds (late) of the neutrons are bound.",
            "ours",
            tuple(
                Check("bound", f"polymer-{n}", "from 1/2 to 2/3", 1 / 2, 2 / 3)
                for n in (100, 300, 1000, 3000)
            ),
            "The fewer they are, the slower they come: a hundred are still growing at the end.",
        ),
        Claim(
            "helix",
            "The chain is a helix.",
            "article",
            tuple(
                check
                for n in (300, 1000)
                for check in (
                    Check(
                        "helix_over_wave", f"polymer-{n}", "fits better than a flat wave", high=1
                    ),
                    Check("helix", f"polymer-{n}", "explains 80 % of what a line leaves", low=0.8),
                )
            ),
            "It winds, and some runs look like a coil that widens, but the hand changes from run "
            "to run and within runs: one circular helix fits no better than a flat wave.",
        ),
        Claim(
            "distal",
            "New neutrons append to one end only.",
            "article",
            tuple(
                Check(quantity, f"polymer-{n}", words, low=0.9)
                for n in (300, 1000)
                for quantity, words in (
                    ("joined_last", "90 % of all joins in the last fifth of the chain"),
                    ("joined_late", "90 % of those of the second half of the steps"),
                )
            ),
            "While the chain condenses they join anywhere; what comes later, neutrons that return "
            "from far away in the order of their index, joins at the end of the high indices.",
        ),
        Claim(
            "shield",
            "Protons are densest around the end of the early neutrons.",
            "article",
            tuple(
                check
                for n in (300, 1000)
                for check in (
                    Check(
                        "shield_protons",
                        f"polymer-{n}",
                        "first quarter over last: at least twice, log2 >= 1",
                        low=1,
                    ),
                    Check(
                        "shield_beyond",
                        f"polymer-{n}",
                        "more so than the chain's own neutrons, log2 > 0",
                        low=0,
                    ),
                )
            ),
            "The chain is itself denser at that end, hence the second number. That the protons "
            "protect it from growth was not tested.",
        ),
    )
