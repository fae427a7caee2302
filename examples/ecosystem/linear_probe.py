"""A linear probe: the network is frozen, and a linear layer learns from its features."""

import torch
from torch import nn

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.eval()
generator = torch.Generator().manual_seed(0)
images, labels = torch.randn(8, 3, 64, 64, generator=generator), torch.arange(8) % 2

features = nn.Sequential(*list(model.children())[:-1], nn.Flatten())
with torch.inference_mode():
    vectors = features(images)
vectors = nn.functional.normalize(vectors.clone())

torch.manual_seed(0)
probe = nn.Linear(model.fc.in_features, 2)
optimizer = torch.optim.SGD(probe.parameters(), lr=10.0)
for _ in range(50):
    loss = nn.functional.cross_entropy(probe(vectors), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.3f} after 50 steps")

result = vectors
