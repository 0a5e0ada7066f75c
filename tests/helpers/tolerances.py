"""The one table of tolerances, each with its reason."""

# Native float32 against the float64 oracle, actions in [-1, 1], sums of order 1 to 10: the issue's
# bar for the walker over 1e6 observations. Measured: 1.4e-6.
WALKER_ACTION = 2e-6

# The same for random policies with sums of order 1: twenty units in the last place of 1.
RANDOM_ACTION = 20 * 2.0**-24

# The packed walker (float32 codebook and biases) against the article's float64 code: each of the 24
# products errs by one rounding of a weight of at most 1.5, observations of order 1.
ARTICLE_ACTION = 5e-6

# Pairwise energies and gradients against the float64 oracle, vector norm over vector norm. float32:
# the issue's bar; 1000 random clouds stay under 7e-7 (AVX2's reciprocal square root, 2e-7 low).
# float64: some roundings of terms whose sum cancels by a factor of 10 or less.
PAIRWISE = {"float32": 1e-6, "float64": 2e-14}

# Products with the Hessian: a difference of two terms of the same size, for each pair.
PAIRWISE_SECOND = {"float32": 5e-6, "float64": 5e-14}

# A distance of one pair: 2 roundings for d of 3, and half of d for many; the square root halves.
DISTANCE = {"float32": 4e-7, "float64": 8e-16}

# A half-precision gradient is rounded once on the way out: 2^-11 and 2^-8.
HALF_GRADIENT = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
