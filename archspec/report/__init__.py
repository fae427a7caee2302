"""Tables made from a graph."""
