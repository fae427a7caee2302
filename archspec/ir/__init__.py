"""The intermediate representation: shapes, values, nodes, regions, graphs, and facts derived from them."""
