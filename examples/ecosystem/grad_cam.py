"""Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391): where in an image a network sees its class."""

import torch

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.eval()
image = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))

target_layer = model.layer4[-1]
values, gradients = [], []
target_layer.register_forward_hook(lambda module, args, output: values.append(output.detach()))
target_layer.register_full_backward_hook(lambda module, inputs, outputs: gradients.append(outputs[0].detach()))

scores = model(image)
scores[0, scores.argmax()].backward()
weights = gradients[0].mean((2, 3), keepdim=True)
heat = (weights * values[0]).sum(1, keepdim=True).relu()
heatmap = torch.nn.functional.interpolate(heat, image.shape[-2:], mode="bilinear")[0, 0]
print("the heat map has", list(heatmap.shape), "places, the hottest is", divmod(heatmap.argmax().item(), 96))

result = heatmap
