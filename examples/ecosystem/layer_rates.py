"""Layer-wise learning rates: each stage learns at a fraction of the rate of the one behind it."""

import torch
from torch import nn

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.train()
parts = [model.fc, model.layer4, model.layer3, model.layer2, model.layer1, nn.ModuleList([model.conv1, model.bn1])]
groups = [{"params": list(part.parameters()), "lr": 0.01 * 0.5**depth} for depth, part in enumerate(parts)]
assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
optimizer = torch.optim.SGD(groups)

torch.manual_seed(0)
images, labels = torch.randn(4, 3, 64, 64), torch.arange(4)
loss = nn.functional.cross_entropy(model(images), labels)
loss.backward()
optimizer.step()
print("rates:", [group["lr"] for group in optimizer.param_groups])

result = model.eval()(images)
