"""The language: YAML to a located tree, to a document, to a program, to a graph."""
