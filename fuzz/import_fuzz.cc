// What people import, from arbitrary bytes: maps, conditions, cells and stored operations never do worse than refuse.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cli/import/csv.h"
#include "cli/import/json_value.h"
#include "cli/import/map.h"
#include "cli/import/operation.h"
#include "cli/import/where.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace cli = tidal::cli;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(cli::Map::parse(text));
  static_cast<void>(cli::decode_operation(text));
  static_cast<void>(cli::is_utf8(text));
  for (const auto type : {tidal::FieldType::KeywordList, tidal::FieldType::Int, tidal::FieldType::Timestamp}) {
    static_cast<void>(cli::read_json_cell(text, type));
  }
  const auto rows = cli::first_records(text, cli::sniff_separator(text), 8);
  auto where = cli::Where::parse(text);
  if (where.ok()) {
    where->bind(std::vector<std::size_t>(where->columns().size(), 0));
    for (const auto& row : rows) {
      static_cast<void>(where->passes({row.begin(), row.end()}));
    }
  }
  return 0;
}
