namespace Belay.Cli.Completion;

/// <summary>Completion for zsh.</summary>
internal static class ZshScript
{
    /// <summary>The script.</summary>
    public static string Of(IReadOnlyList<CommandLinePart> lines) => $$"""
        #compdef belay
        # Completes belay in zsh. Made by: belay completion zsh
        _belay_harnesses() {
            "$program" list "${connection[@]}" 2>/dev/null | while read -r name rest; do
                [[ $name =~ '^[A-Za-z][A-Za-z0-9_]*$' && $name != NAME ]] && echo "$name"
            done
        }

        _belay() {
            local program="${words[1]}" verb='' option='' found='' word i
            local -a connection
            for ((i = 2; i < CURRENT; i++)); do
                word="${words[i]}"
                if [[ -n $option ]]; then
                    case $option in
                    --url | --port | -p | --data | --region) connection+=("$option" "${(Q)word}") ;;
                    esac
                    option=''
                elif [[ $word == -* ]]; then
                    case "$verb $word" in
        {{ShellCases.Valued(lines).TrimEnd('\n')}}
                    esac
                else
                    case "$verb/$word" in
        {{ShellCases.Verbs(lines).TrimEnd('\n')}}
                    esac
                fi
            done

            word="${words[CURRENT]}"
            if [[ -n $option ]]; then
                case "$verb $option" in
        {{ShellCases.Values(lines).TrimEnd('\n')}}
                esac
            elif [[ $word == -* ]]; then
                case "$verb" in
        {{ShellCases.Names(lines).TrimEnd('\n')}}
                esac
            else
                case "$verb" in
        {{ShellCases.Arguments(lines).TrimEnd('\n')}}
                esac
            fi

            if [[ -n ${found// /} ]]; then
                compadd -- ${=found}
            else
                _files
            fi
        }

        if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
            _belay "$@"
        else
            compdef _belay belay
        fi

        """;
}
