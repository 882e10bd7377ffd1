// The only file that knows Python: arrays come in with their sizes checked, and the GIL is let go.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <string>
#ifdef __APPLE__
#include <pthread.h>
#else
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "engine.hpp"
#include "random.hpp"

namespace nb = nanobind;
using namespace nb::literals;

// --- instruction sets ------------------------------------------------------------------------------------------------
#define SETS(set) const Kernels<float> &float32_##set(); const Kernels<double> &float64_##set();
SETS(base)
#ifdef X86_SETS
SETS(avx2)
SETS(avx512)
#endif

template <class T> struct Row {
  const char *name;
  const Kernels<T> &(*table)();
  bool (*there)();
};
#ifdef X86_SETS
static bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw");
}
static const Row<float> SETS32[] = {{"avx512", float32_avx512, has_avx512}, {"avx2", float32_avx2, has_avx2}, {"base", float32_base, [] { return true; }}};
static const Row<double> SETS64[] = {{"avx512", float64_avx512, has_avx512}, {"avx2", float64_avx2, has_avx2}, {"base", float64_base, [] { return true; }}};
#else
static const Row<float> SETS32[] = {{"base", float32_base, [] { return true; }}};
static const Row<double> SETS64[] = {{"base", float64_base, [] { return true; }}};
#endif

// The best that the machine has, or the one that NEURAL_INSTRUCTIONS names, if the machine has it.
template <class T, size_t N> static const Kernels<T> &choose(const Row<T> (&rows)[N]) {
  const char *asked = std::getenv("NEURAL_INSTRUCTIONS");
  for (const Row<T> &row : rows)
    if (row.there() && (!asked || std::string(asked) == row.name)) return row.table();
  return rows[N - 1].table();
}
template <> const Kernels<float> &kernels<float>() {
  static const Kernels<float> &chosen = choose(SETS32);
  return chosen;
}
template <> const Kernels<double> &kernels<double>() {
  static const Kernels<double> &chosen = choose(SETS64);
  return chosen;
}

// --- arrays ----------------------------------------------------------------------------------------------------------
using Any = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
template <class T> using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using Maybe = std::optional<T>;

// An array of D dimensions as its owner shows it to C: no reference is counted and no capsule made, which a short call would
// wait longer for than for its work. Of T = void: any type.
template <class T, int D> class Shown {
  Py_buffer view{};

 public:
  Shown() = default;
  ~Shown() { PyBuffer_Release(&view); }  // nothing where there is no owner
  Shown(Shown &&other) : view(other.view) { other.view.obj = nullptr; }
  Shown(const Shown &) = delete;
  template <class U> bool of() const { return std::strcmp(view.format, std::is_same_v<U, uint8_t> ? "B" : std::is_same_v<U, float> ? "f" : "d") == 0; }
  bool take(PyObject *array) {
    const int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (std::is_const_v<T> || std::is_void_v<T> ? 0 : PyBUF_WRITABLE);
    if (PyObject_GetBuffer(array, &view, flags)) return PyErr_Clear(), false;
    if constexpr (!std::is_void_v<T>)
      if (!of<std::remove_const_t<T>>()) return false;
    return view.ndim == D;
  }
  T *data() const { return (T *)view.buf; }
  long shape(int k) const { return long(view.shape[k]); }
};
template <class T, int D> struct nb::detail::type_caster<Shown<T, D>> {
  using Array_ = Shown<T, D>;
  static constexpr bool any = std::is_void_v<T>, small = std::is_same_v<std::remove_const_t<T>, float>;
  static constexpr auto name = const_name<any>(const_name("order='C'"), const_name<small>("dtype=float32, order='C'", "dtype=float64, order='C'"));
  NB_TYPE_CASTER(Array_, const_name("ndarray[") + name + const_name("]"))
  template <class Flags> bool from_python(nb::handle array, Flags, cleanup_list *) noexcept { return value.take(array.ptr()); }
};

