// While it lives, no thread can be started: each would get a stack larger than the address space.
#pragma once

#include <pthread.h>

#include <cstddef>

namespace tidal::base {

class ThreadlessForTest {
 public:
  ThreadlessForTest() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t none;
    pthread_attr_init(&none);
    pthread_attr_setstacksize(&none, std::size_t{1} << 47);
    pthread_setattr_default_np(&none);
    pthread_attr_destroy(&none);
  }
  ~ThreadlessForTest() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  ThreadlessForTest(const ThreadlessForTest&) = delete;
  ThreadlessForTest& operator=(const ThreadlessForTest&) = delete;

 private:
  pthread_attr_t before_{};
};

}  // namespace tidal::base
