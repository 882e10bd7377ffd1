// A team of threads that lasts for one crossing: made in some 30 microseconds, nothing kept, nothing to survive a fork.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <system_error>
#include <vector>

#include <pthread.h>
#if defined(__linux__) && !defined(__ANDROID__)
#define MORE_THAN_POSIX
#include <sched.h>
#endif

namespace threads {

using Clock = std::chrono::steady_clock;
using Time = std::chrono::duration<double>;

inline void rest() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// While it lives, results of this thread too small for a normal number, below 1.2e-38 in float32, are 0. They do no good in
// a network that is nearly trained, and cost a hundred times what others do.
class NothingTiny {
#if defined(__x86_64__)
  static constexpr unsigned FLUSH = 0x8040;  // of results and of operands
  const unsigned before = __builtin_ia32_stmxcsr(), wanted = before | FLUSH;

 public:
  NothingTiny() { wanted != before ? __builtin_ia32_ldmxcsr(wanted) : void(); }  // setting it takes longer than looking
  ~NothingTiny() { wanted != before ? __builtin_ia32_ldmxcsr(before) : void(); }
#elif defined(__aarch64__)
  static constexpr uint64_t FLUSH = 1 << 24;
  uint64_t before;

 public:
  NothingTiny() {
    asm volatile("mrs %0, fpcr" : "=r"(before));
    asm volatile("msr fpcr, %0" ::"r"(before | FLUSH));
  }
  ~NothingTiny() { asm volatile("msr fpcr, %0" ::"r"(before)); }
#else
 public:
  NothingTiny() {}
#endif
  NothingTiny(const NothingTiny &) = delete;
};

// Where threads begin. Linux often puts one behind him who makes it, on his core, and for 2 ms leaves it there while another
// core is idle: as long as a whole call may take. So each is kept from that core until it runs.
class Elsewhere {
#ifdef MORE_THAN_POSIX
  cpu_set_t all = {};
  const bool known = sched_getaffinity(0, sizeof all, &all) == 0;

 public:
  void send(pthread_t thread) const {
    const int here = sched_getcpu();
    cpu_set_t others = all;
    if (!known || here < 0) return;
    CPU_CLR(size_t(here), &others);
    if (CPU_COUNT(&others) > 0) pthread_setaffinity_np(thread, sizeof others, &others);
  }
  void release() const {
    if (known) sched_setaffinity(0, sizeof all, &all);
  }
#else
 public:
  void send(pthread_t) const {}
  void release() const {}
#endif
};

constexpr long SPINS = 20000;  // up to a millisecond; whoever is later than that has lost his core

// A thread that runs work(number), and has ended when its owner does. The system takes microseconds to clear a thread away,
// and tens of them to wake who sleeps until then, as std::thread lets him; so this looks for the end awake, for a while.
template <class Work> class Member {
  const Work &work;
  const int number;
  pthread_t thread;
  static void *run(void *of) {
    const Member &member = *static_cast<Member *>(of);
    member.work(member.number);
    return nullptr;
  }

 public:
  Member(const Work &work_, int number_, const Elsewhere &elsewhere) : work(work_), number(number_) {
    if (const int error = pthread_create(&thread, nullptr, run, this)) throw std::system_error(error, std::generic_category());
    elsewhere.send(thread);
  }
  ~Member() {
#ifdef MORE_THAN_POSIX
    for (long k = 0; k < SPINS; k++, rest())
      if (pthread_tryjoin_np(thread, nullptr) == 0) return;
#endif
    pthread_join(thread, nullptr);
  }
  Member(const Member &) = delete;
};

// `members` wait for one another: spinning while the others are likely to run, then asleep in the kernel.
class Barrier {
  std::atomic<int> arrived{0};
  std::atomic<unsigned> round{0};

 public:
  // Returns the seconds slept, 0 where spinning was enough.
  double wait(int members) {
    const unsigned here = round.load(std::memory_order_acquire);
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
      arrived.store(0, std::memory_order_relaxed);
      round.store(here + 1, std::memory_order_release);
      if (members > 1) round.notify_all();
      return 0;
    }
    for (long k = 0; k < SPINS; k++) {
      if (round.load(std::memory_order_acquire) != here) return 0;
      rest();
    }
    const auto before = Clock::now();
    while (round.load(std::memory_order_acquire) == here) round.wait(here, std::memory_order_acquire);
    return Time(Clock::now() - before).count();
  }
};

