"""Summaries, comparisons and HTML reports of networks."""
