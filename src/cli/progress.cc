// Drawing the progress line.
#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "cli/quantity_text.h"

namespace tidal::cli {
namespace {

constexpr Duration kQuietAtFirst = seconds(1);
constexpr Duration kOnTerminal = milliseconds(200);
constexpr Duration kElsewhere = seconds(10);

}  // namespace

Progress::Progress(const Terminal& terminal, const base::Clock& clock, std::string unit)
    : terminal_(terminal),
      clock_(clock),
      unit_(std::move(unit)),
      began_(clock.now()),
      stage_began_(began_),
      next_(began_ + kQuietAtFirst) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (drawn_ && terminal_.err_is_terminal) terminal_.err << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

void Progress::stage(std::string name) {
  stage_ = std::move(name);
  stage_began_ = clock_.now();
}

void Progress::update(std::uint64_t done, double share) {
  if (terminal_.quiet) return;
  const Timestamp now = clock_.now();
  if (now < next_) return;
  next_ = now + (terminal_.err_is_terminal ? kOnTerminal : kElsewhere);
  const double in_stage = std::max(static_cast<double>((now - stage_began_).us) / 1e6, 1e-3);
  std::string line = fmt::format("{}: {} {}, {} a second", stage_, with_commas(done), unit_,
                                 with_commas(static_cast<std::uint64_t>(static_cast<double>(done) / in_stage)));
  if (share > 0 && share <= 1) {
    const double left = in_stage * (1 - share) / share;
    line +=
        fmt::format(", {:.0f} %, {} left", share * 100, rough_span(Duration{static_cast<std::int64_t>(left * 1e6)}));
  }
  terminal_.err << (terminal_.err_is_terminal ? "\r" : "") << line << (terminal_.err_is_terminal ? "\x1b[K" : "\n")
                << std::flush;
  drawn_ = true;
}

}  // namespace tidal::cli
