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
        {{ShellCases.Word(lines)}}
            done

            word="${words[CURRENT]}"
        {{ShellCases.Found(lines)}}

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
