// Preloaded into a process by test_core.py: counts what the core allocates and frees, and ends memory, or threads, when told.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>

static std::atomic<long> memory_left{-1}, threads_left{-1}, counted{0};  // left: -1 is no end
static void *core;  // where the core is loaded
static std::mutex lock;
static constexpr int MOST = 4096;
static void *held[MOST];  // what the core has allocated and nobody has freed

static bool end_of(std::atomic<long> &left) { return left.load() >= 0 && left.fetch_sub(1) <= 0; }

static void *allocate(size_t size, void *caller) {
  Dl_info where;
  const bool ours = core && dladdr(caller, &where) && where.dli_fbase == core;
  if (ours && (++counted, end_of(memory_left))) throw std::bad_alloc();
  void *p = malloc(size ? size : 1);
  if (!p) throw std::bad_alloc();
  if (!ours) return p;
  const std::lock_guard<std::mutex> guard(lock);
  for (int k = 0; k < MOST; k++)
    if (!held[k]) return held[k] = p;
  abort();
}
static void release(void *p) {
  if (!p) return;
  {
    const std::lock_guard<std::mutex> guard(lock);
    for (int k = 0; k < MOST; k++)
      if (held[k] == p) held[k] = nullptr;
  }
  free(p);
}

void *operator new(size_t size) { return allocate(size, __builtin_return_address(0)); }
void operator delete(void *p) noexcept { release(p); }
void operator delete(void *p, size_t) noexcept { release(p); }

extern "C" {
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  static const auto create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
  return end_of(threads_left) ? 11 : create(thread, attributes, run, argument);  // EAGAIN
}
void watch(void *function_of_the_core) {
  Dl_info where;
  core = dladdr(function_of_the_core, &where) ? where.dli_fbase : nullptr;
}
void allow(long allocations, long threads) { memory_left = allocations, threads_left = threads; }
long allocations() { return counted; }
long unfreed() {
  const std::lock_guard<std::mutex> guard(lock);
  long n = 0;
  for (void *p : held) n += p != nullptr;
  return n;
}
}
