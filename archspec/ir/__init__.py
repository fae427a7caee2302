"""The intermediate representation: shapes, values, nodes, regions, and what is derived from them alone."""
