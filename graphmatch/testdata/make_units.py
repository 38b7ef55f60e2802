"""Networks whose hidden units the tests of graphmatch reorder, exported by torch 1.13: python3 make_units.py FOLDER."""
import sys
import torch
from torch import nn
import torch.nn.functional as F
from torch.onnx import TrainingMode


class MHA(nn.Module):
    """Attention of PyTorch, whose exporter folds the batch into the heads."""

    def __init__(self, batch_first=False):
        super().__init__()
        self.up = nn.Linear(6, 8)
        self.mha = nn.MultiheadAttention(8, 2, batch_first=batch_first)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        h = self.up(x)
        a, _ = self.mha(h, h, h, need_weights=False)
        return self.out(h + a)


class Encoder(nn.Module):
    """PyTorch's encoder layers."""

    def __init__(self):
        super().__init__()
        self.up = nn.Linear(6, 8)
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), 2)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.enc(self.up(x)))


class Cross(nn.Module):
    """Attention to another sequence."""

    def __init__(self):
        super().__init__()
        self.up = nn.Linear(6, 8)
        self.dec = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12, batch_first=True), 1)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        h = self.up(x)
        return self.out(self.dec(h, h * 2))


class TimmAttn(nn.Module):
    """Queries, keys and values made by one layer and unbound, as in timm."""

    def __init__(self, dim=8, heads=2):
        super().__init__()
        self.h = heads
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)
        self.scale = (dim // heads) ** (-0.5)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        a = (q @ k.transpose(-2, -1) * self.scale).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(B, N, C))


class TimmAttnIdx(TimmAttn):
    """The same, taken apart by index."""

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4)
        q, k, v = (qkv[0], qkv[1], qkv[2])
        a = (q @ k.transpose(-2, -1) * self.scale).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(B, N, C))


class Mlp(nn.Module):
    """Two linear layers."""

    def __init__(self, d, h):
        super().__init__()
        self.a = nn.Linear(d, h)
        self.b = nn.Linear(h, d)

    def forward(self, x):
        return self.b(F.gelu(self.a(x)))


class TimmViT(nn.Module):
    """A vision transformer with a class token."""

    def __init__(self, attn=TimmAttn):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 4, 4)
        self.cls = nn.Parameter(torch.randn(1, 1, 8))
        self.pos = nn.Parameter(torch.randn(1, 5, 8))
        self.n1 = nn.LayerNorm(8)
        self.attn = attn()
        self.n2 = nn.LayerNorm(8)
        self.mlp = Mlp(8, 12)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(x.shape[0], -1, -1), x), 1) + self.pos
        x = x + self.attn(self.n1(x))
        x = x + self.mlp(self.n2(x))
        return self.head(self.norm(x)[:, 0])


