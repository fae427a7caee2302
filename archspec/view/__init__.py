"""Hierarchy, repetition, stages, skip connections and labels of a network, for pictures, tables and reports."""
