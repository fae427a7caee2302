"""Pictures of a network: a graph becomes boxes and arrows, and those become SVG, PNG, PDF, DOT, Mermaid or HTML."""
