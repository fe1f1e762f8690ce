// Values as the language writes them.
#include "schema/literal_text.h"

#include <array>
#include <charconv>

namespace tidal::schema {

std::string number_text(double v) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v).ptr;
  return std::string(buffer.data(), end);
}

std::string real_text(double v) {
  std::string text = number_text(v);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string string_text(std::string_view s) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : s) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7F) {
          out += "\\u00";
          out += kHex[byte >> 4];
          out += kHex[byte & 15];
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string value_text(const Value& value) {
  struct Print {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return number_text(v); }
    std::string operator()(const std::string& v) const { return string_text(v); }
    std::string operator()(const std::vector<std::string>&) const { return "null"; }
    std::string operator()(Timestamp v) const { return to_string(v); }
    std::string operator()(Duration v) const { return to_string(v); }
  };
  return std::visit(Print{}, value);
}

namespace {

struct SizeUnit {
  std::string_view name;
  unsigned bits;
};
constexpr SizeUnit kSizeUnits[] = {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}};

}  // namespace

std::string size_text(std::int64_t bytes) {
  if (bytes == 0) return "all";
  for (const SizeUnit& unit : kSizeUnits) {
    if ((bytes >> unit.bits) << unit.bits != bytes) continue;
    return std::to_string(bytes >> unit.bits) + std::string(unit.name);
  }
  return std::to_string(bytes) + "B";
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  if (text == "all") return 0;
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || number <= 0) return std::nullopt;
  const std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const SizeUnit& unit : kSizeUnits) {
    if (unit.name != name) continue;
    if (number > (INT64_MAX >> unit.bits)) return std::nullopt;
    return number << unit.bits;
  }
  return std::nullopt;
}

}  // namespace tidal::schema
