"""Experiments on trained networks: the test error with blocks removed or exchanged, and the gradient by path length.

This package may import torch and, on demand, Lightning Fabric, scikit-learn, torchvision, datasets and matplotlib.
"""

from archspec import extras

extras.load_extra("torch", "training a network", "pip install 'archspec-nn[torch]'")
