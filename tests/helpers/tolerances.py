"""The one table of tolerances, each with its reason."""

# Native float32 against the float64 oracle, actions in [-1, 1], sums of order 1 to 10: the issue's
# bar for the walker over 1e6 observations. Measured: 1.4e-6.
WALKER_ACTION = 2e-6

# The same for random policies with sums of order 1: twenty units in the last place of 1.
RANDOM_ACTION = 20 * 2.0**-24

# The packed walker (float32 codebook and biases) against the article's float64 code: each of the 24
# products errs by one rounding of a weight of at most 1.5, observations of order 1.
ARTICLE_ACTION = 5e-6
