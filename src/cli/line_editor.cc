// The only place that knows libedit.
#include "cli/line_editor.h"

#include <histedit.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <istream>
#include <utility>

#include "cli/interrupt.h"

namespace tidal::cli {
namespace {

constexpr int kHistoryEntries = 1000;

/// Lines of a script that is piped in.
class PlainLines final : public LineEditor {
 public:
  explicit PlainLines(std::istream& in) : in_(in) {}
  Read read(const std::string&, std::string& line) override {
    // Interrupted while it waits, the input ends within a line.
    if (interrupted() || !std::getline(in_, line) || interrupted()) return Read::End;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return Read::Line;
  }
  void remember(const std::string&) override {}

 private:
  std::istream& in_;
};

class EditedLines final : public LineEditor {
 public:
  EditedLines(std::string history_path, Completer completer)
      : history_path_(std::move(history_path)), completer_(std::move(completer)) {
    std::setlocale(LC_CTYPE, "");
    edit_ = el_init("tidal", stdin, stdout, stderr);
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryEntries);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!history_path_.empty()) history(history_, &event, H_LOAD, history_path_.c_str());
    el_set(edit_, EL_CLIENTDATA, this);
    el_set(edit_, EL_PROMPT, &EditedLines::prompt_of);
    el_set(edit_, EL_EDITOR, "emacs");
    el_set(edit_, EL_SIGNAL, 0);
    el_set(edit_, EL_HIST, history, history_);
    el_set(edit_, EL_GETCFN, &EditedLines::get_character);
    el_set(edit_, EL_ADDFN, "tidal-complete", "Complete a word", &EditedLines::complete);
    el_set(edit_, EL_BIND, "^I", "tidal-complete", nullptr);
    el_source(edit_, nullptr);
  }
  ~EditedLines() override {
    HistEvent event;
    if (!history_path_.empty()) history(history_, &event, H_SAVE, history_path_.c_str());
    history_end(history_);
    el_end(edit_);
  }
  EditedLines(const EditedLines&) = delete;
  EditedLines& operator=(const EditedLines&) = delete;

  Read read(const std::string& prompt, std::string& line) override {
    prompt_ = prompt;
    clear_interrupt();
    if (interrupted()) return Read::End;
    int count = 0;
    const char* typed = el_gets(edit_, &count);
    if (interrupted()) {
      clear_interrupt();
      if (interrupted()) return Read::End;
      std::fputs("^C\n", stdout);
      el_reset(edit_);
      return Read::Interrupted;
    }
    if (typed == nullptr || count <= 0) {
      std::fputs("\n", stdout);
      return Read::End;
    }
    line = typed;
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    return Read::Line;
  }

  void remember(const std::string& statement) override {
    HistEvent event;
    history(history_, &event, H_ENTER, statement.c_str());
  }

 private:
  static EditedLines* self_of(EditLine* edit) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return static_cast<EditedLines*>(self);
  }
  static char* prompt_of(EditLine* edit) { return self_of(edit)->prompt_.data(); }

  /// libedit's own reader starts again after a signal; this one gives up, so that Ctrl-C clears the line.
  static int get_character(EditLine*, wchar_t* character) {
    std::mbstate_t state{};
    while (true) {
      if (!wait_for_input(STDIN_FILENO)) return -1;
      char byte = 0;
      const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
      if (n < 0 && errno == EINTR && !interrupted()) continue;
      if (n <= 0) return n < 0 ? -1 : 0;
      const std::size_t used = std::mbrtowc(character, &byte, 1, &state);
      if (used == static_cast<std::size_t>(-2)) continue;
      if (used == static_cast<std::size_t>(-1)) *character = static_cast<unsigned char>(byte);
      return 1;
    }
  }

  static unsigned char complete(EditLine* edit, int) {
    const LineInfo* info = el_line(edit);
    const std::string_view before(info->buffer, static_cast<std::size_t>(info->cursor - info->buffer));
    std::size_t begin = before.size();
    while (begin > 0 && (std::isalnum(static_cast<unsigned char>(before[begin - 1])) != 0 || before[begin - 1] == '_' ||
                         before[begin - 1] == '\\')) {
      --begin;
    }
    const std::string word(before.substr(begin));
    const std::vector<std::string> words = self_of(edit)->completer_(word);
    if (words.empty()) return CC_REFRESH_BEEP;
    std::string replacement = common_prefix(words);
    if (words.size() == 1) replacement.push_back(' ');
    if (replacement.size() > word.size()) {
      if (!word.empty()) el_deletestr(edit, static_cast<int>(word.size()));
      el_insertstr(edit, replacement.c_str());
      return CC_REFRESH;
    }
    std::fputs("\n", stdout);
    for (const std::string& each : words) std::fprintf(stdout, "%s  ", each.c_str());
    std::fputs("\n", stdout);
    return CC_REDISPLAY;
  }

  std::string history_path_;
  Completer completer_;
  std::string prompt_;
  EditLine* edit_ = nullptr;
  History* history_ = nullptr;
};

}  // namespace

std::string common_prefix(const std::vector<std::string>& words) {
  if (words.empty()) return "";
  std::size_t length = words.front().size();
  for (const std::string& word : words) {
    std::size_t same = 0;
    while (same < length && same < word.size() &&
           std::tolower(static_cast<unsigned char>(word[same])) ==
               std::tolower(static_cast<unsigned char>(words.front()[same]))) {
      ++same;
    }
    length = same;
  }
  return words.front().substr(0, length);
}

std::unique_ptr<LineEditor> make_line_editor(const Terminal& terminal, std::string history_path, Completer completer) {
  if (!terminal.in_is_terminal || !terminal.out_is_terminal) return std::make_unique<PlainLines>(terminal.in);
  return std::make_unique<EditedLines>(std::move(history_path), std::move(completer));
}

}  // namespace tidal::cli