class Conv1D(nn.Module):
    """The linear layer of GPT-2: addmm on rows."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf = nf
        self.weight = nn.Parameter(torch.randn(nx, nf) * 0.3)
        self.bias = nn.Parameter(torch.randn(nf))

    def forward(self, x):
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(x.size()[:-1] + (self.nf,))


class GPT2(nn.Module):
    """One block of GPT-2 with its causal mask and tied output."""

    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(11, 8)
        self.wpe = nn.Embedding(6, 8)
        self.ln = nn.LayerNorm(8)
        self.attn = Conv1D(24, 8)
        self.proj = Conv1D(8, 8)
        self.ln2 = nn.LayerNorm(8)
        self.fc = Conv1D(16, 8)
        self.fc2 = Conv1D(8, 16)
        self.lnf = nn.LayerNorm(8)
        self.register_buffer('mask', torch.tril(torch.ones(6, 6)).view(1, 1, 6, 6).bool())

    def split(self, t):
        return t.view(t.size()[:-1] + (2, 4)).permute(0, 2, 1, 3)

    def forward(self, x):
        h = self.wte(x) + self.wpe(torch.arange(x.shape[1])[None])
        q, k, v = self.attn(self.ln(h)).split(8, dim=2)
        q, k, v = (self.split(q), self.split(k), self.split(v))
        w = q @ k.transpose(-1, -2) / 2.0
        n = x.shape[1]
        w = torch.where(self.mask[:, :, :n, :n], w, torch.tensor(-10000.0)).softmax(-1)
        a = (w @ v).permute(0, 2, 1, 3).contiguous()
        a = a.view(a.size()[:-2] + (8,))
        h = h + self.proj(a)
        h = h + self.fc2(F.gelu(self.fc(self.ln2(h))))
        return self.lnf(h) @ self.wte.weight.t()


def shuffle(x, g):
    """Weave the channels of g groups into each other."""
    b, c, h, w = x.shape
    return x.view(b, g, c // g, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)


class ShuffleUnit(nn.Module):
    """A unit of ShuffleNet v2: one half of the channels passes, then both halves are woven."""

    def __init__(self, c):
        super().__init__()
        c = c // 2
        self.b = nn.Sequential(
            nn.Conv2d(c, c, 1), nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1, groups=c),
            nn.BatchNorm2d(c), nn.Conv2d(c, c, 1), nn.BatchNorm2d(c), nn.ReLU())

    def forward(self, x):
        a, b = x.chunk(2, 1)
        return shuffle(torch.cat((a, self.b(b)), 1), 2)


class ShuffleDown(nn.Module):
    """A unit of ShuffleNet v2 that halves the image."""

    def __init__(self, i, o):
        super().__init__()
        c = o // 2
        self.a = nn.Sequential(
            nn.Conv2d(i, i, 3, 2, 1, groups=i), nn.BatchNorm2d(i), nn.Conv2d(i, c, 1),
            nn.BatchNorm2d(c), nn.ReLU())
        self.b = nn.Sequential(
            nn.Conv2d(i, c, 1), nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 3, 2, 1, groups=c),
            nn.BatchNorm2d(c), nn.Conv2d(c, c, 1), nn.BatchNorm2d(c), nn.ReLU())

    def forward(self, x):
        return shuffle(torch.cat((self.a(x), self.b(x)), 1), 2)


class ShuffleNet(nn.Module):
    """ShuffleNet v2 (arXiv 1807.11164), tiny."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.d1 = ShuffleDown(6, 8)
        self.u1 = ShuffleUnit(8)
        self.u2 = ShuffleUnit(8)
        self.last = nn.Conv2d(8, 10, 1)
        self.fc = nn.Linear(10, 3)

    def forward(self, x):
        return self.fc(F.relu(self.last(self.u2(self.u1(self.d1(F.relu(self.stem(x))))))).mean([2, 3]))


class ShuffleV1(nn.Module):
    """Grouped convolutions with a shuffle between them (arXiv 1707.01083)."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.a = nn.Conv2d(6, 12, 1, groups=3)
        self.dw = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.b = nn.Conv2d(12, 6, 1, groups=3)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        y = F.relu(self.stem(x))
        z = shuffle(F.relu(self.a(y)), 3)
        return self.fc(F.relu(y + self.b(self.dw(z))).mean([2, 3]))


class ResNeXt(nn.Module):
    """A grouped convolution inside a residual branch."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.a = nn.Conv2d(6, 8, 1)
        self.g = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.b = nn.Conv2d(8, 6, 1)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        y = F.relu(self.stem(x))
        return self.fc(F.relu(y + self.b(F.relu(self.g(F.relu(self.a(y)))))).mean([2, 3]))


