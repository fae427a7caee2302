"""TorchScript: a network in a file that C++ and phones load."""

import io

import torch

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
scripted = torch.jit.freeze(torch.jit.script(model.eval()))
file = io.BytesIO()
torch.jit.save(scripted, file)
file.seek(0)

torch.manual_seed(0)
with torch.inference_mode():
    scores = torch.jit.load(file)(torch.randn(2, 3, 64, 64))
print(f"{len(file.getvalue()):,} bytes; scores {list(scores.shape)}")

result = scores
