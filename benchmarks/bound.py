"""How far is training from what arithmetic alone would take, and are the goals beyond that?

    python benchmarks/bound.py [docs/benchmarks/results.json]

Compiles a loop of multiplications and additions within registers, for the widest vectors of this machine, and runs it
on as many cores as the results had threads. A second loop reads as many numbers as a wide network has weights, which is
what predicting one row cannot do without. Results from another machine say nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from goals import of_jax
from results import ratio
from workloads import ALL, WORKLOADS, Workload

from neural import DenseLayer, NeuralNetwork
from neural.core import CoreEngine

ROW = "W6-row-W4"  # one row through a network that does not fit in a core's own cache
LOOP = r"""
#include <chrono>
#include <cstdio>
#include <cstdlib>
#if defined(__AVX512F__)
constexpr int BYTES = 64, SUMS = 24;
#elif defined(__AVX__)
constexpr int BYTES = 32, SUMS = 12;
#else
constexpr int BYTES = 16, SUMS = 12;
#endif
typedef float Vector __attribute__((vector_size(BYTES)));

// The least seconds in which this core reads n numbers, from its caches if they fit.
double reading(long n) {
  auto *numbers = static_cast<Vector *>(std::aligned_alloc(4096, (n * sizeof(float) + 4095) / 4096 * 4096));
  const long vectors = n * sizeof(float) / BYTES / 8 * 8;
  for (long i = 0; i < vectors; i++) numbers[i] = Vector{} + float(i);
  Vector sum[8] = {};
  double best = 1e9;
  for (int k = 0; k < 500; k++) {
    const auto start = std::chrono::steady_clock::now();
    for (long i = 0; i < vectors; i += 8)
#pragma GCC unroll 8
      for (int j = 0; j < 8; j++) sum[j] += numbers[i + j];
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = seconds < best ? seconds : best;
  }
  for (int j = 1; j < 8; j++) sum[0] += sum[j];
  std::free(numbers);
  return sum[0][0] > 0 ? best : 0;  // or the compiler would leave the reading out
}

int main(int count, char **given) {  // given how many numbers to read
  constexpr long ROUNDS = 1000000;
  const float one = float(count - 1);  // which the compiler does not know
  Vector a = Vector{} + 0.5f * one, b = Vector{} + one, sum[SUMS] = {};
  double best = 0;
  for (int k = 0; k < 50; k++) {
    const auto start = std::chrono::steady_clock::now();
    for (long round = 0; round < ROUNDS; round++)
#pragma GCC unroll 24
      for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * a + b;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double rate = 2.0 * ROUNDS * SUMS * BYTES / sizeof(float) / seconds;
    best = rate > best ? rate : best;
  }
  for (int i = 1; i < SUMS; i++) sum[0] += sum[i];
  std::printf("%d %g %g %g\n", BYTES, best, reading(std::atol(given[1])), double(sum[0][0]));
}
"""


def measure(threads: int, numbers: int) -> tuple[int, float, float]:
    """Return the bytes of a vector, the operations a second of so many cores, the seconds of reading ``numbers``."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "loop.cpp"), Path(folder, "loop")
        source.write_text(LOOP)
        options = ["-O3", "-march=native", "-ffp-contract=fast", "-std=c++17"]
        subprocess.run(["c++", *options, str(source), "-o", str(program)], check=True)
        command = [str(program), str(numbers)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(threads)]
        answers = [process.communicate()[0].split() for process in running]
    return int(answers[0][0]), sum(float(rate) for _, rate, _, _ in answers), float(answers[0][2])


def operations(workload: Workload) -> int:
    """Return the multiplications and additions for a row: three products a layer, two in the first."""
    weights = [n_in * n_out for n_in, n_out in pairwise(workload.widths)]
    return 2 * (3 * sum(weights) - weights[0])


def threads_of(workload: Workload, most: int) -> int:
    """Return how many threads the core takes for it."""
    net = NeuralNetwork([DenseLayer(*widths) for widths in pairwise(workload.widths)], "mse")
    return CoreEngine(most)._threads_for(net.program(), workload.batch)


def main(path: str) -> None:
    """Print the table."""
    results = json.loads(Path(path).read_text())
    if results["size"] != "full":
        raise SystemExit(
            f"{path} must hold a full run. It holds a {results['size']} one: run bench.py without --quick."
        )
    rates, reading = {}, {}
    weights = sum(n_in * n_out for n_in, n_out in pairwise(ALL[ROW].network.widths))
    for threads in sorted({1, results["threads"]}):
        size, rates[threads], reading[threads] = measure(threads, weights)
        print(f"{threads} core{'s' * (threads > 1)}, vectors of {size} bytes: {rates[threads] / 1e9:.0f} GFLOP/s")
    print(f"Results of {results['date'][:10]} on {results['machine']['cpu']}")
    print("Shares are of JAX's time: of its least, for arithmetic alone, and the median of the rounds, for the core.\n")
    print("| workload | threads | arithmetic alone ms | its share | the goal | the core's share |")
    print("|---|---|---|---|---|---|")
    for result in results["workloads"]:
        name, tools = result["name"], result["tools"]
        if result["task"] != "train" or not {"neural-core", "jax"} <= tools.keys():
            continue
        workload = WORKLOADS[name]
        threads = threads_of(workload, results["threads"])
        least = operations(workload) * workload.epochs * len(workload.y) / rates[threads]
        share = least / min(tools["jax"]["seconds"])
        ours = ratio(result, "neural-core", "jax")
        row = name, threads, f"{least * 1e3:.3g}", f"{share:.2f}", of_jax(name), f"{ours:.2f}"
        print(f"| {' | '.join(map(str, row))} |")
    for result in results["workloads"]:
        if result["name"] == ROW:
            least, took = reading[1] * 1e6, min(result["tools"]["neural-core"]["seconds"]) / ALL[ROW].calls * 1e6
            print(f"\n{ROW}: to read its weights takes {least:.0f} µs, the core at least {took:.0f} µs")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parent.parent / "docs/benchmarks/results.json"))
