"""Names that an author may not give: PLACEHOLDER replaced on merge."""

RESERVED: frozenset[str] = frozenset(("forward", "training", "graph", "code", "class", "self"))
