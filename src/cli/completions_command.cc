// tidal completions and tidal version.
#include <ostream>

#include "cli/commands.h"
#include "cli/error_text.h"

#ifndef TIDAL_VERSION
#error "TIDAL_VERSION is set by the build"
#endif

namespace tidal::cli {
namespace {

constexpr std::string_view kBash =
    R"(# tidal: source this from ~/.bashrc, or save it as tidal in your bash-completion folder.
_tidal() {
  local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local commands="init exec shell import export status verify digest wal inspect demo completions version help"
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
    return
  fi
  case $previous in
    --template) COMPREPLY=($(compgen -W "video articles shop social" -- "$current")); return ;;
    --format) COMPREPLY=($(compgen -W "table json jsonl csv" -- "$current")); return ;;
    --what) COMPREPLY=($(compgen -W "schema entities signals all" -- "$current")); return ;;
    --clock) COMPREPLY=($(compgen -W "events" -- "$current")); return ;;
    --created-at) COMPREPLY=($(compgen -W "now" -- "$current")); return ;;
    completions) COMPREPLY=($(compgen -W "bash zsh fish" -- "$current")); return ;;
    wal) COMPREPLY=($(compgen -W "dump stats" -- "$current")); return ;;
  esac
  local options="--help --clock --quiet"
  case $command in
    init) options+=" --template --schema" ;;
    exec) options+=" --format --file --keep-going --param" ;;
    import) options+=" --map --as-is --created-at --max-rejects --rejects" ;;
    export) options+=" --what --out" ;;
    digest) options+=" --by" ;;
    wal) options+=" --from --limit" ;;
    demo) options+=" --data --dir" ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _tidal tidal
)";

constexpr std::string_view kZsh = R"(#compdef tidal
# tidal: save this as _tidal in a folder of your $fpath.
_tidal() {
  local -a commands=(
    'init:make a database' 'exec:run statements' 'shell:open a prompt' 'import:read files'
    'export:write what import reads' 'status:say what a database holds' 'verify:check every checksum'
    'digest:hash the logical state' 'wal:look into the log' 'inspect:decode a file' 'demo:see it work'
    'completions:print this' 'version:print the version' 'help:explain a command')
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
    init) _arguments '--template[ready schema]:name:(video articles shop social)' '--schema[file]:file:_files' \
      '*:folder:_files -/' ;;
    exec) _arguments '--format[of replies]:format:(table json jsonl csv)' '--file[statements]:file:_files' \
      '--keep-going[after errors]' '--param[name=value]:' '*:folder:_files -/' ;;
    import) _arguments '--map[what columns mean]:' '--as-is[keep the order of lines]' '--created-at:when:(now)' \
      '--max-rejects:number:' '--rejects:file:_files' '*:file:_files' ;;
    export) _arguments '--what:part:(schema entities signals all)' '--out[folder]:folder:_files -/' \
      '*:folder:_files -/' ;;
    wal) _arguments '2:part:(dump stats)' '*:folder:_files -/' ;;
    demo) _arguments '--data[MovieLens folder]:folder:_files -/' '--dir[database]:folder:_files -/' ;;
    completions) _arguments '2:shell:(bash zsh fish)' ;;
    *) _files ;;
  esac
}
_tidal "$@"
)";

constexpr std::string_view kFish = R"(# tidal: save this as ~/.config/fish/completions/tidal.fish
set -l commands init exec shell import export status verify digest wal inspect demo completions version help
complete -c tidal -f -n "not __fish_seen_subcommand_from $commands" -a "$commands"
complete -c tidal -n "__fish_seen_subcommand_from init" -l template -xa "video articles shop social"
complete -c tidal -n "__fish_seen_subcommand_from init" -l schema -r
complete -c tidal -n "__fish_seen_subcommand_from exec" -l format -xa "table json jsonl csv"
complete -c tidal -n "__fish_seen_subcommand_from exec" -l file -r
complete -c tidal -n "__fish_seen_subcommand_from exec" -l keep-going
complete -c tidal -n "__fish_seen_subcommand_from exec" -l param -x
complete -c tidal -n "__fish_seen_subcommand_from import" -l map -x
complete -c tidal -n "__fish_seen_subcommand_from import" -l as-is
complete -c tidal -n "__fish_seen_subcommand_from import" -l created-at -xa now
complete -c tidal -n "__fish_seen_subcommand_from import" -l max-rejects -x
complete -c tidal -n "__fish_seen_subcommand_from import" -l rejects -r
complete -c tidal -n "__fish_seen_subcommand_from export" -l what -xa "schema entities signals all"
complete -c tidal -n "__fish_seen_subcommand_from export" -l out -r
complete -c tidal -n "__fish_seen_subcommand_from wal" -a "dump stats"
complete -c tidal -n "__fish_seen_subcommand_from demo" -l data -r
complete -c tidal -n "__fish_seen_subcommand_from demo" -l dir -r
complete -c tidal -n "__fish_seen_subcommand_from completions" -xa "bash zsh fish"
complete -c tidal -l clock -xa events
complete -c tidal -l quiet
complete -c tidal -l help
)";

}  // namespace

Exit run_completions(const Terminal& terminal, const std::string& shell) {
  if (shell == "bash") {
    terminal.out << kBash;
  } else if (shell == "zsh") {
    terminal.out << kZsh;
  } else {
    terminal.out << kFish;
  }
  return Exit::Ok;
}

Exit run_version(const Terminal& terminal) {
  terminal.out << "tidal " << TIDAL_VERSION << "\n";
  return Exit::Ok;
}

Exit run_unavailable(const Terminal& terminal, const std::string& command) {
  return fail(terminal, Error(Code::FailedPrecondition, "tidal " + command + " is not available yet"));
}

}  // namespace tidal::cli
