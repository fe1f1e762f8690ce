// One generator a shell; all walk the same shape.
#include "cli/completions.h"

#include <algorithm>

namespace tidal::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

std::vector<std::string> names_of(const std::vector<CommandShape>& commands) {
  std::vector<std::string> names;
  for (const CommandShape& command : commands) names.push_back(command.name);
  return names;
}

/// The commands, and theirs, each with the words that lead to it: "wal", "wal dump".
std::vector<std::pair<std::string, const CommandShape*>> walk(const CommandShape& program) {
  std::vector<std::pair<std::string, const CommandShape*>> all;
  for (const CommandShape& command : program.commands) {
    all.emplace_back(command.name, &command);
    for (const CommandShape& inner : command.commands) all.emplace_back(command.name + " " + inner.name, &inner);
  }
  return all;
}

/// What may stand behind the command without a name: its commands, or the values of its argument.
std::vector<std::string> words_behind(const CommandShape& command) {
  if (!command.commands.empty()) return names_of(command.commands);
  for (const OptionShape& option : command.options) {
    if (option.names.empty() && !option.values.empty()) return option.values;
  }
  return {};
}

std::string without(std::string_view text, std::string_view characters) {
  std::string out;
  for (const char c : text) {
    if (characters.find(c) == std::string_view::npos) out.push_back(c);
  }
  return out;
}

std::string bash_text(const CommandShape& program) {
  std::string nested;
  std::string values;
  std::string options;
  std::string words;
  for (const auto& [path, command] : walk(program)) {
    if (!command->commands.empty()) nested += (nested.empty() ? "" : "|") + path;
    std::string names;
    for (const OptionShape& option : command->options) {
      for (const std::string& name : option.names) {
        names.append(names.empty() ? "" : " ").append(name);
        if (option.values.empty()) continue;
        values += "    \"" + path + " " + name + "\") choices=\"" + joined(option.values) + "\" ;;\n";
      }
    }
    options += "    \"" + path + "\") options=\"" + names + "\" ;;\n";
    if (const auto behind = words_behind(*command); !behind.empty()) {
      words += "    \"" + path + "\") words=\"" + joined(behind) + "\" ;;\n";
    }
  }
  return R"(# tidal: source this from ~/.bashrc, or save it as tidal in your bash-completion folder.
_tidal() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  local choices= options= words=
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W ")" +
         joined(names_of(program.commands)) + R"( --help" -- "$current"))
    return
  fi
  case $command in
    )" + (nested.empty() ? "-" : nested) +
         R"() [[ $COMP_CWORD -gt 2 ]] && command+=" ${COMP_WORDS[2]}" ;;
  esac
  case "$command $previous" in
)" + values +
         R"(  esac
  case $command in
)" + options +
         R"(  esac
  case $command in
)" + words +
         R"(  esac
  if [[ -n $choices ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _tidal tidal
)";
}

/// One argument of zsh's _arguments for each name of the option.
std::string zsh_option(const OptionShape& option) {
  const std::string about = without(option.about, "[]'");
  std::string out;
  for (const std::string& name : option.names) {
    out += " \\\n      '*" + name + "[" + about + "]";
    if (option.takes_value) out += ":value:" + (option.values.empty() ? "_files" : "(" + joined(option.values) + ")");
    out += "'";
  }
  return out;
}

std::string zsh_text(const CommandShape& program) {
  std::string commands;
  std::string nested;
  std::string cases;
  for (const CommandShape& command : program.commands) {
    commands += "    '" + command.name + ":" + without(command.about, "'") + "'\n";
    if (!command.commands.empty()) nested += (nested.empty() ? "" : "|") + command.name;
  }
  for (const auto& [path, command] : walk(program)) {
    const auto behind = words_behind(*command);
    cases += "    '" + path + "') _arguments";
    for (const OptionShape& option : command->options) cases += zsh_option(option);
    cases += behind.empty() ? " \\\n      '*:file:_files' ;;\n" : " \\\n      '2:word:(" + joined(behind) + ")' ;;\n";
  }
  return "#compdef tidal\n# tidal: save this as _tidal in a folder of your $fpath.\n_tidal() {\n  local -a "
         "commands=(\n" +
         commands + R"(  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  case $command in
    )" + (nested.empty() ? "-" : nested) +
         R"() (( CURRENT > 3 )) && command="$command $words[3]" ;;
  esac
  case $command in
)" + cases +
         "  esac\n}\n_tidal \"$@\"\n";
}

std::string fish_text(const CommandShape& program) {
  std::string out = "# tidal: save this as ~/.config/fish/completions/tidal.fish\n";
  for (const CommandShape& command : program.commands) {
    out += "complete -c tidal -f -n __fish_use_subcommand -a " + command.name + " -d '" +
           without(command.about, "'\\") + "'\n";
  }
  for (const auto& [path, command] : walk(program)) {
    std::string when = "__fish_seen_subcommand_from " + path;
    if (const std::size_t space = path.find(' '); space != std::string::npos) {
      when = "__fish_seen_subcommand_from " + path.substr(0, space) + "; and __fish_seen_subcommand_from " +
             path.substr(space + 1);
    }
    const std::string begin = "complete -c tidal -n \"" + when + "\"";
    if (const auto behind = words_behind(*command); !behind.empty()) {
      out += begin + " -xa \"" + joined(behind) + "\"\n";
    }
    for (const OptionShape& option : command->options) {
      if (option.names.empty()) continue;
      std::string line = begin;
      for (const std::string& name : option.names) {
        line += name.substr(0, 2) == "--" ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!option.values.empty()) {
        line += " -xa \"" + joined(option.values) + "\"";
      } else if (option.takes_value) {
        line += " -r";
      }
      out += line + " -d '" + without(option.about, "'\\") + "'\n";
    }
  }
  return out;
}

}  // namespace

std::string completions_text(std::string_view shell, const CommandShape& program) {
  if (shell == "bash") return bash_text(program);
  if (shell == "zsh") return zsh_text(program);
  if (shell == "fish") return fish_text(program);
  return "";
}

}  // namespace tidal::cli
