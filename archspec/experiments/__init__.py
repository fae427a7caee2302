"""Experiments on trained networks: what happens without some blocks, and which paths the gradient takes.

This floor may import torch and, where they are asked for, scikit-learn, torchvision and matplotlib.
"""

from archspec import extras

extras.load_extra("torch", "training a network", "pip install 'archspec-nn[torch]'")
