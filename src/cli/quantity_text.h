// Numbers as people read them: 4,812 candidates, 1.9 ms, 64.0 MiB.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tidal/types.h"

namespace tidal::cli {

/// "1,204,551".
[[nodiscard]] std::string with_commas(std::uint64_t n);
/// "1 item", "20 items", "4,812 candidates". The plural is the singular and "s" unless given.
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural = {});
/// "83 µs", "1.9 ms", "2.4 s".
[[nodiscard]] std::string elapsed_text(std::int64_t us);
/// "512 B", "1.5 KiB", "64.0 MiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "3 s", "2 min 10 s", "1 h 5 min", "40 days"; how long something lasts or lies back.
[[nodiscard]] std::string rough_span(Duration d);
/// The shortest text that reads back as the same number: "5.0001", "1234567.89".
[[nodiscard]] std::string exact_number_text(double value);
/// For figures that are computed: at most six significant digits, whole from a million on: "0.0412", "12", "1.5e-07",
/// "1476640644".
[[nodiscard]] std::string number_text(double value);

}  // namespace tidal::cli
