"""Small implementations in torch of the networks in `tests/spec/networks`, written from their papers."""
