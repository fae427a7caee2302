"""Benchmarks as ratios to named peers, both measured in one run. `make bench` runs them and writes docs/benchmarks.md."""
