namespace Belay.Cli.Completion;

/// <summary>Completion for bash 3.2 and newer.</summary>
internal static class BashScript
{
    /// <summary>The script.</summary>
    public static string Of(IReadOnlyList<CommandLinePart> lines) => $$"""
        # Completes belay in bash. Made by: belay completion bash
        _belay_harnesses() {
            # What is no name is not given to the shell.
            "$program" list ${connection[@]+"${connection[@]}"} 2>/dev/null | while read -r name rest; do
                [[ $name =~ ^[A-Za-z][A-Za-z0-9_]*$ && $name != NAME ]] && echo "$name"
            done
        }

        _belay() {
            local program="${COMP_WORDS[0]}" verb='' option='' found='' glue='' word i
            local -a line=() connection=()
            COMPREPLY=()

            # bash breaks words at colons; URLs are put together again.
            for ((i = 1; i <= COMP_CWORD; i++)); do
                word="${COMP_WORDS[i]}"
                if [[ ${#line[@]} -gt 0 && ($word == : || -n $glue) ]]; then
                    line[${#line[@]} - 1]+="$word"
                else
                    line+=("$word")
                fi
                [[ $word == : ]] && glue=1 || glue=''
            done

            for ((i = 0; i < ${#line[@]} - 1; i++)); do
                word="${line[i]}"
                if [[ -n $option && $word == = ]]; then
                    continue
                elif [[ -n $option ]]; then
                    case $option in
                    --url | --port | -p | --data | --region) connection+=("$option" "$word") ;;
                    esac
                    option=''
        {{ShellCases.Word(lines)}}
            done

            word="${line[${#line[@]} - 1]}"
            [[ $word == = ]] && word=''
        {{ShellCases.Found(lines)}}

            # Nothing found leaves file names to the shell.
            COMPREPLY=($(compgen -W "$found" -- "$word"))
        }

        complete -o bashdefault -o default -F _belay belay

        """;
}
