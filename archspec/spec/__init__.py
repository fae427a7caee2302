"""The language: reads YAML into a located tree, a document, a bound program and a graph, in this order."""