static void check(bool fine, const char *what) {
  if (!fine) throw nb::value_error(what);
}
template <class T> struct Given {  // the rows of a call
  Any X;
  Maybe<Vector<const int64_t>> labels;
  Maybe<Matrix<const T>> targets;
  Maybe<Vector<const T>> weights;

  Data<T> checked(const Network<T> &net, bool with_targets) const {
    check(X.ndim() == 2 && long(X.shape(1)) == net.n_in(), "X must be (n, n_in)");
    const bool u8 = X.dtype() == nb::dtype<uint8_t>(), f32 = X.dtype() == nb::dtype<float>();
    check(u8 || f32 || X.dtype() == nb::dtype<double>(), "X must be uint8, float32 or float64");
    if (with_targets) check(labels.has_value() != targets.has_value(), "one of labels and targets must be given");
    if (labels) {
      check(labels->size() == X.shape(0), "labels must have a row for each of X");
      for (size_t k = 0; k < labels->size(); k++) check(labels->data()[k] >= 0 && labels->data()[k] < net.n_out(), "labels must be columns");
    }
    if (targets) check(targets->shape(0) == X.shape(0) && long(targets->shape(1)) == net.n_out(), "targets must be (n, n_out)");
    if (weights) check(weights->size() == X.shape(0), "weights must have a row for each of X");
    return {X.data(), long(X.shape(0)), u8 ? U8 : f32 ? F32 : F64, labels ? labels->data() : nullptr, targets ? targets->data() : nullptr, weights ? weights->data() : nullptr};
  }
};

template <class T> struct Rows {  // of a matrix, padded with zeros as kernels take them
  long count, n, ld;
  Array<T> data;

  explicit Rows(const Matrix<const T> &from) : count(long(from.shape(0))), n(long(from.shape(1))), ld((n + 15) / 16 * 16), data(count * ld) {
    for (long r = 0; r < count; r++) std::memcpy(data + r * ld, from.data() + r * n, size_t(n) * sizeof(T));
  }
  operator T *() const { return data; }
  void copy_to(const Matrix<T> &to) const {
    check(long(to.shape(0)) == count && long(to.shape(1)) == n, "shapes differ");
    for (long r = 0; r < count; r++) std::memcpy(to.data() + r * n, data + r * ld, size_t(n) * sizeof(T));
  }
};

// --- crossings -------------------------------------------------------------------------------------------------------
// Only there does Python run its signal handlers. Asked without the GIL, which another thread may not get any more when
// the interpreter is ending.
static bool on_main_thread() {
#ifdef __APPLE__
  return pthread_main_np();
#else
  return syscall(SYS_gettid) == getpid();
#endif
}
// Runs f(stop) without the GIL. What a signal handler raises, for Ctrl-C a KeyboardInterrupt, ends it and is passed on.
template <class F> static void crossing(const F &f) {
  threads::Stop stop([] {
    if (!on_main_thread()) return false;
    nb::gil_scoped_acquire held;
    return PyErr_CheckSignals() != 0;
  });
  {
    nb::gil_scoped_release released;
    f(stop);
  }
  if (stop.told()) throw nb::python_error();
}

// --- networks --------------------------------------------------------------------------------------------------------
// Lists come in as Python's own: nanobind ends the program if there is no memory to turn them into vectors.
using StageTuple = std::tuple<int, int, long, long, long, long, long, double, double, bool, double, int64_t, double, int, long, long, long, double, bool, Vector<const int64_t>>;
using AugmentTuple = std::tuple<long, long, long, long, long, long, double, bool, bool, bool, uint64_t>;