def wpart(x, w):
    """Cut images into windows."""
    B, H, W, C = x.shape
    return x.view(B, H // w, w, W // w, w, C).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, w, w, C)


def wrev(x, w, H, W):
    """Put windows together again."""
    B = int(x.shape[0] / (H * W / w / w))
    return x.view(B, H // w, W // w, w, w, -1).permute(0, 1, 3, 2, 4, 5).contiguous().view(B, H, W, -1)


class WAttn(nn.Module):
    """Attention within windows with a relative position bias."""

    def __init__(self, dim=8, h=2, w=2):
        super().__init__()
        self.h = h
        self.rpb = nn.Parameter(torch.randn((2 * w - 1) ** 2, h))
        c = torch.stack(torch.meshgrid([torch.arange(w), torch.arange(w)])).flatten(1)
        r = (c[:, :, None] - c[:, None, :]).permute(1, 2, 0).contiguous()
        r += w - 1
        r[:, :, 0] *= 2 * w - 1
        self.register_buffer('idx', r.sum(-1))
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.h, C // self.h).permute(2, 0, 3, 1, 4)
        q, k, v = (qkv[0], qkv[1], qkv[2])
        a = q * 0.5 @ k.transpose(-2, -1)
        a = a + self.rpb[self.idx.view(-1)].view(N, N, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
        return self.proj((a.softmax(-1) @ v).transpose(1, 2).reshape(B, N, C))


class Swin(nn.Module):
    """Swin (arXiv 2103.14030): windows, shifted windows and patch merging."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 2, 2)
        self.pn = nn.LayerNorm(8)
        self.n1 = nn.LayerNorm(8)
        self.a1 = WAttn()
        self.n2 = nn.LayerNorm(8)
        self.m1 = Mlp(8, 12)
        self.n3 = nn.LayerNorm(8)
        self.a2 = WAttn()
        self.n4 = nn.LayerNorm(8)
        self.m2 = Mlp(8, 12)
        self.mn = nn.LayerNorm(32)
        self.red = nn.Linear(32, 10, bias=False)
        self.norm = nn.LayerNorm(10)
        self.head = nn.Linear(10, 3)

    def block(self, x, n1, at, n2, m, shift):
        B, L, C = x.shape
        y = n1(x).view(B, 4, 4, C)
        if shift:
            y = torch.roll(y, (-1, -1), (1, 2))
        y = wrev(at(wpart(y, 2).view(-1, 4, C)).view(-1, 2, 2, C), 2, 4, 4)
        if shift:
            y = torch.roll(y, (1, 1), (1, 2))
        x = x + y.view(B, 16, C)
        return x + m(n2(x))

    def forward(self, x):
        x = self.pn(self.patch(x).flatten(2).transpose(1, 2))
        x = self.block(x, self.n1, self.a1, self.n2, self.m1, 0)
        x = self.block(x, self.n3, self.a2, self.n4, self.m2, 1)
        B, L, C = x.shape
        x = x.view(B, 4, 4, C)
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1).view(B, -1, 4 * C)
        return self.head(self.norm(self.red(self.mn(x))).mean(1))


class RNNs(nn.Module):
    """Recurrent layers on each other."""

    def __init__(self, kind, bi, layers, bf=True):
        super().__init__()
        self.emb = nn.Linear(3, 5)
        self.r = kind(5, 4, layers, bidirectional=bi, batch_first=bf)
        self.o = nn.Linear(8 if bi else 4, 3)

    def forward(self, x):
        return self.o(self.r(self.emb(x))[0])


class RNNLast(nn.Module):
    """The last states of the last recurrent layer."""

    def __init__(self, bi):
        super().__init__()
        self.r = nn.LSTM(3, 4, 2, bidirectional=bi, batch_first=True)
        self.bi = bi
        self.o = nn.Linear(8 if bi else 4, 3)

    def forward(self, x):
        _, (h, c) = self.r(x)
        return self.o(torch.cat((h[-2], h[-1]), 1) if self.bi else h[-1])


class Seq2Seq(nn.Module):
    """A decoder that starts from the last state of an encoder."""

    def __init__(self):
        super().__init__()
        self.e = nn.GRU(3, 4, batch_first=True)
        self.d = nn.GRU(3, 4, batch_first=True)
        self.o = nn.Linear(4, 3)

    def forward(self, x):
        _, h = self.e(x)
        return self.o(self.d(x, h)[0])


class SE(nn.Module):
    """Squeeze and excitation with views."""

    def __init__(self, c, r):
        super().__init__()
        self.a = nn.Linear(c, r)
        self.b = nn.Linear(r, c)

    def forward(self, x):
        b, c, _, _ = x.shape
        y = F.adaptive_avg_pool2d(x, 1).view(b, c)
        return x * torch.sigmoid(self.b(F.relu(self.a(y)))).view(b, c, 1, 1)


class SENet(nn.Module):
    """A network with squeeze and excitation."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 6, 3, padding=1)
        self.se = SE(6, 3)
        self.b = nn.Conv2d(6, 5, 3)
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(F.hardswish(self.b(self.se(F.silu(self.a(x))))).mean([2, 3]))


class GN(nn.Module):
    """Group and instance normalisation."""

    def __init__(self, g=2):
        super().__init__()
        self.a = nn.Conv2d(1, 8, 3, padding=1)
        self.g = nn.GroupNorm(g, 8)
        self.b = nn.Conv2d(8, 6, 3)
        self.i = nn.InstanceNorm2d(6, affine=True)
        self.c = nn.Conv2d(6, 4, 1)
        self.fc = nn.Linear(4 * 6 * 6, 3)

    def forward(self, x):
        return self.fc(F.relu(self.c(F.relu(self.i(self.b(F.relu(self.g(self.a(x)))))))).flatten(1))


class GLU(nn.Module):
    """Gated units: halves of a layer multiply each other."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 12)
        self.b = nn.Linear(6, 10)
        self.c = nn.Linear(5, 3)

    def forward(self, x):
        x = F.glu(self.a(x))
        u, v = self.b(x).chunk(2, -1)
        return self.c(u * F.gelu(v))


class Conformer(nn.Module):
    """A convolution module of a Conformer."""

    def __init__(self):
        super().__init__()
        self.i = nn.Linear(3, 6)
        self.n = nn.LayerNorm(6)
        self.p = nn.Conv1d(6, 12, 1)
        self.d = nn.Conv1d(6, 6, 3, padding=1, groups=6)
        self.bn = nn.BatchNorm1d(6)
        self.q = nn.Conv1d(6, 6, 1)
        self.o = nn.Linear(6, 2)

    def forward(self, x):
        x = self.i(x)
        y = self.n(x).transpose(1, 2)
        y = self.q(F.silu(self.bn(self.d(F.glu(self.p(y), 1))))).transpose(1, 2)
        return self.o(x + y)


class Pixel(nn.Module):
    """Channels that become pixels."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 6, 3, padding=1)
        self.b = nn.Conv2d(6, 20, 3, padding=1)
        self.c = nn.Conv2d(5, 1, 3, padding=1)
        self.p = nn.PReLU(6)

    def forward(self, x):
        return self.c(F.pixel_shuffle(self.b(self.p(self.a(x))), 2))


class Inception(nn.Module):
    """Branches that are joined, then flattened."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 1)
        self.b = nn.Conv2d(4, 3, 1)
        self.c = nn.Conv2d(4, 5, 3, padding=1)
        self.d = nn.Conv2d(8, 6, 3)
        self.fc = nn.Linear(6 * 9, 3)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = torch.cat((self.b(x), F.relu(self.c(x))), 1)
        return self.fc(F.max_pool2d(F.relu(self.d(x)), 2).flatten(1))


class MLPMixer(nn.Module):
    """Layers along tokens and along channels."""

    def __init__(self):
        super().__init__()
        self.p = nn.Conv2d(1, 6, 2, 2)
        self.n1 = nn.LayerNorm(6)
        self.t = Mlp(16, 7)
        self.n2 = nn.LayerNorm(6)
        self.c = Mlp(6, 9)
        self.h = nn.Linear(6, 3)

    def forward(self, x):
        x = self.p(x).flatten(2).transpose(1, 2)
        x = x + self.t(self.n1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.c(self.n2(x))
        return self.h(x.mean(1))


class ConvNeXt(nn.Module):
    """A block that works on the last axis."""

    def __init__(self):
        super().__init__()
        self.s = nn.Conv2d(1, 6, 2, 2)
        self.d = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.n = nn.LayerNorm(6)
        self.a = nn.Linear(6, 12)
        self.b = nn.Linear(12, 6)
        self.g = nn.Parameter(torch.randn(6))
        self.h = nn.Linear(6, 3)

    def forward(self, x):
        x = self.s(x)
        y = self.d(x).permute(0, 2, 3, 1)
        y = self.g * self.b(F.gelu(self.a(self.n(y))))
        x = x + y.permute(0, 3, 1, 2)
        return self.h(x.mean([2, 3]))


class Llama(nn.Module):
    """Shared keys and values, rotary positions, RMS normalisation, SwiGLU."""

    def __init__(self, kv=1):
        super().__init__()
        self.kv = kv
        self.e = nn.Embedding(11, 8)
        self.n = nn.Parameter(torch.randn(8))
        self.q = nn.Linear(8, 8, bias=False)
        self.k = nn.Linear(8, 4 * kv, bias=False)
        self.v = nn.Linear(8, 4 * kv, bias=False)
        self.o = nn.Linear(8, 8, bias=False)
        self.n2 = nn.Parameter(torch.randn(8))
        self.g = nn.Linear(8, 12, bias=False)
        self.u = nn.Linear(8, 12, bias=False)
        self.d = nn.Linear(12, 8, bias=False)
        self.h = nn.Linear(8, 11, bias=False)

    def rms(self, x, w):
        return w * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-06))

    def rot(self, x, c, sn):
        a, b = (x[..., :2], x[..., 2:])
        return x * c + torch.cat((-b, a), -1) * sn

    def forward(self, x):
        B, N = x.shape
        h = self.e(x)
        y = self.rms(h, self.n)
        q = self.q(y).view(B, N, 2, 4).transpose(1, 2)
        k = self.k(y).view(B, N, self.kv, 4).transpose(1, 2)
        v = self.v(y).view(B, N, self.kv, 4).transpose(1, 2)
        p = torch.arange(N)[:, None] * torch.tensor([1.0, 0.1, 1.0, 0.1])
        q, k = (self.rot(q, p.cos(), p.sin()), self.rot(k, p.cos(), p.sin()))
        if self.kv == 1:
            k = k[:, :, None].expand(B, 1, 2, N, 4).reshape(B, 2, N, 4)
            v = v[:, :, None].expand(B, 1, 2, N, 4).reshape(B, 2, N, 4)
        a = (q @ k.transpose(2, 3) / 2).softmax(-1) @ v
        h = h + self.o(a.transpose(1, 2).reshape(B, N, 8))
        y = self.rms(h, self.n2)
        h = h + self.d(F.silu(self.g(y)) * self.u(y))
        return self.h(h)


img = torch.randn(2, 1, 8, 8)
seq = torch.randn(2, 5, 6)
ids = torch.randint(0, 11, (2, 6))
seq3 = torch.randn(2, 5, 3)
vec = torch.randn(3, 4)

# network, example input, opset, whether constants are left unfolded, whether the batch axis is symbolic
UNITS = {
    "mha_bf": (lambda: MHA(True), seq, 13, False, True),
    "encoder": (Encoder, seq, 14, False, False),
    "cross": (Cross, seq, 14, False, False),
    "timm": (TimmViT, img, 13, False, True),
    "timm_idx": (lambda: TimmViT(TimmAttnIdx), img, 14, False, False),
    "gpt2": (GPT2, ids, 17, True, True),
    "shufflenet": (ShuffleNet, img, 13, False, True),
    "shufflev1": (ShuffleV1, img, 14, False, False),
    "swin": (Swin, img, 14, False, False),
    "bilstm2": (lambda: RNNs(nn.LSTM, True, 2), seq3, 13, False, True),
    "bilstmlast": (lambda: RNNLast(True), seq3, 13, False, True),
    "lstmlast": (lambda: RNNLast(False), seq3, 13, False, True),
    "birnn2": (lambda: RNNs(nn.RNN, True, 2, False), seq3, 13, False, True),
    "bigru2": (lambda: RNNs(nn.GRU, True, 2), seq3, 13, False, True),
    "seq2seq": (Seq2Seq, seq3, 13, False, True),
    "senet": (SENet, img, 17, True, True),
    "gn13": (GN, img, 13, False, True),
    "gn17": (GN, img, 17, True, True),
    "glu": (GLU, vec, 13, False, True),
    "conformer": (Conformer, seq3, 13, False, True),
    "llama": (Llama, ids, 14, False, False),
    "rotary": (lambda: Llama(2), ids, 13, False, True),
    "convnext": (ConvNeXt, img, 17, True, True),
    "mixer": (MLPMixer, img, 13, False, True),
    "inception": (Inception, img, 14, False, False),
    "pixel": (Pixel, img, 13, False, True),
    "resnext": (ResNeXt, img, 13, False, True),
}


def main(folder):
    """Write every network to the folder, all its weights and statistics different."""
    for name, (make, example, opset, unfolded, symbolic) in UNITS.items():
        torch.manual_seed(1)
        net = make()
        with torch.no_grad():
            for tensor in list(net.parameters()) + list(net.buffers()):
                if tensor.is_floating_point():
                    tensor.add_(0.1 * torch.rand_like(tensor) + 0.01)
        torch.onnx.export(
            net.eval(), example, f"{folder}/{name}.onnx", opset_version=opset, input_names=["x"], output_names=["y"],
            dynamic_axes={"x": {0: "n"}} if symbolic else None,
            training=TrainingMode.PRESERVE if unfolded else TrainingMode.EVAL, do_constant_folding=not unfolded)


if __name__ == "__main__":
    main(sys.argv[1])
