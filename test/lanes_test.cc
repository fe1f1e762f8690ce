// The seam along which appliers can be laid side by side: views of users on one thread and all others on another, event
// by event at the same time, give what one thread gives.
//
// Under ThreadSanitizer this also shows that no view of one lane writes what the other's read.
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "materializer/materializer.h"
#include "test/view_stand.h"

namespace tidal::test {
namespace {

using materializer::Materializer;
using materializer::ViewScope;

/// Two threads that apply one event at the same time, each to its views.
class Lanes {
 public:
  Lanes() : threads_{std::thread([this] { run(0); }), std::thread([this] { run(1); })} {}
  ~Lanes() {
    event_ = nullptr;
    gate_.arrive_and_wait();
    for (std::thread& thread : threads_) thread.join();
  }
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void add(Materializer& view) { views_[view.scope() == ViewScope::User ? 1 : 0].push_back(&view); }
  [[nodiscard]] std::size_t count(std::size_t lane) const { return views_[lane].size(); }
  void apply(const wal::WalEvent& event) {
    event_ = &event;
    gate_.arrive_and_wait();  // they begin
    gate_.arrive_and_wait();  // they have ended
  }

 private:
  void run(std::size_t lane) {
    while (true) {
      gate_.arrive_and_wait();
      if (event_ == nullptr) return;
      for (Materializer* view : views_[lane]) view->apply(*event_);
      gate_.arrive_and_wait();
    }
  }

  // Written before the barrier that the lanes read it behind.
  const wal::WalEvent* event_ = nullptr;
  std::array<std::vector<Materializer*>, 2> views_;
  std::barrier<> gate_{3};
  std::array<std::thread, 2> threads_;  // last: they use what is above
};

/// Stands in a registry for a view that a lane applies; the last of them lets the lanes go.
class InLane final : public Materializer {
 public:
  InLane(Materializer& view, Lanes* releases) : view_(view), releases_(releases) {}
  void hold(std::unique_ptr<Materializer> view) { held_ = std::move(view); }

  [[nodiscard]] std::string_view name() const override { return view_.name(); }
  [[nodiscard]] ViewScope scope() const override { return view_.scope(); }
  [[nodiscard]] materializer::Privacy privacy() const override { return view_.privacy(); }
  [[nodiscard]] std::uint32_t logic_version() const override { return view_.logic_version(); }
  [[nodiscard]] std::unique_ptr<materializer::CheckpointImage> checkpoint() override { return view_.checkpoint(); }
  void digest(materializer::DigestSink& sink) const override { view_.digest(sink); }
  void erase_user(Ordinal /*user*/) noexcept override {}  // the view's own apply() does
  [[nodiscard]] std::size_t memory_bytes() const override { return view_.memory_bytes(); }

 protected:
  void on_event(const wal::WalEvent& event) noexcept override {
    if (releases_ != nullptr) releases_->apply(event);
  }
  void on_void(const wal::WalEvent& event) noexcept override { on_event(event); }
  [[nodiscard]] Status on_restore(std::string_view image) override { return view_.restore(image, applied()); }
  void on_reset() override { view_.reset(); }

 private:
  Materializer& view_;
  std::unique_ptr<Materializer> held_;
  Lanes* releases_;
};

/// Puts every view but the roots into its lane.
void divide(Stand& stand, Lanes& lanes) {
  const std::vector<std::string_view> derived = db::Views::derived();
  for (const std::string_view name : derived) {
    Materializer& view = *stand.views->registry().find(name);
    lanes.add(view);
    auto stand_in = std::make_unique<InLane>(view, name == derived.back() ? &lanes : nullptr);
    InLane& holder = *stand_in;
    holder.hold(stand.views->registry().replace(std::move(stand_in)));
  }
}

TEST(Lanes, TwoGiveTheDigestsOfOne) {
  constexpr std::uint64_t kHistories = 20;
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, 300, seed % 2 == 0 ? 12 : 0);
    Stand one;
    one.apply(records, 0, records.size());
    Stand two;
    Lanes lanes;
    divide(two, lanes);
    ASSERT_GT(lanes.count(0), 0U);
    ASSERT_GT(lanes.count(1), 0U);
    two.apply(records, 0, records.size());
    for (const std::string& name : one.names()) ASSERT_EQ(one.digest(name), two.digest(name)) << name;
  }
}

}  // namespace
}  // namespace tidal::test
