#!/bin/sh
# Install each file of dist/ (`make wheel`) into an empty environment and try it there, the source out of sight.
set -eu
cd "$(dirname "$0")/.."
here=$(pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cp tests/installed.py "$room"
unset PYTHONPATH
cd "$room"  # nothing of the checkout is on the path from here

try() {  # file, engine
  echo "$(basename "$1")"
  rm -rf clean
  "${PYTHON:-python3}" -m venv clean
  clean/bin/python -m pip install -q "$1"
  test "$(clean/bin/python -m pip list 2> /dev/null | tail -n +3 | grep -Evc '^(pip|setuptools|wheel|numpy|neural-dense) ')" = 0
  clean/bin/python -I installed.py "$2"
  clean/bin/python -m pip install -q "$1[all,dask,playground,onnx,keras,tensorboard]"
  clean/bin/python -I installed.py "$2" doctests
}

set -- "$here"/dist/*.tar.gz
test -e "$1" || { echo "There is nothing in dist/. Run: make wheel" >&2; exit 2; }
for wheel in "$here"/dist/*.whl; do
  case $wheel in
    *none-any.whl) try "$wheel" numpy ;;
    *) try "$wheel" core ;;
  esac
done
test -n "${WHEELS_ONLY:-}" || try "$1" core
