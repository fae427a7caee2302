"""Analyses of a graph that do not run it: functions that return small dataclasses."""
