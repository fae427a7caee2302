"""Quantisation after training: observers see some images, then weights and values are of 8 bits."""

import torch
from torch.ao.quantization import get_default_qconfig_mapping
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.eval()
torch.manual_seed(0)
images = torch.randn(4, 3, 64, 64)

prepared = prepare_fx(model, get_default_qconfig_mapping("x86"), example_inputs=(images,))
with torch.inference_mode():
    expected = model(images)
    prepared(images)
    quantised = convert_fx(prepared)
    error = (quantised(images) - expected).abs().max() / expected.abs().max()
print(f"with 8 bits the scores are {100 * error.item():.1f}% off")

result = expected
