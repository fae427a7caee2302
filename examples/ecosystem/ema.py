"""A moving average of the weights, which is what is evaluated."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.train()
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

torch.manual_seed(0)
images, labels = torch.randn(4, 3, 64, 64), torch.arange(4)
for _ in range(2):
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    average.update_parameters(model)
update_bn([images], average)
print(f"loss {loss.item():.3f}; the average of {average.n_averaged.item()} states is evaluated")

result = average.eval()(images)
