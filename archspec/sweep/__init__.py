"""Spaces of variants of a network: counting them fast."""
