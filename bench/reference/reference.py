"""The work of the benches in PyTorch and scikit-learn, on arrays of the same shapes.

Prints one JSON object: case name -> median seconds. Cases carry the names that bench/compare.py
pairs with clipk's own benches.

    python bench/reference/reference.py --threads 2 [--device cuda] [--only REGEX]
"""

import argparse
import json
import re
import statistics
import sys
import time

import torch
import torch.nn.functional as F

CASES = {}
HOST_ONLY = set()  # cases of libraries without a GPU implementation


def case(name, repeats=5, host_only=False):
    def register(setup):
        CASES[name] = (setup, repeats)
        if host_only:
            HOST_ONLY.add(name)
        return setup

    return register


def codes(n, d, device):
    generator = torch.Generator().manual_seed(n + d)
    return torch.randn(n, d, generator=generator).to(device)


@case("gemm 5000x5000x512", 9)
def gemm(device):
    x, y = codes(5000, 512, device), codes(5000, 512, device).T
    out = torch.empty(5000, 5000, device=device)
    return lambda: torch.mm(x, y, out=out)


@case("pairwise_distance 5000x5000x512", 9)
def pairwise_distance(device):
    x, y = codes(5000, 512, device), codes(5000, 512, device)
    return lambda: torch.cdist(x, y)


@case("nearest 5000x5000x512 k=10", 5)
def nearest(device):
    x, y = codes(5000, 512, device), codes(5000, 512, device)
    return lambda: torch.topk(torch.cdist(x, y), 10, dim=1, largest=False)


def faiss_flat(n, m, d):
    """The exact search of faiss: IndexFlatL2, on the CPU only."""
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexFlatL2(d)
    index.add(codes(m, d, "cpu").numpy())
    queries = codes(n, d, "cpu").numpy()
    return lambda: index.search(queries, 10)


@case("faiss 5000x50000x512 k=10", 3, host_only=True)
def faiss_wide(device):
    return faiss_flat(5000, 50000, 512)


@case("faiss 20000x20000x64 k=10", 3, host_only=True)
def faiss_narrow(device):
    return faiss_flat(20000, 20000, 64)


