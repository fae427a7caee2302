"""ONNX that takes images of any number, height and width."""

import tempfile
from pathlib import Path

import onnxruntime
import torch

import archspec

model = archspec.load("resnet50").build()  # or torchvision.models.resnet50()
model.eval()
free = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
program = torch.onnx.export(
    model, (torch.randn(2, 3, 64, 96),), dynamo=True, dynamic_shapes=(free,), input_names=["image"], verbose=False
)

result = []
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "resnet50.onnx"
    program.save(file)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    torch.manual_seed(0)
    for size in ((1, 3, 64, 64), (3, 3, 96, 128), (2, 3, 224, 160)):
        image = torch.randn(size)
        (scores,) = session.run(None, {"image": image.numpy()})
        result.append(torch.from_numpy(scores))
        with torch.inference_mode():
            error = (model(image) - result[-1]).abs().max().item()
        print(f"{size}: off by {error:.1e}")
