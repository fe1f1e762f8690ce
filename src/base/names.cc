// The printed names of the public enumerations and values (include/tidal).
#include <array>

#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::InvalidArgument: return "InvalidArgument";
    case Code::NotFound: return "NotFound";
    case Code::AlreadyExists: return "AlreadyExists";
    case Code::FailedPrecondition: return "FailedPrecondition";
    case Code::ResourceExhausted: return "ResourceExhausted";
    case Code::Unavailable: return "Unavailable";
    case Code::DeadlineExceeded: return "DeadlineExceeded";
    case Code::IoError: return "IoError";
    case Code::Corruption: return "Corruption";
    case Code::AlreadyOpen: return "AlreadyOpen";
    case Code::Unauthenticated: return "Unauthenticated";
    case Code::PermissionDenied: return "PermissionDenied";
    case Code::Internal: return "Internal";
  }
  return "Internal";
}

std::string Error::to_string() const { return std::string(code_name(code)) + ": " + message; }

std::string_view kind_name(EntityKind kind) {
  constexpr std::array<std::string_view, kEntityKinds> kNames = {"item", "user", "creator"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view field_type_name(FieldType type) {
  constexpr std::array<std::string_view, 8> kNames = {"KEYWORD", "KEYWORD[]", "TEXT",      "INT",
                                                      "FLOAT",   "BOOL",      "TIMESTAMP", "DURATION"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view role_name(Role role) {
  switch (role) {
    case Role::View: return "view";
    case Role::Positive: return "positive";
    case Role::Negative: return "negative";
    case Role::Share: return "share";
    case Role::Comment: return "comment";
    case Role::Save: return "save";
    case Role::Completion: return "completion";
    case Role::Report: return "report";
    case Role::Impression: return "impression";
  }
  return "";
}

std::string_view metric_name(VectorMetric metric) {
  constexpr std::array<std::string_view, 3> kNames = {"cosine", "dot", "l2"};
  return kNames[static_cast<std::size_t>(metric)];
}

std::string_view storage_name(VectorStorage storage) { return storage == VectorStorage::F16 ? "f16" : "f32"; }

Duration window_span(Window w) {
  constexpr std::array<Duration, 5> kSpans = {hours(1), hours(24), days(7), days(30), Duration{0}};
  return kSpans[static_cast<std::size_t>(w)];
}

std::string_view window_name(Window w) {
  constexpr std::array<std::string_view, 5> kNames = {"1h", "24h", "7d", "30d", "all"};
  return kNames[static_cast<std::size_t>(w)];
}

std::string_view mark_name(Mark mark) {
  constexpr std::array<std::string_view, kMarks> kNames = {"seen",   "liked",     "disliked",    "saved",
                                                           "shared", "completed", "in_progress", "hidden"};
  return kNames[static_cast<std::size_t>(mark)];
}

std::string to_string(Duration d) {
  struct Unit {
    std::int64_t us;
    std::string_view name;
  };
  constexpr std::array<Unit, 5> kUnits = {
      {{86'400'000'000, "d"}, {3'600'000'000, "h"}, {60'000'000, "m"}, {1'000'000, "s"}, {1'000, "ms"}}};
  if (d.us == 0) return "0s";
  // One day is printed as 24h: that is how the window is written, and it reads back to the same.
  const std::size_t first = d == hours(24) ? 1 : 0;
  for (std::size_t i = first; i < kUnits.size(); ++i) {
    if (d.us % kUnits[i].us == 0) return std::to_string(d.us / kUnits[i].us) + std::string(kUnits[i].name);
  }
  return std::to_string(d.us) + "us";
}

}  // namespace tidal