// When a partner is late, thread 0 works alone for a while, then tries again; the longer, the more often it happens.
// Who does what never changes a result, so this is free to depend on the clock.
class Patience {
  static constexpr double SHARE = 0.3;  // of a step slept through: more than an uneven split of the work makes
  static constexpr double SHORTEST = 0.004, LONGEST = 0.1;  // seconds alone
  double alone = SHORTEST;
  Clock::time_point since = Clock::now(), last = since;

 public:
  // The number of threads for the next step, after one in which so many seconds were slept through.
  int next(int active, int all, double slept) {
    const auto now = Clock::now();
    const bool late = slept > SHARE * Time(now - last).count();
    last = now;
    if (active == all && !late) return all;
    const double passed = Time(Clock::now() - since).count();
    if (active == all) {  // late: twice as long as last time if that was not long ago
      alone = passed < 5 * alone ? std::min(2 * alone, LONGEST) : SHORTEST;
      since = Clock::now();
      return 1;
    }
    if (passed < alone) return active;
    since = Clock::now();
    return all;
  }
};

// Whether the call is to end before its time. Thread 0, the caller's own, asks now and then; all of them see the answer.
class Stop {
  bool (*const ask)();
  Clock::time_point last = Clock::now();
  std::atomic<bool> yes{false};
  static constexpr double EVERY = 0.1;  // seconds

 public:
  explicit Stop(bool (*ask_)()) : ask(ask_) {}
  bool told() const { return yes.load(std::memory_order_relaxed); }
  bool now(int thread) {
    if (thread == 0 && !told() && Time(Clock::now() - last).count() > EVERY) {
      yes.store(ask(), std::memory_order_relaxed);
      last = Clock::now();
    }
    return told();
  }
};

// Run steps 0 to count - 1, each of them in two phases or more (one will do for a single step), with a barrier after each:
// phase(step, number, thread, threads). Before the last phase thread 0 alone runs between(step); if that returns false the
// step is the last.
template <class Phase, class Between> void steps(int wanted, long count, int phases, const Phase &phase, const Between &between) {
  if (wanted == 1) {
    bool on = true;
    for (long step = 0; step < count && on; step++) {
      for (int p = 0; p < phases - 1; p++) phase(step, p, 0, 1);
      on = between(step);
      phase(step, phases - 1, 0, 1);
    }
    return;
  }
  if (count <= 0) return;  // a thread that has ended must not be sent anywhere: it would be the caller
  Barrier barrier;
  const Elsewhere elsewhere;
  // How many threads are active, and from which step on, as one number: whoever reads it late still reads both right.
  std::atomic<uint64_t> plan{0};
  std::atomic<unsigned> changes{0};  // of the plan, to sleep on: a word that the kernel can watch
  int all = 1;
  const auto decide = [&](long step, int active) {
    plan.store(uint64_t(step) << 8 | uint64_t(active), std::memory_order_release);
    changes.fetch_add(1, std::memory_order_release);
    changes.notify_all();
  };
  const auto work = [&](int t) {
    Patience patience;
    double slept = 0;
    bool on = true, begun = t == 0;
    for (long step = 0;;) {
      const unsigned seen = changes.load(std::memory_order_acquire);
      const uint64_t now = plan.load(std::memory_order_acquire);
      const int active = int(now & 255);
      step = std::max(step, long(now >> 8));
      if (step == count) return;
      if (t >= active) {
        changes.wait(seen, std::memory_order_acquire);
        continue;
      }
      if (!begun) elsewhere.release(), begun = true;
      for (int p = 0; p < phases - 1; p++) phase(step, p, t, active), slept += barrier.wait(active);
      if (t == 0) on = between(step);
      phase(step, phases - 1, t, active);
      step = on ? step + 1 : count;
      const int next = t > 0 || all == 1 ? active : step == count ? all : patience.next(active, all, slept);
      if (next < active || !on) decide(step, next);  // while the others are held by the barrier
      slept = barrier.wait(active);
      if (next > active) decide(step, next);  // when there is no barrier that they could meet
    }
  };
  std::vector<std::unique_ptr<Member<decltype(work)>>> others;
  others.reserve(size_t(wanted));
  try {
    for (int t = 1; t < wanted; t++, all++) others.push_back(std::make_unique<Member<decltype(work)>>(work, t, elsewhere));
  } catch (const std::exception &) {  // no more threads, or memory for them, to be had: fewer will do
  }
  decide(0, all);  // only now does anybody begin
  work(0);
}

// Run part(thread, threads) on each of them once.
template <class Part> void once(int wanted, const Part &part) {
  steps(wanted, 1, 1, [&](long, int, int t, int n) { part(t, n); }, [](long) { return true; });
}

}  // namespace threads
