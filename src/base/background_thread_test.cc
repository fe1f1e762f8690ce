// A thread that cannot be started is an error, not an exception.
#include "base/background_thread.h"

#include <gtest/gtest.h>

#include "base/threadless_for_test.h"

namespace tidal::base {
namespace {

TEST(BackgroundThread, RunsItsBody) {
  bool ran = false;
  Result<std::thread> thread = start_background_thread("tidal-test", [&ran] { ran = true; });
  ASSERT_TRUE(thread.ok());
  thread->join();
  EXPECT_TRUE(ran);
}

TEST(BackgroundThread, ThatTheSystemHasNoRoomForIsResourceExhausted) {
  const ThreadlessForTest threadless;
  const Result<std::thread> thread = start_background_thread("tidal-test", [] {});
  ASSERT_FALSE(thread.ok());
  EXPECT_EQ(thread.error().code, Code::ResourceExhausted);
  EXPECT_NE(thread.error().message.find("tidal-test"), std::string::npos);
}

}  // namespace
}  // namespace tidal::base
