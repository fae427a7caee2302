"""Writes the spec of a graph: the way back from a network to the text that a person would have written."""
