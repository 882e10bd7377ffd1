#!/bin/sh
# Build the core with a sanitizer (address,undefined or thread), and run its tests on a copy of the package with it.
set -eu
build=$(pwd)/build/sanitize-$1
$BIN/cmake -S . -B "$build" -G Ninja -DSTRICT=ON -DSANITIZE="$1" -DPython_EXECUTABLE="$(pwd)/$BIN/python" -DCMAKE_MAKE_PROGRAM="$(pwd)/$BIN/ninja" > /dev/null
$BIN/cmake --build "$build" > /dev/null
rm -rf "$build/tree" && mkdir "$build/tree" && cp -r src tests "$build/tree" && rm -f "$build"/tree/src/neural/_core*.so
cp "$build"/_core*.so "$build/tree/src/neural/"
case $1 in  # the thread sanitizer ends a child that forks while there are threads, and complains of ONNX Runtime's own
  thread) libraries=$(g++ -print-file-name=libtsan.so) forks="and not child and not exported" ;;
  *) libraries="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)" forks="" ;;
esac
python=$(pwd)/$BIN/python
cd "$build/tree"
# An editable installation finds its own core, whatever the path says.
echo 'import sys; sys.meta_path[:] = [f for f in sys.meta_path if not type(f).__module__.startswith("_editable_")]' > src/sitecustomize.py
# Python itself keeps memory to its end; BLAS threads are not what is tested here.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 TSAN_OPTIONS=halt_on_error=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=src
LD_PRELOAD="$libraries" "$python" -c 'import os, neural._core as core; assert os.path.samefile(core.__file__, "src/neural/" + os.path.basename(core.__file__)), core.__file__'
LD_PRELOAD="$libraries" "$python" -m pytest -q -p no:cacheprovider -c /dev/null --rootdir . \
  tests/test_mirror.py tests/test_layers_for_tables.py tests/test_ensembles.py tests/test_core.py tests/test_threads.py tests/test_averages.py tests/test_augment.py tests/test_optimizers.py \
  -k "not joblib and not answered_soon and not large and not pytorch $forks"
