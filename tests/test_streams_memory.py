"""Files of ten times the limit of memory, which a process trains on under that limit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.under_a_limit import WIDTH, write

pytest.importorskip("pyarrow")
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc/self/status here")
MEGABYTES = 12
BYTES = 4 * (WIDTH + 1)  # of a row as float32
ROOT = Path(__file__).resolve().parents[1]


def small_stacks():
    import resource

    resource.setrlimit(resource.RLIMIT_STACK, (1 << 20,) * 2)  # of each thread: else they are most of the limit


@needs_linux
@pytest.mark.parametrize(
    ("suffix", "bytes_a_row"), [(".npy", 4 * WIDTH + 4), (".parquet", 4 * WIDTH + 4), (".csv", 165)]
)
def test_ten_times_the_limit(suffix, bytes_a_row, tmp_path):
    """The limit is on heap and stacks; the file, uncompressed, has ten times that, and an array of it is refused."""
    path = str(tmp_path / f"rows{suffix}")
    write(path, 10 * (MEGABYTES << 20) // bytes_a_row + 1)
    if suffix != ".parquet":
        assert os.path.getsize(path) > 10 * (MEGABYTES << 20)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.under_a_limit", path, str(MEGABYTES)],
        cwd=ROOT, env=environment, capture_output=True, text=True, preexec_fn=small_stacks,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second, loss, refused = done.stdout.split()
    assert float(second) < float(first) / 5
    assert float(loss) < float(second) < 0.01
    assert refused == "True"
