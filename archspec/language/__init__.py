"""The language: YAML to a located tree to a document to an elaborated graph."""
