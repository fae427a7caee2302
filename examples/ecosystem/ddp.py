"""Data-parallel training: alone, or as torchrun --nproc-per-node 2 ddp.py, each process with a half of the batch."""

import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import archspec

if "RANK" in os.environ:
    dist.init_process_group("gloo")
else:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.eval()  # statistics of a half would be others
parallel = DistributedDataParallel(model)
optimizer = torch.optim.SGD(parallel.parameters(), lr=0.01)

torch.manual_seed(0)
images, labels = torch.randn(4, 3, 64, 64), torch.arange(4)
mine = slice(dist.get_rank(), None, dist.get_world_size())
for _ in range(2):
    loss = nn.functional.cross_entropy(parallel(images[mine]), labels[mine])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    mean = loss.detach() / dist.get_world_size()
    dist.all_reduce(mean)
if dist.get_rank() == 0:
    print(f"loss {mean.item():.4f}")
dist.destroy_process_group()

result = mean
