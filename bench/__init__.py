"""The benchmark behind `make bench`: the product and its peers under the same load, on the same cores, in one run.

What is measured against what is in `bench.plan`; the product itself is left to `consentry`.
"""
