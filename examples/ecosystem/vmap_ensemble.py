"""An ensemble in one call: the weights of several networks are stacked, and vmap runs them together."""

import copy

import torch
from torch.func import functional_call, stack_module_state

import archspec

models = [archspec.load("resnet50").build(seed=seed).eval() for seed in range(2)]  # or torchvision.models.resnet50()
params, buffers = stack_module_state(models)
skeleton = copy.deepcopy(models[0]).to("meta")


def call(params, buffers, images):
    return functional_call(skeleton, (params, buffers), (images,))


torch.manual_seed(0)
images = torch.randn(2, 3, 64, 64)
with torch.inference_mode():
    scores = torch.vmap(call, in_dims=(0, 0, None))(params, buffers, images)
print(f"{len(models)} networks, {len(images)} images: scores {list(scores.shape)}")

result = scores
