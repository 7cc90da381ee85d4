"""Runs clipk's benches beside the same work in PyTorch and scikit-learn and prints the ratios.

The two take turns, `--rounds` times, and the medians are compared: a machine that slows down slows
both. With `--single-pass` every bench binary and the references start once each, which is what a GPU
lent for minutes has time for; what fails is named and the rest is shown. Uses the standard library
alone; the references run in the interpreter given by --python.
"""

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

# (title, bench binary, regular expression of its benchmark, case of reference.py, reference work
# per unit of ours). If the reference is None, no ratio is shown.
CASES = [
    ("bare GEMM 5000x5000x512", "pairwise_distance_bench", r"^gemm/n:5000/m:5000/d:512/",
     "gemm 5000x5000x512", 1),
    ("pairwise distance 5000x5000x512", "pairwise_distance_bench",
     r"^pairwise_distance_euclidean/n:5000/m:5000/d:512/", "pairwise_distance 5000x5000x512", 1),
    ("nearest 5000x5000x512, k = 10", "nearest_bench", r"^nearest/n:5000/m:5000/d:512/k:10/",
     "nearest 5000x5000x512 k=10", 1),
    ("nearest 5000x50000x512, k = 10 (faiss flat)", "nearest_bench",
     r"^nearest/n:5000/m:50000/d:512/k:10/", "faiss 5000x50000x512 k=10", 1),
    ("nearest 20000x20000x64, k = 10 (faiss flat)", "nearest_bench",
     r"^nearest/n:20000/m:20000/d:64/k:10/", "faiss 20000x20000x64 k=10", 1),
    ("PQ 64 x 8 bits, 1 query of 1,000,000 codes (faiss IndexPQ)", "product_quantizer_bench",
     r"^product_quantizer_search/n:1/rows:1000000/d:512/m:64/centroids:256/",
     "faiss pq64x8 1x1000000x512 k=10", 1),
    ("PQ 16 x 8 bits, 256 queries of 100,000 codes (faiss IndexPQ)", "product_quantizer_bench",
     r"^product_quantizer_search/n:256/rows:100000/d:128/m:16/centroids:256/",
     "faiss pq16x8 256x100000x128 k=10", 1),
    ("PQ 64 x 8 bits, 256 queries of 100,000 codes (faiss IndexPQ)", "product_quantizer_bench",
     r"^product_quantizer_search/n:256/rows:100000/d:512/m:64/centroids:256/",
     "faiss pq64x8 256x100000x512 k=10", 1),
    ("PQ 64 x 4 bits, 256 queries of 100,000 codes (faiss IndexPQ)", "product_quantizer_bench",
     r"^product_quantizer_search/n:256/rows:100000/d:512/m:64/centroids:16/",
     "faiss pq64x4 256x100000x512 k=10", 1),
    ("PQ 64 x 8 bits, 500 queries of 500 codes (faiss IndexPQ)", "product_quantizer_bench",
     r"^product_quantizer_search/n:500/rows:500/d:512/m:64/centroids:256/",
     "faiss pq64x8 500x500x512 k=10", 1),
    ("Hamming, 1 query of 1,000,000 x 512 bits, k = 10 (faiss binary)", "hamming_top_k_bench",
     r"^hamming_top_k/n:1/m:1000000/bits:512/", "faiss binary 1x1000000x512 k=10", 1),
    ("Hamming, 256 queries of 1,000,000 x 64 bits, k = 10 (faiss binary)", "hamming_top_k_bench",
     r"^hamming_top_k/n:256/m:1000000/bits:64/", "faiss binary 256x1000000x64 k=10", 1),
    ("Hamming, 256 queries of 100,000 x 512 bits, k = 10 (faiss binary)", "hamming_top_k_bench",
     r"^hamming_top_k/n:256/m:100000/bits:512/", "faiss binary 256x100000x512 k=10", 1),
    ("int8 products, 1 query of 1,000,000 x 512, k = 10 (faiss QT_8bit)", "int8_top_k_bench",
     r"^int8_top_k/n:1/m:1000000/d:512/", "faiss int8 1x1000000x512 k=10", 1),
    ("int8 products, 256 queries of 1,000,000 x 64, k = 10 (faiss QT_8bit)", "int8_top_k_bench",
     r"^int8_top_k/n:256/m:1000000/d:64/", "faiss int8 256x1000000x64 k=10", 1),
    ("int8 products, 256 queries of 100,000 x 512, k = 10 (faiss QT_8bit)", "int8_top_k_bench",
     r"^int8_top_k/n:256/m:100000/d:512/", "faiss int8 256x100000x512 k=10", 1),
    ("cosines and the best 10 both ways 50000x1000x512", "cosine_top_k_bench",
     r"^cosine_top_k/n:50000/m:1000/", "cosine top-k 50000x1000x512", 1),
    ("log-sum-exp of 65536x1000x512, half a step of Sinkhorn", "log_sum_exp_bench",
     r"^log_sum_exp/n:65536/m:1000/d:512/", "log_sum_exp 65536x1000x512", 1),
    ("log-sum-exp of 1000x65536x512, the other half", "log_sum_exp_bench",
     r"^log_sum_exp/n:1000/m:65536/d:512/", "log_sum_exp 1000x65536x512", 1),
    ("log-sum-exp of 5000x5000x64", "log_sum_exp_bench", r"^log_sum_exp/n:5000/m:5000/d:64/",
     "log_sum_exp 5000x5000x64", 1),
    ("stress loss and gradient 5000x5000x64", "stress_loss_bench",
     r"^stress_between/n:5000/q:64/", "stress_loss 5000x5000x64", 1),
    ("pair loss and gradient, 32768 pairs x 256, 5 factors", "factor_pair_loss_bench",
     r"^factor_pair_loss/pairs:32768/d:256/", "factor_pair_loss 32768x256, 5 factors", 1),
    ("quad hinge, 8M uniform, 5000x5000x64", "quad_hinge_loss_bench",
     r"^quad_hinge/all/n:5000/q:64/quads:8000000/", "quad_hinge_loss 1M all 5000x5000x64", 8),
    ("quad hinge, 8M by query, 5000x5000x64", "quad_hinge_loss_bench",
     r"^quad_hinge/query/n:5000/q:64/quads:8000000/", "quad_hinge_loss 1M query 5000x5000x64", 8),
    ("training step 512-512-64, batch 256, Adam", "training_step_bench",
     r"^training_step/", "training_step 512-512-64 batch 256", 1),
    ("autoencoder step 784-500-500-2000-10, batch 256, Adam", "autoencoder_bench", r"^step_adam/",
     "autoencoder step 784, batch 256, Adam", 1),
    ("autoencoder step 784-500-500-2000-10, batch 256, SGD", "autoencoder_bench", r"^step_sgd/",
     "autoencoder step 784, batch 256, SGD", 1),
    ("VAE step 3072-512-256-16, batch 128, Adam", "vae_bench", r"^step_adam/batch:128/",
     "vae step 3072, batch 128, Adam", 1),
    ("VAE step 3072-512-256-16, batch 256, Adam", "vae_bench", r"^step_adam/batch:256/",
     "vae step 3072, batch 256, Adam", 1),
    ("Gaussian posterior: draw, divergence and gradients 65536x64", "gaussian_posterior_bench",
     r"^gaussian_posterior/n:65536/d:64/", "gaussian_posterior 65536x64", 1),
    ("flow: a coupling and its networks, 50 rows", "flow_bench", r"^coupling/rows:50/",
     "flow coupling, 50 rows", 1),
    ("flow: a coupling and its networks, 512 rows", "flow_bench", r"^coupling/rows:512/",
     "flow coupling, 512 rows", 1),
    ("flow: a block, forward and backward, 50 rows", "flow_bench", r"^block/rows:50/",
     "flow block, 50 rows", 1),
    ("flow: a block, forward and backward, 512 rows", "flow_bench", r"^block/rows:512/",
     "flow block, 512 rows", 1),
    ("flow: step of 25 pairs, Adam (a and b in two passes, as IIN)", "flow_bench",
     r"^step_pairs/pairs:25/", "flow step, 25 pairs in 2 passes", 1),
    ("flow: step of 25 pairs, Adam (one pass)", "flow_bench", r"^step_pairs/pairs:25/",
     "flow step, 25 pairs in 1 pass", 1),
    ("flow: step of 25 pairs, Adam (one pass, fused)", "flow_bench", r"^step_pairs/pairs:25/",
     "flow step, 25 pairs in 1 pass, fused Adam", 1),
    ("flow: step of 256 pairs, Adam (a and b in two passes, as IIN)", "flow_bench",
     r"^step_pairs/pairs:256/", "flow step, 256 pairs in 2 passes", 1),
    ("flow: step of 256 pairs, Adam (one pass)", "flow_bench", r"^step_pairs/pairs:256/",
     "flow step, 256 pairs in 1 pass", 1),
    ("flow: step of 256 pairs, Adam (one pass, fused)", "flow_bench", r"^step_pairs/pairs:256/",
     "flow step, 256 pairs in 1 pass, fused Adam", 1),
    ("flow: step of 26 rows, Adam", "flow_bench", r"^step_rows/rows:26/", "flow step, 26 rows", 1),
    ("flow: step of 26 rows, Adam (fused)", "flow_bench", r"^step_rows/rows:26/",
     "flow step, 26 rows, fused Adam", 1),
    ("flow: step of 256 rows, Adam", "flow_bench", r"^step_rows/rows:256/", "flow step, 256 rows",
     1),
    ("flow: step of 256 rows, Adam (fused)", "flow_bench", r"^step_rows/rows:256/",
     "flow step, 256 rows, fused Adam", 1),
    ("dropout 65536x256", "corrupt_bench", r"^dropout/n:65536/d:256/", "dropout 65536x256", 1),
    ("Adam, 4M parameters", "adam_bench", r"^adam_step/parameters:4194304/", "adam 4194304", 1),
    ("normalise rows 100000x512", "normalize_rows_bench",
     r"^normalize_rows_forward/n:100000/d:512/", "normalize_rows 100000x512", 1),
    ("DEC's q, p and gradients, 70000x10, k = 10", "soft_assignment_bench",
     r"^q_p_gradient/n:70000/k:10/d:10/", "soft assignment 70000x10 k=10", 1),
    ("DEC 784-500-500-2000-10, k-means and an epoch of 10000 rows", "dec_bench",
     r"^dec_epoch/dec/n:10000/", "dec epoch 10000x784", 1),
    ("k-means of 20000x784, k = 10, 4 restarts (scikit-learn)", "kmeans_bench",
     r"^kmeans_fit/n:20000/restarts:4/", "kmeans 20000x784 k=10, 4 restarts", 1),
    ("k-means from given centres, 20000x784, k = 10 (scikit-learn)", "kmeans_bench",
     r"^kmeans_from_start/n:20000/", "kmeans 20000x784 k=10, from given centres", 1),
    ("PCA of 10000x512 (scikit-learn)", "metrics_bench", r"^pca_fit/n:5000/", "pca 10000x512", 1),
    ("trustworthiness, 5000 rows (scikit-learn)", "metrics_bench", r"^trustworthiness/n:5000/",
     "trustworthiness 5000, 512 to 64", 1),
    ("silhouette, 10,000 rows of 784 (scikit-learn)", "clustering_bench",
     r"^silhouette/n:10000/d:784/", "silhouette 10000x784", 1),
    ("AMI, 70,000 points, 10 clusters (scikit-learn)", "clustering_bench",
     r"^adjusted_mutual_info/n:70000/k:10/", "adjusted_mutual_info 70000, 10 clusters", 1),
    ("AMI, 100,000 points, 1000 clusters (scikit-learn)", "clustering_bench",
     r"^adjusted_mutual_info/n:100000/k:1000/", "adjusted_mutual_info 100000, 1000 clusters", 1),
    ("t-SNE of 5000x50, 250 iterations (scikit-learn)", "tsne_bench",
     r"^tsne_fit/n:5000/iterations:250/", "tsne 5000x50, 250 iterations", 1),
    ("coupling forward and backward, 65536x256, half transformed", "affine_coupling_bench",
     r"^coupling/n:65536/d:256/transformed:128/", "coupling 65536x256, half transformed", 1),
    ("coupling forward and backward, 65536x256", "affine_coupling_bench",
     r"^coupling/n:65536/d:256/transformed:256/", "coupling 65536x256", 1),
    ("coupling forward and backward, 256x64, half transformed", "affine_coupling_bench",
     r"^coupling/n:256/d:64/", "coupling 256x64, half transformed", 1),
    ("ActNorm forward and backward, 65536x256", "act_norm_bench", r"^act_norm_both/n:65536/",
     "act_norm 65536x256", 1),
    ("permuted columns, 65536x256", "permute_bench", r"^permute_columns/n:65536/",
     "permute columns 65536x256", 1),
    ("cross-entropy and gradient, 70000x10", "cross_entropy_loss_bench",
     r"^cross_entropy_loss/n:70000/k:10/", "cross_entropy 70000x10", 1),
    ("cross-entropy and gradient, 8192x1000", "cross_entropy_loss_bench",
     r"^cross_entropy_loss/n:8192/k:1000/", "cross_entropy 8192x1000", 1),
    ("logistic regression 20000x64, 10 classes, 50 steps (scikit-learn)", "logistic_probe_bench",
     r"^logistic_probe_fit/n:20000/d:64/k:10/", "logistic regression 20000x64, 10 classes", 1),
    ("invertible leaky ReLU, 65536x256", "invertible_leaky_relu_bench", r"^leaky_both/n:65536/",
     "invertible leaky ReLU 65536x256", 1),
    ("correlations with p and q, 20000x512 to 200, Pearson (NumPy, SciPy)", "correlation_bench",
     r"^correlation/pearson/n:20000/f:200/", "correlations 20000x512 to 200, Pearson", 1),
    ("correlations with p and q, 20000x512 to 200, Spearman (NumPy, SciPy)", "correlation_bench",
     r"^correlation/spearman/n:20000/f:200/", "correlations 20000x512 to 200, Spearman", 1),
]


