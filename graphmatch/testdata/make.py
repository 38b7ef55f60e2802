"""Export the small networks that the tests of package graphmatch align.

Run with Debian's python3-torch 1.13: python3 make.py FOLDER. Every network is exported twice: "fresh" with the
weights its layers start from (the exporter merges the many equal ones), and "tuned" with all weights moved (it
merges none), so that one architecture comes out with different nodes, names and initializers.
"""
import sys
import warnings

import torch
from torch import nn
from torch.onnx import TrainingMode

warnings.filterwarnings("ignore")


class Block(nn.Module):
    """A residual block; the shortcut is a convolution where the width changes."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = None
        if inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(nn.Module):
    """A stem, four residual blocks and a head; extra adds a block."""

    def __init__(self, classes=5, extra=0):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Block(4, 4), Block(4, 4))
        self.layer2 = nn.Sequential(Block(4, 6), *[Block(6, 6) for _ in range(1 + extra)])
        self.fc = nn.Linear(6, classes)

    def forward(self, x):
        x = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


class Transformer(nn.Module):
    """Token and position tables, one encoder layer, and a head; tied makes the head read the token table."""

    def __init__(self, tied=False):
        super().__init__()
        self.tokens = nn.Embedding(11, 8)
        self.positions = nn.Parameter(torch.randn(1, 5, 8))
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 11, bias=not tied)
        if tied:
            self.head.weight = self.tokens.weight
        self.temperature = nn.Parameter(torch.tensor(2.0))

    def forward(self, x):
        x = self.norm(self.encoder(self.tokens(x) + self.positions))
        return self.head(x) * self.temperature


class Mixed(nn.Module):
    """Group normalisation, PRelu, transposed and grouped convolution."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.norm = nn.GroupNorm(2, 4)
        self.act = nn.PReLU(4)
        self.up = nn.ConvTranspose2d(4, 3, 2, 2)
        self.inorm = nn.InstanceNorm2d(3, affine=True)

    def forward(self, x):
        return self.inorm(self.up(self.act(self.norm(self.depthwise(self.conv(x))))))


class Recurrent(nn.Module):
    """Two LSTM layers, a GRU and a linear read-out."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)
        self.gru = nn.GRU(4, 4, batch_first=True, bidirectional=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.gru(self.lstm(x)[0])[0])


class Siamese(nn.Module):
    """Two branches of equal structure whose results are added."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
        self.right = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, x):
        return self.left(x) + self.right(x)


def tuned(net, seed):
    """Move every weight and statistic a little, each its own way."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for tensor in list(net.parameters()) + list(net.buffers()):
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor) + 0.01)
    return net


def export(net, example, path, **options):
    options.setdefault("opset_version", 13)
    torch.onnx.export(net.eval(), example, path, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "n"}}, **options)


KEEP = dict(training=TrainingMode.PRESERVE, do_constant_folding=False)

FAMILIES = {
    "resnet": (ResNet, torch.zeros(1, 1, 8, 8), {}),
    "resnet_bn": (ResNet, torch.zeros(1, 1, 8, 8), KEEP),
    "resnet_head": (lambda: ResNet(classes=7), torch.zeros(1, 1, 8, 8), KEEP),
    "resnet_extra": (lambda: ResNet(extra=1), torch.zeros(1, 1, 8, 8), KEEP),
    "transformer": (Transformer, torch.zeros(1, 5, dtype=torch.long), {}),
    "transformer17": (Transformer, torch.zeros(1, 5, dtype=torch.long), dict(opset_version=17)),
    "tied": (lambda: Transformer(tied=True), torch.zeros(1, 5, dtype=torch.long), KEEP),
    "mixed": (Mixed, torch.zeros(1, 1, 8, 8), {}),
    "mixed_unfolded": (Mixed, torch.zeros(1, 1, 8, 8), KEEP),
    "recurrent": (Recurrent, torch.zeros(1, 5, 3), {}),
    "siamese": (Siamese, torch.zeros(1, 4), {}),
}


def main(folder):
    for name, (kind, example, options) in FAMILIES.items():
        torch.manual_seed(1)
        export(kind(), example, f"{folder}/{name}_fresh.onnx", **options)
        torch.manual_seed(1)
        export(tuned(kind(), 2), example, f"{folder}/{name}_tuned.onnx", **options)


if __name__ == "__main__":
    main(sys.argv[1])
