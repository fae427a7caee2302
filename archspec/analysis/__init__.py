"""What is known of a graph without running it: plain functions that give small dataclasses."""
