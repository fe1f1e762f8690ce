// The definitions that simulated databases run under: each as a statement for the database and as a value for the
// model.
//
// Both are written by hand, side by side, so that the model does not learn them from the parser under test.
// Threads: immutable.
#pragma once

#include <string_view>
#include <vector>

#include "tidal/schema.h"

namespace tidal::sim {

/// One definition in both forms; exactly one of the vectors has an element.
struct Declaration {
  std::string_view statement;  ///< without its semicolon
  std::vector<FieldDef> fields{};
  std::vector<SignalDef> signals{};
};

/// What every database starts with: each decay, each mark, values, all windows, both targets.
[[nodiscard]] const std::vector<Declaration>& first_declarations();
/// What may be added while it runs.
[[nodiscard]] const std::vector<Declaration>& later_declarations();

/// A change of settings: a statement, and what it makes of the settings before.
struct SettingsChange {
  std::string_view statement;
  void (*apply)(Settings&);
};
[[nodiscard]] const std::vector<SettingsChange>& settings_changes();
/// Under which segments soon leave the log, into the archive or for good.
[[nodiscard]] const std::vector<SettingsChange>& small_log_settings();

}  // namespace tidal::sim