def faiss_binary(n, m, bits):
    """The exact search of faiss by Hamming distance: IndexBinaryFlat, on the CPU only."""
    import faiss
    import numpy

    faiss.omp_set_num_threads(torch.get_num_threads())
    random = numpy.random.default_rng(n + bits)
    index = faiss.IndexBinaryFlat(bits)
    index.add(random.integers(0, 256, (m, bits // 8), dtype=numpy.uint8))
    queries = random.integers(0, 256, (n, bits // 8), dtype=numpy.uint8)
    return lambda: index.search(queries, 10)


def faiss_int8(n, m, d):
    """Inner products with codes of 8 bits a number; the queries stay float32."""
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexScalarQuantizer(d, faiss.ScalarQuantizer.QT_8bit,
                                       faiss.METRIC_INNER_PRODUCT)
    rows = codes(m, d, "cpu").numpy()
    index.train(rows[:10000])
    index.add(rows)
    queries = codes(n, d, "cpu").numpy()
    return lambda: index.search(queries, 10)


for n, m, d in [(1, 1000000, 512), (256, 1000000, 64), (256, 100000, 512)]:
    for name, setup in [("binary", faiss_binary), ("int8", faiss_int8)]:
        case(f"faiss {name} {n}x{m}x{d} k=10", 3, host_only=True)(
            lambda device, setup=setup, n=n, m=m, d=d: setup(n, m, d))


def faiss_pq(n, m, d, parts, bits):
    """Product quantisation: IndexPQ, queries not quantised, on the CPU only."""
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexPQ(d, parts, bits)
    rows = codes(m, d, "cpu").numpy()
    index.pq.cp.niter = 2
    index.train(rows[:10000])
    index.add(rows)
    queries = codes(n, d, "cpu").numpy()
    return lambda: index.search(queries, 10)


for n, m, d, parts, bits in [(1, 1000000, 512, 64, 8), (256, 100000, 128, 16, 8),
                             (256, 100000, 512, 64, 8), (256, 100000, 512, 64, 4),
                             (500, 500, 512, 64, 8)]:
    case(f"faiss pq{parts}x{bits} {n}x{m}x{d} k=10", 3, host_only=True)(
        lambda device, shape=(n, m, d, parts, bits): faiss_pq(*shape))


@case("cosine top-k 50000x1000x512", 3)
def cosine_top_k(device):
    x, y = codes(50000, 512, device), codes(1000, 512, device)

    def both():
        table = F.normalize(x) @ F.normalize(y).T
        return table.topk(10, dim=1), table.T.topk(10, dim=1)

    return both


def log_sum_exp(n, m, d, device):
    x, y = codes(n, d, device), codes(m, d, device)
    offset = codes(1, m, device)
    return lambda: torch.logsumexp(50 / d * (x @ y.T) + offset, dim=1)


@case("log_sum_exp 65536x1000x512", 5)
def log_sum_exp_rows(device):
    return log_sum_exp(65536, 1000, 512, device)


@case("log_sum_exp 1000x65536x512", 5)
def log_sum_exp_columns(device):
    return log_sum_exp(1000, 65536, 512, device)


@case("log_sum_exp 5000x5000x64", 5)
def log_sum_exp_small(device):
    return log_sum_exp(5000, 5000, 64, device)


@case("stress_loss 5000x5000x64", 5)
def stress_loss(device):
    x = codes(5000, 64, device).requires_grad_()
    y = codes(5000, 64, device).requires_grad_()
    target = torch.cdist(codes(5000, 512, device), codes(5000, 512, device))

    def step():
        x.grad = y.grad = None
        ((torch.cdist(x, y) - target) ** 2).mean().backward()

    return step


@case("factor_pair_loss 32768x256, 5 factors", 5)
def factor_pair_loss(device):
    """The supervised loss of IIN and its gradient: every pair shares one of five factors."""
    pairs, d, factors, rho = 32768, 256, 5, 0.975
    z = codes(2 * pairs, d, device).requires_grad_()
    log_det = torch.zeros(2 * pairs, device=device)
    block = (torch.arange(d) * (factors + 1) // d - 1).to(device)
    shared = (torch.arange(pairs).to(device) % factors)[:, None] == block[None]

    def step():
        z.grad = None
        a, b = z[:pairs], z[pairs:]
        within = (b - rho * a) ** 2 / (1 - rho**2)
        terms = a**2 + torch.where(shared, within, b**2)
        (0.5 * terms.sum(1) - log_det[:pairs] - log_det[pairs:]).mean().backward()

    return step


def quad_setup(device, count, by_query):
    """Autograd over gathered rows, as a notebook writes it."""
    n = 5000
    x = codes(n, 64, device).requires_grad_()
    y = codes(n, 64, device).requires_grad_()
    target = torch.cdist(codes(n, 512, device), codes(n, 512, device))
    near = torch.topk(target, 10, dim=1, largest=False).indices if by_query else None

    def step():
        i = torch.randint(n, (count,), device=device)
        if by_query:
            k = i
            j = near[i, torch.randint(10, (count,), device=device)]
        else:
            k = torch.randint(n, (count,), device=device)
            j = torch.randint(n, (count,), device=device)
        l = torch.randint(n, (count,), device=device)
        first = target[i, j] < target[k, l]
        near_i, near_j = torch.where(first, i, k), torch.where(first, j, l)
        far_i, far_j = torch.where(first, k, i), torch.where(first, l, j)
        x.grad = y.grad = None
        e_near = (x[near_i] - y[near_j]).norm(dim=1)
        e_far = (x[far_i] - y[far_j]).norm(dim=1)
        F.relu(0.1 + e_near - e_far).mean().backward()

    return step


@case("quad_hinge_loss 1M all 5000x5000x64", 3)
def quads_all(device):
    return quad_setup(device, 1_000_000, by_query=False)


@case("quad_hinge_loss 1M query 5000x5000x64", 3)
def quads_query(device):
    return quad_setup(device, 1_000_000, by_query=True)


@case("training_step 512-512-64 batch 256", 201)
def training_step(device):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 64)
    ).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, target = codes(256, 512, device), codes(256, 64, device)

    def step():
        optimizer.zero_grad()
        F.mse_loss(model(x), target).backward()
        optimizer.step()

    return step


def autoencoder_step(device, optimizer_of):
    """The DEC autoencoder: gather, forward, mean squared error, backward, update."""
    torch.manual_seed(0)
    widths = [784, 500, 500, 2000, 10]
    layers = []
    for path in (widths, widths[::-1]):
        for i, (inputs, outputs) in enumerate(zip(path, path[1:])):
            layers.append(torch.nn.Linear(inputs, outputs))
            if i + 2 < len(path):
                layers.append(torch.nn.ReLU())
    model = torch.nn.Sequential(*layers).to(device)
    optimizer = optimizer_of(model.parameters())
    rows = torch.rand(10000, 784).to(device)
    indices = torch.randint(10000, (256,)).to(device)

    def step():
        x = rows[indices]
        optimizer.zero_grad()
        F.mse_loss(model(x), x).backward()
        optimizer.step()

    return step


@case("autoencoder step 784, batch 256, Adam", 31)
def autoencoder_adam(device):
    return autoencoder_step(device, lambda p: torch.optim.Adam(p, lr=1e-3))


@case("autoencoder step 784, batch 256, SGD", 31)
def autoencoder_sgd(device):
    return autoencoder_step(device, lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9))


def vae_step(device, batch):
    """A variational autoencoder: gather, forward, draw, loss in nats, backward, update."""
    torch.manual_seed(0)
    nn = torch.nn
    encoder = nn.Sequential(nn.Linear(3072, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(),
                            nn.Linear(256, 32)).to(device)
    decoder = nn.Sequential(nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(),
                            nn.Linear(512, 3072)).to(device)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-4)
    rows = torch.rand(4096, 3072).to(device)
    indices = torch.randint(4096, (batch,)).to(device)

    def step():
        x = rows[indices]
        optimizer.zero_grad()
        mean, log_variance = encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        error = ((decoder(z) - x) ** 2).sum(1).mean() / (2 * 0.1**2)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        (error + divergence).backward()
        optimizer.step()

    return step


@case("vae step 3072, batch 128, Adam", 31)
def vae_128(device):
    return vae_step(device, 128)


@case("vae step 3072, batch 256, Adam", 31)
def vae_256(device):
    return vae_step(device, 256)


@case("gaussian_posterior 65536x64", 9)
def gaussian_posterior(device):
    """Draw, divergence and their gradients."""
    heads = codes(65536, 128, device).requires_grad_()
    grad_z = codes(65536, 64, device)

    def step():
        heads.grad = None
        mean, log_variance = heads.chunk(2, dim=1)
        z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        ((z * grad_z).sum() + divergence).backward()

    return step


@case("dropout 65536x256", 9)
def dropout(device):
    x = codes(65536, 256, device)
    return lambda: F.dropout(x, 0.2)


@case("adam 4194304", 9)
def adam(device):
    p = codes(1, 1 << 22, device).requires_grad_()
    p.grad = codes(1, 1 << 22, device)
    optimizer = torch.optim.Adam([p], lr=1e-3)
    return optimizer.step


@case("normalize_rows 100000x512", 9)
def normalize_rows(device):
    x = codes(100000, 512, device)
    return lambda: F.normalize(x)


@case("pca 10000x512", 3, host_only=True)
def pca(device):
    from sklearn.decomposition import PCA

    x = codes(10000, 512, "cpu").numpy()
    return lambda: PCA(svd_solver="covariance_eigh").fit(x)


@case("trustworthiness 5000, 512 to 64", 3, host_only=True)
def trustworthiness(device):
    from sklearn.manifold import trustworthiness as score

    x = codes(5000, 512, "cpu").numpy()
    return lambda: score(x, x[:, :64], n_neighbors=12)


@case("soft assignment 70000x10 k=10", 9)
def soft_assignment(device):
    """DEC's q, p and the gradients of KL(P||Q), as its PyTorch ports write them."""
    z = codes(70000, 10, device).requires_grad_()
    centres = codes(10, 10, device).requires_grad_()

    def step():
        z.grad = centres.grad = None
        q = 1 / (1 + ((z.unsqueeze(1) - centres) ** 2).sum(2))
        q = q / q.sum(1, keepdim=True)
        with torch.no_grad():
            p = q**2 / q.sum(0)
            p = p / p.sum(1, keepdim=True)
        F.kl_div(q.log(), p, reduction="batchmean").backward()

    return step


def flow_coupling():
    """Both couplings of a block as IIN writes them: dimension 64, networks of 3 hidden layers."""
    from torch import nn

    def network(last):
        layers = [nn.Linear(32, 512), nn.LeakyReLU()]
        for _ in range(2):
            layers += [nn.Linear(512, 512), nn.LeakyReLU()]
        return nn.Sequential(*layers, nn.Linear(512, 32), *last)

    class Coupling(nn.Module):
        def __init__(self, halves=2):
            super().__init__()
            self.s = nn.ModuleList(network([nn.Tanh()]) for _ in range(halves))
            self.t = nn.ModuleList(network([]) for _ in range(halves))

        def forward(self, x):
            log_det = 0
            for i, (s, t) in enumerate(zip(self.s, self.t)):
                a, b = x.chunk(2, 1)
                if i > 0:
                    a, b = b, a
                scale = s(a)
                b = b * scale.exp() + t(a)
                log_det = log_det + scale.sum(1)
                x = torch.cat([a, b] if i == 0 else [b, a], 1)
            return x, log_det

    return Coupling


def flow(blocks):
    from torch import nn

    class ActNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.loc = nn.Parameter(torch.zeros(1, 64))
            self.scale = nn.Parameter(torch.ones(1, 64))

        def forward(self, x):
            return self.scale * (x + self.loc), self.scale.abs().log().sum()

    class Flow(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList(ActNorm() for _ in range(blocks))
            self.couplings = nn.ModuleList(flow_coupling()() for _ in range(blocks))
            self.orders = [torch.randperm(64) for _ in range(blocks)]

        def forward(self, x):
            log_det = 0
            for norm, coupling, order in zip(self.norms, self.couplings, self.orders):
                x, of_norm = norm(x)
                x, of_coupling = coupling(x)
                log_det = log_det + of_norm + of_coupling
                x = x[:, order]
            return x, log_det

    return Flow()


def forward_backward(model, rows, device):
    torch.manual_seed(0)
    model = model.to(device)
    x = codes(rows, 64, device).requires_grad_()

    def call():
        model.zero_grad()
        z, log_det = model(x)
        (0.5 * (z * z).sum(1) - log_det).mean().backward()

    return call


def flow_step(device, rows, pairs=False, passes=1, fused=None):
    """12 blocks, width 512, Adam; the loss of pairs that share one of two factors, or of rows."""
    torch.manual_seed(0)
    model = flow(12).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.5, 0.9), fused=fused)
    x = codes(rows, 64, device)
    m = rows // 2
    rho = torch.zeros(m, 64, device=device)
    rho[0::2, :20] = 0.975
    rho[1::2, 20:40] = 0.975

    def step():
        optimizer.zero_grad()
        if passes == 1:
            z, log_det = model(x)
        else:
            parts = [model(half) for half in x.chunk(2)]
            z, log_det = (torch.cat(part) for part in zip(*parts))
        if pairs:
            a, b = z[:m], z[m:]
            terms = a**2 + (b - rho * a) ** 2 / (1 - rho**2) + torch.log(1 - rho**2)
            loss = (0.5 * terms.sum(1) - log_det[:m] - log_det[m:]).mean()
        else:
            loss = (0.5 * (z**2).sum(1) - log_det).mean()
        loss.backward()
        optimizer.step()

    return step


for rows in (50, 512):
    CASES[f"flow coupling, {rows} rows"] = (
        lambda device, rows=rows: forward_backward(flow_coupling()(halves=1), rows, device), 31)
    CASES[f"flow block, {rows} rows"] = (
        lambda device, rows=rows: forward_backward(flow(1), rows, device), 31)
for count in (25, 256):
    for passes in (1, 2):
        for fused in (None, True):
            name = f"flow step, {count} pairs in {passes} pass" + ("es" if passes > 1 else "")
            name += ", fused Adam" if fused else ""
            CASES[name] = (
                lambda device, count=count, passes=passes, fused=fused: flow_step(
                    device, 2 * count, True, passes, fused), 15)
for count in (26, 256):
    for fused in (None, True):
        name = f"flow step, {count} rows" + (", fused Adam" if fused else "")
        CASES[name] = (
            lambda device, count=count, fused=fused: flow_step(device, count, fused=fused), 15)


def spread(first, count):
    """Numbers in [-0.5, 0.5) from their indices; bench/image_rows.cpp makes the same."""
    import numpy as np

    h = (np.arange(count, dtype=np.uint64) + np.uint64(first)) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ h >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    return ((h ^ h >> np.uint64(32)) >> np.uint64(40)) * 2.0**-24 - 0.5


def cluster_rows(n, d):
    import numpy as np

    noise, latent, basis = 1 << 40, 1 << 41, 1 << 42
    middles = 0.5 * spread(0, 12 * 16).reshape(12, 16)
    z = middles[np.arange(n) % 12] + spread(latent, n * 16).reshape(n, 16)
    x = z @ spread(basis, 16 * d).reshape(16, d) + 0.3 * spread(noise, n * d).reshape(n, d)
    return np.maximum(x, 0).astype(np.float32)


def kmeans(**options):
    from sklearn.cluster import KMeans

    x = cluster_rows(20000, 784)
    if "init" in options:
        options["init"] = x[:10]
    model = KMeans(10, algorithm="lloyd", random_state=0, **options)

    def fit():
        model.fit(x)

    fit.notes = lambda: {"inertia": float(model.inertia_)}
    return fit


@case("kmeans 20000x784 k=10, 4 restarts", 3, host_only=True)
def kmeans_restarts(device):
    return kmeans(n_init=4)


@case("kmeans 20000x784 k=10, from given centres", 3, host_only=True)
def kmeans_from_start(device):
    return kmeans(n_init=1, init="given")


def random_labels(n, k, seed):
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(seed)).numpy()


@case("silhouette 10000x784", 3, host_only=True)
def silhouette(device):
    from sklearn.metrics import silhouette_score

    x, labels = codes(10000, 784, "cpu").numpy(), random_labels(10000, 10, 1)
    return lambda: silhouette_score(x, labels)


def adjusted_mutual_info(n, k):
    from sklearn.metrics import adjusted_mutual_info_score

    truth, predicted = random_labels(n, k, 1), random_labels(n, k, 2)
    return lambda: adjusted_mutual_info_score(truth, predicted)


@case("adjusted_mutual_info 70000, 10 clusters", 5, host_only=True)
def adjusted_mutual_info_few(device):
    return adjusted_mutual_info(70000, 10)


@case("adjusted_mutual_info 100000, 1000 clusters", 3, host_only=True)
def adjusted_mutual_info_many(device):
    return adjusted_mutual_info(100000, 1000)


@case("dec epoch 10000x784", 3)
def dec_epoch(device):
    """k-means from one start, P over all rows, an epoch of SGD on encoder and centres."""
    from sklearn.cluster import KMeans

    widths = [784, 500, 500, 2000, 10]
    x = torch.rand(10000, 784, generator=torch.Generator().manual_seed(1)).to(device)

    def soft(z, centres):
        q = 1 / (1 + ((z.unsqueeze(1) - centres) ** 2).sum(2))
        return q / q.sum(1, keepdim=True)

    def step():
        torch.manual_seed(0)
        layers = []
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            layers += [torch.nn.Linear(a, b)] + ([torch.nn.ReLU()] if i < 3 else [])
        encoder = torch.nn.Sequential(*layers).to(device)
        with torch.no_grad():
            z = encoder(x)
            start = KMeans(10, n_init=1, random_state=0).fit(z.cpu().numpy()).cluster_centers_
        centres = torch.tensor(start, device=device).requires_grad_()
        with torch.no_grad():
            q = soft(encoder(x), centres)
            p = q**2 / q.sum(0)
            p = p / p.sum(1, keepdim=True)
        optimizer = torch.optim.SGD([*encoder.parameters(), centres], lr=0.01, momentum=0.9)
        for rows in torch.randperm(10000, device=device).split(256):
            optimizer.zero_grad()
            q = soft(encoder(x[rows]), centres)
            F.kl_div(q.log(), p[rows], reduction="batchmean").backward()
            optimizer.step()
        with torch.no_grad():
            soft(encoder(x), centres).argmax(1).cpu()

    return step


@case("tsne 5000x50, 250 iterations", 1, host_only=True)
def tsne(device):
    from sklearn.manifold import TSNE

    x = codes(5000, 50, "cpu").numpy()
    return lambda: TSNE(max_iter=250, n_jobs=torch.get_num_threads()).fit(x)


def coupling(device, n, d, transformed):
    """One half of an affine coupling after its networks, forward and backward, with autograd."""
    x = codes(n, d, device)[:, :transformed].requires_grad_()
    a = codes(n, transformed, device).requires_grad_()
    t = codes(n, transformed, device).requires_grad_()
    grad_y, grad_log_det = codes(n, d, device)[:, :transformed], codes(n, 1, device)[:, 0]

    def step():
        x.grad = a.grad = t.grad = None
        s = torch.tanh(a)
        torch.autograd.backward([x * torch.exp(s) + t, s.sum(1)], [grad_y, grad_log_det])

    return step


@case("coupling 65536x256, half transformed", 9)
def coupling_half(device):
    return coupling(device, 65536, 256, 128)


@case("coupling 65536x256", 9)
def coupling_all(device):
    return coupling(device, 65536, 256, 256)


@case("coupling 256x64, half transformed", 201)
def coupling_batch(device):
    return coupling(device, 256, 64, 32)


@case("act_norm 65536x256", 9)
def act_norm(device):
    """Forward and backward, with autograd."""
    x = codes(65536, 256, device).requires_grad_()
    shift, log_scale = codes(1, 256, device).requires_grad_(), codes(1, 256, device).requires_grad_()
    grad_y, grad_log_det = codes(65536, 256, device), codes(65536, 1, device)[:, 0]

    def step():
        x.grad = shift.grad = log_scale.grad = None
        y = (x + shift) * torch.exp(log_scale)
        torch.autograd.backward([y, log_scale.sum().expand(65536)], [grad_y, grad_log_det])

    return step


@case("permute columns 65536x256", 9)
def permute_columns(device):
    x = codes(65536, 256, device)
    order = (37 * torch.arange(256, device=device) + 11) % 256
    return lambda: x[:, order]


@case("invertible leaky ReLU 65536x256", 9)
def leaky(device):
    """Forward with its log-determinant, and backward."""
    x, grad = codes(65536, 256, device).requires_grad_(), codes(65536, 256, device)

    def step():
        x.grad = None
        y = F.leaky_relu(x, 0.9)
        (x < 0).sum(1) * -0.10536052
        y.backward(grad)

    return step


def correlation(ranks):
    """Every coordinate against every feature: r, two-sided p, Benjamini and Hochberg's q, float64."""
    import numpy
    from scipy import special, stats

    n, c, f = 20000, 512, 200
    x, y = codes(n, c, "cpu").numpy(), codes(n, f, "cpu").numpy()

    def call():
        a, b = (stats.rankdata(v, axis=0) if ranks else v.astype(numpy.float64) for v in (x, y))
        a, b = a - a.mean(0), b - b.mean(0)
        r = a.T @ b / numpy.sqrt(numpy.outer((a * a).sum(0), (b * b).sum(0)))
        p = special.betainc(n / 2 - 1, 0.5, (1 - r) * (1 + r))
        return r, p, stats.false_discovery_control(p, axis=None)

    return call


@case("correlations 20000x512 to 200, Pearson", 5, host_only=True)
def correlation_pearson(device):
    return correlation(ranks=False)


@case("correlations 20000x512 to 200, Spearman", 3, host_only=True)
def correlation_spearman(device):
    return correlation(ranks=True)


def cross_entropy(n, k, device):
    logits, labels = codes(n, k, device).mul_(4).requires_grad_(), torch.randint(k, (n,)).to(device)

    def step():
        logits.grad = None
        F.cross_entropy(logits, labels).backward()

    return step


@case("cross_entropy 70000x10", 21)
def cross_entropy_narrow(device):
    return cross_entropy(70000, 10, device)


@case("cross_entropy 8192x1000", 21)
def cross_entropy_wide(device):
    return cross_entropy(8192, 1000, device)


@case("logistic regression 20000x64, 10 classes", 3, host_only=True)
def logistic_regression(device):
    """In float64, as clipk's on the CPU; the tolerance is not reached, so it takes 50 steps."""
    import warnings

    from sklearn.linear_model import LogisticRegression

    warnings.simplefilter("ignore")  # the warning that it has not converged
    x = codes(20000, 64, "cpu").double()
    noise = codes(20000, 10, "cpu").double()
    y = (x @ codes(64, 10, "cpu").double() + 4 * noise).argmax(1)
    x, y = x.numpy(), y.numpy()
    return lambda: LogisticRegression(max_iter=50, tol=1e-12).fit(x, y)


def measure_host(call, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure_cuda(call, repeats):
    """As in bench/support.cpp: events around the call, the L2 cache flushed before each."""
    flush = torch.empty(256 << 20, dtype=torch.uint8, device="cuda")
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    times = []
    for _ in range(repeats):
        flush.zero_()
        start.record()
        call()
        stop.record()
        stop.synchronize()
        times.append(start.elapsed_time(stop) * 1e-3)
    return statistics.median(times)


def measure(call, repeats, device):
    for _ in range(min(3, repeats - 1)):
        call()
    return measure_cuda(call, repeats) if device == "cuda" else measure_host(call, repeats)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="a regular expression on case names")
    parser.add_argument("--precision", choices=["fp32", "tf32"], default="fp32",
                        help="of matrix products on a GPU")
    parser.add_argument("--out", help="a file that is rewritten after every case")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.backends.cuda.matmul.allow_tf32 = arguments.precision == "tf32"
    result = {"torch": torch.__version__}
    for name, (setup, repeats) in CASES.items():
        if not re.search(arguments.only, name):
            continue
        if arguments.device == "cuda" and name in HOST_ONLY:
            continue
        try:
            call = setup(arguments.device)
            result[name] = measure(call, repeats, arguments.device)
            if hasattr(call, "notes"):  # the value that it reached, beside its time
                result.update(call.notes())
        except Exception as error:  # one failing case must not stop the others
            if arguments.out is None:
                raise
            print(f"reference.py: {name}: {error}", file=sys.stderr)
        if arguments.out is not None:
            with open(arguments.out, "w", encoding="utf-8") as file:
                json.dump(result, file, indent=1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