template <class T> void bind(nb::module_ &m, const char *name) {
  using Net = Network<T>;
  using Labels = Maybe<Vector<const int64_t>>;
  using Targets = Maybe<Matrix<const T>>;
  using Weights = Maybe<Vector<const T>>;
  nb::class_<Net>(m, name)
      .def("__init__",
           [](Net *net, const nb::typed<nb::list, StageTuple> &rows, int link, double link_setting, long members, long link_groups, int loss, bool from_outputs, Vector<const T> settings, double factor, double scale) {
             check(rows.size() > 0, "there must be a stage");
             std::vector<Stage> stages;
             std::vector<std::vector<int64_t>> numbers;
             for (nb::handle item : rows) {
               const auto [kind, function, n_in, n_out, row, W, b, l1, l2, in_place, rate, layer, setting, set, partner, mean, variance, max_norm, non_negative, more] = nb::cast<StageTuple>(item);
               stages.push_back({kind, function, n_in, n_out, row, W, b, l1, l2, in_place, rate, layer, setting, set, partner, mean, variance, max_norm, non_negative, nullptr, 0, nullptr});
               check(more.size() > 0 && more.data()[0] >= 0 && long(more.size()) > 4 * more.data()[0], "parts must be there");
               numbers.emplace_back(more.data(), more.data() + more.size());
             }
             new (net) Net(std::move(stages), std::move(numbers), link, link_setting, members, link_groups, loss, from_outputs, {settings.data(), settings.data() + settings.size()}, factor, scale);
           },
           "stages"_a, "link"_a, "link_setting"_a, "members"_a, "link_groups"_a, "loss"_a, "from_outputs"_a, "settings"_a, "factor"_a, "scale"_a)
      .def_prop_ro("n_out", &Net::n_out)
      .def("fit",
           [](const Net &net, Vector<T> params, nb::typed<nb::list, Vector<T>> memory, Any X, Labels labels, Targets targets, Weights weights,
              Vector<const int64_t> order, Vector<const int64_t> bounds, int rule, Matrix<const double> constants, double clip_norm,
              double clip_value, Maybe<Vector<const double>> penalty, uint64_t seed, int64_t step, Vector<double> losses, Vector<double> penalties, Maybe<Vector<T>> mean, Maybe<Vector<const double>> shares,
              Maybe<AugmentTuple> augment, int threads) {
             const Given<T> given{X, labels, targets, weights};
             const Data<T> data = given.checked(net, true);
             const long count = long(constants.shape(0));
             check(rule >= 0 && kernels<T>().name_of(2, rule) && long(constants.shape(1)) == net.sets() * CONSTANTS, "no such optimizer");
             check(!penalty || long(penalty->size()) == count, "penalty must have a factor for each update");
             check(long(bounds.size()) == count + 1 && long(penalties.size()) == count && losses.size() == order.size() && count > 0, "sizes of the run differ");
             check(bounds.data()[0] == 0 && bounds.data()[count] == int64_t(order.size()), "bounds must cover the order");
             for (long k = 0; k < count; k++) check(bounds.data()[k] < bounds.data()[k + 1], "bounds must rise");
             bool rows_of_X = true;
             for (size_t k = 0; k < order.size(); k++) rows_of_X &= uint64_t(order.data()[k]) < uint64_t(X.shape(0));
             check(rows_of_X, "order must be rows of X");
             T *vectors[2] = {nullptr, nullptr};
             check(memory.size() <= 2, "an optimizer remembers two vectors at most");
             for (size_t k = 0; k < memory.size(); k++) {
               const auto vector = nb::cast<Vector<T>>(memory[k], false);  // never a copy: it is written to
               check(vector.size() == params.size(), "memory must be as long as params");
               vectors[k] = vector.data();
             }
             check(mean.has_value() == shares.has_value(), "a mean needs shares");
             if (mean) check(mean->size() == params.size() && long(shares->size()) == count, "a mean must be as long as params, and have a share for each update");
             Augment images{};
             if (augment) {
               const auto [height, width, channels, down, right, cutout, fill, channels_first, flip, edge, purpose] = *augment;
               images = {height, width, channels, down, right, cutout, fill, channels_first, flip, edge, purpose};
               check(height > 0 && width > 0 && channels > 0 && height * width * channels == net.n_in(), "images must be as long as rows of X");
               check(down >= 0 && down < height && right >= 0 && right < width && cutout >= 0, "shifts must be within an image");
             }
             const Updates updates = {order.data(), bounds.data(), constants.data(), augment ? &images : nullptr, shares ? shares->data() : nullptr, count, rule, clip_norm, clip_value, penalty ? penalty->data() : nullptr, seed, step};
             crossing([&](threads::Stop &stop) { net.fit(params.data(), params.size(), vectors, mean ? mean->data() : nullptr, data, updates, losses.data(), penalties.data(), threads, stop); });
           },
           "params"_a, "memory"_a, "X"_a, "labels"_a.none(), "targets"_a.none(), "weights"_a.none(), "order"_a, "bounds"_a, "rule"_a,
           "constants"_a, "clip_norm"_a, "clip_value"_a, "penalty"_a.none(), "seed"_a, "step"_a, "losses"_a, "penalties"_a,
           "mean"_a.none(), "shares"_a.none(), "augment"_a.none(), "threads"_a)
      .def("gradient",
           [](const Net &net, Vector<T> params, Vector<T> grads, Matrix<T> dx, Any X, Labels labels, Targets targets, Weights weights, bool training,
              uint64_t seed, int64_t step, int threads) {
             const Given<T> given{X, labels, targets, weights};
             const Data<T> data = given.checked(net, true);
             check(grads.size() == params.size() && (dx.size() == X.size() || !dx.size()), "gradients must be as long as what they are of");
             double cost = 0;
             crossing([&](threads::Stop &stop) { cost = net.gradient(params.data(), grads.data(), dx.size() ? dx.data() : nullptr, data, training, seed, step, threads, stop); });
             return cost;
           },
           "params"_a, "grads"_a, "dx"_a, "X"_a, "labels"_a.none(), "targets"_a.none(), "weights"_a.none(), "training"_a, "seed"_a, "step"_a, "threads"_a)
      .def("predict",
           [](const Net &net, const Shown<const T, 1> &params, const Shown<void, 2> &X, const Shown<T, 2> &outputs, int threads) {
             const bool u8 = X.template of<uint8_t>(), f32 = X.template of<float>();
             check(u8 || f32 || X.template of<double>(), "X must be uint8, float32 or float64");
             check(X.shape(1) == net.n_in(), "X must be (n, n_in)");
             check(outputs.shape(0) == X.shape(0) && outputs.shape(1) == net.n_out(), "outputs must be (n, n_out)");
             const Data<T> data{X.data(), long(X.shape(0)), u8 ? U8 : f32 ? F32 : F64, nullptr, nullptr, nullptr};
             bool fine = false;
             crossing([&](threads::Stop &stop) { fine = net.predict(const_cast<T *>(params.data()), data, outputs.data(), nullptr, threads, stop); });  // which reads them
             return fine;
           },
           "params"_a, "X"_a, "outputs"_a, "threads"_a)
      .def("evaluate",
           [](const Net &net, Vector<T> params, Any X, Labels labels, Targets targets, Weights weights, Matrix<T> outputs, Vector<double> losses, int threads) {
             const Given<T> given{X, labels, targets, weights};
             const Data<T> data = given.checked(net, true);
             check(outputs.shape(0) == X.shape(0) && long(outputs.shape(1)) == net.n_out() && losses.size() == X.shape(0), "outputs must be (n, n_out)");
             bool fine = false;
             crossing([&](threads::Stop &stop) { fine = net.predict(params.data(), data, outputs.data(), losses.data(), threads, stop); });
             return fine;
           },
           "params"_a, "X"_a, "labels"_a.none(), "targets"_a.none(), "weights"_a.none(), "outputs"_a, "losses"_a, "threads"_a)
      .def_static("activation", [](int function, double setting, Matrix<const T> z, Matrix<T> a) {
        Rows<T> rows(z);
        kernels<T>().activation(function, T(setting), rows, rows, rows.count, rows.n, rows.ld);
        rows.copy_to(a);
      })
      .def_static("activation_backward", [](int function, double setting, Matrix<const T> da, Matrix<const T> z, Matrix<const T> a, Matrix<T> dz) {
        Rows<T> d(da), in(z), out(a);
        kernels<T>().activation_backward(function, T(setting), d, in, out, d, d.count, d.n, d.ld);
        d.copy_to(dz);
      });
}

