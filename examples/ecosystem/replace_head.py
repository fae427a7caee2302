"""Fine-tuning for other classes: new layers take the place of the last one and of a block."""

import torch
from torch import nn

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
torch.manual_seed(0)
model.fc = nn.Sequential(nn.Dropout(0.5), nn.Linear(model.fc.in_features, 10))
model.layer4[-1] = nn.Identity()

images, labels = torch.randn(4, 3, 64, 64), torch.arange(4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
model.train()
loss = nn.functional.cross_entropy(model(images), labels)
loss.backward()
optimizer.step()
print(f"loss {loss.item():.3f}, {sum(weight.numel() for weight in model.parameters()):,} weights")

result = model.eval()(images)
