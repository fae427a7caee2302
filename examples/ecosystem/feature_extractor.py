"""The values of all stages, for a detector or a segmenter, with torchvision's feature extractor."""

import torch
from torchvision.models.feature_extraction import create_feature_extractor

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
stages = {"layer1": "c2", "layer2": "c3", "layer3": "c4", "layer4": "c5"}
backbone = create_feature_extractor(model.eval(), return_nodes=stages)

torch.manual_seed(0)
with torch.inference_mode():
    pyramid = backbone(torch.randn(1, 3, 64, 64))
print({name: list(value.shape) for name, value in pyramid.items()})

result = list(pyramid.values())
