// Threads that share out small tasks, thousands of times a second.
//
// A job is a number of independent tasks. Threads take them one by one, so that a thread which the system has put aside
// holds up nobody: the others do its share, and only tasks that were begun are waited for. Idle threads spin for some
// microseconds, because the next job is usually that near, and sleep after that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
static inline void breathe() { _mm_pause(); }
#elif defined(__aarch64__)
static inline void breathe() { asm volatile("yield"); }
#else
static inline void breathe() {}
#endif

class Pool {
  public:
    explicit Pool(int threads) {
        for (int i = 1; i < threads; i++) workers_.emplace_back([this] { work(); });
    }

    ~Pool() {
        ending_.store(true);
        epoch_.fetch_add(1);
        epoch_.notify_all();
        for (auto &worker : workers_) worker.join();
    }

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls body(task) for every task from 0 to count - 1, in any order and on any thread; returns when all are done.
    template <class Body> void run(int count, const Body &body) {
        if (count <= 0) return;
        if (count == 1 || workers_.empty()) {
            for (int task = 0; task < count; task++) body(task);
            return;
        }
        const uint32_t epoch = epoch_.load() + 1;
        // First the last job's tickets are called in: whoever is late with it may have read its ticket, but not yet what
        // to do, and would take a task of this job under that number, to be done twice and counted for nothing.
        ticket_.store(static_cast<uint64_t>(epoch) << 32 | NO_TASK);
        call_.store([](const void *context, int task) { (*static_cast<const Body *>(context))(task); });
        context_.store(&body);
        count_.store(count);
        done_.store(0);
        ticket_.store(static_cast<uint64_t>(epoch) << 32);
        epoch_.store(epoch);
        if (sleeping_.load() > 0) epoch_.notify_all();
        take_tasks(epoch);
        for (int spins = 0; done_.load(std::memory_order_acquire) < count; spins++) {
            if (spins < SPINS) breathe();
            else std::this_thread::yield();  // its thread lost its core in the middle of a task
        }
    }

  private:
    using Call = void (*)(const void *, int);
    static constexpr int SPINS = 2000;
    static constexpr uint64_t NO_TASK = 0x7FFFFFFF;  // above every count

    // A ticket is the job's number and the next task in one word: who is late cannot take a task of another job.
    void take_tasks(uint32_t epoch) {
        const Call call = call_.load();
        const void *context = context_.load();
        const int count = count_.load();
        uint64_t ticket = ticket_.load();
        while (ticket >> 32 == epoch && static_cast<int>(ticket & 0xFFFFFFFF) < count) {
            if (!ticket_.compare_exchange_weak(ticket, ticket + 1)) continue;
            call(context, static_cast<int>(ticket & 0xFFFFFFFF));
            done_.fetch_add(1, std::memory_order_release);
            ticket = ticket_.load();
        }
    }

    void work() {
        uint32_t seen = 0;
        for (;;) {
            for (int spins = 0; epoch_.load() == seen && spins < SPINS; spins++) breathe();
            if (epoch_.load() == seen) {
                sleeping_.fetch_add(1);
                epoch_.wait(seen);
                sleeping_.fetch_sub(1);
            }
            seen = epoch_.load();
            if (ending_.load()) return;
            take_tasks(seen);
        }
    }

    std::vector<std::thread> workers_;
    std::atomic<Call> call_{nullptr};
    std::atomic<const void *> context_{nullptr};
    std::atomic<int> count_{0};
    alignas(64) std::atomic<uint64_t> ticket_{0};
    alignas(64) std::atomic<int> done_{0};
    alignas(64) std::atomic<uint32_t> epoch_{0};
    std::atomic<int> sleeping_{0};
    std::atomic<bool> ending_{false};
};
