"""Freezing: the stem and the first stages stay as they are, their running statistics included."""

import torch
from torch import nn

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.train()
frozen = (model.conv1, model.bn1, model.layer1, model.layer2)
for part in frozen:
    part.requires_grad_(False)
    part.eval()

torch.manual_seed(0)
trained = [weight for weight in model.parameters() if weight.requires_grad]
optimizer = torch.optim.SGD(trained, lr=0.01)
before = model.layer2[0].bn1.running_mean.clone()
images, labels = torch.randn(4, 3, 64, 64), torch.arange(4)
loss = nn.functional.cross_entropy(model(images), labels)
loss.backward()
optimizer.step()
assert torch.equal(model.layer2[0].bn1.running_mean, before)
assert model.layer1[0].conv1.weight.grad is None
print(
    f"{sum(weight.numel() for weight in trained):,} of {sum(weight.numel() for weight in model.parameters()):,} weights are trained"
)

result = loss.detach()