extern "C" __attribute__((visibility("default"), used)) const char neural_core = 1;  // threadpoolctl knows us by this name

NB_MODULE(_core, m) {
  nb::set_leak_warnings(false);  // at the end of a process: what others still hold then is no concern of its user
  kernels<float>(), kernels<double>();  // chosen now: a fork in the middle of it would leave the child waiting
  bind<float>(m, "Network32");
  bind<double>(m, "Network64");
  m.def("names", [](int family) {
    std::vector<std::string> found;
    while (const char *name = kernels<float>().name_of(family, int(found.size()))) found.push_back(name);
    return found;
  });
  m.def("stage_fields", [] { return int(std::tuple_size_v<StageTuple>); });  // core.py compares them with its own
  m.def("needs_z", [](int activation) { return kernels<float>().needs_z(activation); });
  m.def("orders", [](uint64_t seed, uint64_t purpose, uint64_t first, int64_t n, Vector<int64_t> out) {
    check(n > 0 && n <= int64_t(UINT32_MAX) && int64_t(out.size()) % n == 0, "orders must be of 1 to 2**32 - 1 rows each");
    nb::gil_scoped_release released;
    for (uint64_t k = 0; k < out.size() / uint64_t(n); k++) permutation({{seed, purpose}, {0, first + k, 0, 0}}, n, out.data() + int64_t(k) * n);
  }, "seed"_a, "purpose"_a, "first"_a, "n"_a, "out"_a);
  m.def("instructions", [] { return std::string(kernels<float>().name); });
}
