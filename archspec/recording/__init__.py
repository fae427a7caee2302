"""Records the calls of a PyTorch model and makes a graph of them: the front end of `archspec import`."""
