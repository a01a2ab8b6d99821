/** `mom4c completion SHELL` prints a script that asks `mom4c __complete` what may come next. */
import { Argument, Command as Verb } from 'commander';
import { printable } from '@mom4c/core';
import { complete } from './complete.ts';
import { readKnown } from './known.ts';

export const COMPLETE = '__complete';

const BASH = `# Completion of mom4c for bash: source <(mom4c completion bash)
_mom4c() {
  local line="\${COMP_LINE:0:COMP_POINT}" current prefix value about
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="\${words[-1]}"
  # Bash replaces only what follows one of these.
  prefix="\${current%"\${current##*[=:]}"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r value about; do
    case $value in
      :files) compopt -o default 2>/dev/null ;;
      :open) compopt -o nospace 2>/dev/null ;;
      *) COMPREPLY+=("\${value#"$prefix"}") ;;
    esac
  done < <(command mom4c ${COMPLETE} -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _mom4c mom4c
`;

const ZSH = `#compdef mom4c
# Completion of mom4c for zsh: source <(mom4c completion zsh), after compinit
_mom4c() {
  local -a candidates open
  local value about
  while IFS=$'\\t' read -r value about; do
    case $value in
      :files) _files; return ;;
      :open) open=(-S '') ;;
      *) candidates+=("\${value//:/\\\\:}\${about:+:$about}") ;;
    esac
  done < <(command mom4c ${COMPLETE} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe mom4c candidates $open
}
compdef _mom4c mom4c
`;

const FISH = `# Completion of mom4c for fish: mom4c completion fish | source
function __mom4c_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command mom4c ${COMPLETE} -- $words[2..-1] 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path (commandline -ct)
            case ':open'
            case '*'
                echo -- $line
        end
    end
end
complete -c mom4c -f -a '(__mom4c_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionVerb(): Verb {
  return new Verb('completion')
    .summary('Print the completion of this command line for a shell.')
    .description(
      'Print a script that completes verbs, options, their values, and names of nodes, labels and sensors. The names come ' +
        'from the last answers of `mom4c nodes` and `mom4c listsensors`, whatever domain these asked: completion never ' +
        'waits for a network.\n\n' +
        '  bash: source <(mom4c completion bash)      in ~/.bashrc\n' +
        '  zsh:  source <(mom4c completion zsh)       in ~/.zshrc, after compinit\n' +
        '  fish: mom4c completion fish | source       in ~/.config/fish/config.fish',
    )
    .addArgument(new Argument('<shell>', 'whose').choices(Object.keys(SCRIPTS)))
    .action((shell: string) => void process.stdout.write(SCRIPTS[shell]!));
}

/** One candidate a line, with what it is about behind a tab; `:files` and `:open` are for the scripts. */
export function printCompletion(program: Verb, words: readonly string[]): void {
  const { candidates, files, open } = complete(program, words, readKnown());
  const lines = candidates.map(({ value, about }) => `${printable(value)}\t${printable(about)}`);
  process.stdout.write([...(files ? [':files'] : []), ...(open ? [':open'] : []), ...lines, ''].join('\n'));
}