def clipk_counters(build, binary, pattern, device, threads):
    """Counters of the one benchmark that matches."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [
            os.path.join(build, "bench", binary), f"--benchmark_filter={pattern}",
            f"--benchmark_out={out.name}", "--benchmark_out_format=json", f"--device={device}",
            f"--threads={threads}",
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise SystemExit(f"compare.py: {binary} failed:\n{done.stdout}")
        runs = json.load(open(out.name))["benchmarks"]
    if len(runs) != 1:
        names = [run["name"] for run in runs]
        raise SystemExit(f"compare.py: expected one benchmark of {binary} to match {pattern}, got {names}")
    return runs[0]


def single_pass_counters(build, device, threads, precision, only, folder):
    """Counters of all cases, each binary started once; a binary that fails leaves its cases out."""
    patterns = {}
    for title, binary, pattern, _, _ in CASES:
        if re.search(only, title):
            patterns.setdefault(binary, set()).add(pattern)
    counters, failed = {}, []
    for binary, filters in patterns.items():
        out = os.path.join(folder, f"{binary}.{precision}.json")
        command = [
            os.path.join(build, "bench", binary), "--benchmark_filter=" + "|".join(sorted(filters)),
            f"--benchmark_out={out}", "--benchmark_out_format=json", "--benchmark_min_time=0.05",
            f"--device={device}", f"--threads={threads}", f"--precision={precision}",
        ]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, timeout=60)
            message = done.stdout[-300:] if done.returncode != 0 else ""
        except (subprocess.TimeoutExpired, OSError) as error:
            message = str(error)
        if message:
            failed.append(f"{binary}: {message}")
        try:
            runs = json.load(open(out))["benchmarks"]
        except (OSError, ValueError):
            runs = []
        for pattern in filters:
            for run in runs:
                if re.search(pattern, run["name"]) and not run.get("error_occurred"):
                    counters[binary, pattern] = run
    return counters, failed


def single_pass(arguments):
    folder = arguments.raw or tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    theirs_file = os.path.join(folder, f"reference.{arguments.precision}.json")
    # PyTorch has no switch that turns float32 products into bfloat16 ones.
    precision = "fp32" if arguments.precision == "fp32" else "tf32"
    reference = subprocess.Popen(
        [arguments.python, os.path.join(os.path.dirname(__file__), "reference", "reference.py"),
         "--device", arguments.device, "--threads", str(arguments.threads), "--precision", precision,
         "--out", theirs_file],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    failed = []
    try:
        failed += reference.communicate(timeout=240)[1].splitlines()[-5:]
    except subprocess.TimeoutExpired:
        reference.kill()
        failed.append("reference.py: stopped after 240 s")
    counters, broken = single_pass_counters(
        arguments.build, arguments.device, arguments.threads, arguments.precision, arguments.only,
        folder)
    failed += broken
    try:
        theirs = json.load(open(theirs_file))
    except (OSError, ValueError):
        theirs = {}
    rows = []
    for title, binary, pattern, case, factor in CASES:
        run = counters.get((binary, pattern))
        if run is not None:
            rows.append((title, run["median_s"], theirs.get(case, 0) * factor, run["floor"]))
    return rows, failed, theirs.get("torch", "?")


def reference_seconds(python, case, device, threads):
    command = [python, os.path.join(os.path.dirname(__file__), "reference", "reference.py"),
               "--only", "^" + re.escape(case) + "$", "--device", device, "--threads", str(threads)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def table(rows):
    lines = ["| work | clipk | reference | ratio | share of floor |", "|---|---|---|---|---|"]
    for title, ours, theirs, floor in rows:
        ratio = f"{theirs / ours:.2f}" if theirs else "-"
        reference = f"{theirs * 1e3:.3g} ms" if theirs else "-"
        lines.append(f"| {title} | {ours * 1e3:.3g} ms | {reference} | {ratio} | {floor:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("--python", required=True, help="an interpreter with PyTorch")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="a regular expression on titles")
    parser.add_argument("--title", default=f"{platform.machine()}, {os.cpu_count()} cores")
    parser.add_argument("--out", help="a Markdown file to write")
    parser.add_argument("--single-pass", action="store_true",
                        help="start every program once; failures leave a row out")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32",
                        help="of matrix products on a GPU, with --single-pass")
    parser.add_argument("--raw", help="a folder for the raw JSON, with --single-pass")
    arguments = parser.parse_args()

    if arguments.out:  # fails now, not after the last bench
        os.makedirs(os.path.dirname(arguments.out) or ".", exist_ok=True)

    if arguments.single_pass:
        rows, failed, version = single_pass(arguments)
        report = "\n".join([
            f"# {arguments.title}, {arguments.precision}", "",
            f"{datetime.date.today()}, PyTorch {version}, one pass, medians of at least .05 s; CUDA "
            "events, the L2 cache flushed before each call on both sides. A ratio above 1 means that "
            "clipk is faster; the floor is what a copy and a matrix product timed in the same "
            "process imply.", "", table(rows), "", *[f"Failed: {line}" for line in failed]
        ])
        print(report)
        if arguments.out:
            with open(arguments.out, "w", encoding="utf-8") as file:
                file.write(report + "\n")
        return

    rows, notes, version = [], [], "?"
    for title, binary, pattern, case, factor in CASES:
        if not re.search(arguments.only, title):
            continue
        ours, theirs, floors = [], [], []
        for _ in range(arguments.rounds):
            run = clipk_counters(arguments.build, binary, pattern, arguments.device,
                                 arguments.threads)
            ours.append(run["median_s"])
            floors.append(run["floor"])
            result = reference_seconds(arguments.python, case, arguments.device, arguments.threads)
            version = result["torch"]
            theirs.append(result[case] * factor)
        if "inertia" in run and "inertia" in result:
            notes.append(f"Inertia of {title}: clipk {run['inertia']:.6g}, reference "
                         f"{result['inertia']:.6g}.")
        rows.append((title, statistics.median(ours), statistics.median(theirs),
                     statistics.median(floors)))
        print(table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)

    report = "\n".join([
        f"# {arguments.title}", "",
        f"{datetime.date.today()}, device {arguments.device}, {arguments.threads} threads, "
        f"PyTorch {version}, medians of {arguments.rounds} rounds that take turns. "
        "A ratio above 1 means that clipk is faster; the floor is what a copy and a matrix product "
        "timed in the same process imply.", "",
        "Command: `script/bench" + (f" --device {arguments.device}" if arguments.device != "cpu" else "")
        + "`", "", table(rows), "", *notes
    ])
    print(report)
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(report)


if __name__ == "__main__":
    main()
