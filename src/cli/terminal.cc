// The process's terminal: what the operating system says about the three streams.
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <istream>

#include "cli/input.h"

namespace tidal::cli {
namespace {

constexpr int kColumnsMin = 40;
constexpr int kColumnsMax = 400;
constexpr int kColumnsWithoutTerminal = 100;

int columns_of(int descriptor) {
  if (const char* text = std::getenv("COLUMNS"); text != nullptr) {
    const std::string_view value(text);
    int columns = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), columns).ec == std::errc() &&
        columns >= kColumnsMin && columns <= kColumnsMax) {
      return columns;
    }
  }
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col >= kColumnsMin) return size.ws_col;
  return kColumnsWithoutTerminal;
}

bool colors_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && std::string_view(term) != "dumb";
}

std::string_view escape_of(Style style) {
  switch (style) {
    case Style::Plain: return "\x1b[0m";
    case Style::Bold: return "\x1b[1m";
    case Style::Dim: return "\x1b[2m";
    case Style::Red: return "\x1b[31m";
    case Style::Green: return "\x1b[32m";
    case Style::Yellow: return "\x1b[33m";
    case Style::Cyan: return "\x1b[36m";
  }
  return "";
}

}  // namespace

Terminal process_terminal() {
  std::ios::sync_with_stdio(false);
  const bool out_is_terminal = isatty(STDOUT_FILENO) == 1;
  const bool err_is_terminal = isatty(STDERR_FILENO) == 1;
  // Not std::cin, which nothing stops while it waits.
  static InputBuffer buffer(STDIN_FILENO);
  static std::istream in(&buffer);
  return Terminal{.in = in,
                  .out = std::cout,
                  .err = std::cerr,
                  .in_is_terminal = isatty(STDIN_FILENO) == 1,
                  .out_is_terminal = out_is_terminal,
                  .err_is_terminal = err_is_terminal,
                  .color = (out_is_terminal || err_is_terminal) && colors_wanted(),
                  .columns = columns_of(STDOUT_FILENO)};
}

std::string_view out_style(const Terminal& terminal, Style style) {
  return terminal.color && terminal.out_is_terminal ? escape_of(style) : std::string_view{};
}

std::string_view err_style(const Terminal& terminal, Style style) {
  return terminal.color && terminal.err_is_terminal ? escape_of(style) : std::string_view{};
}

}  // namespace tidal::cli
