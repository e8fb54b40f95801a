using System.Text.RegularExpressions;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Belay.Harnesses;
using Belay.Storage;

namespace Belay.Server.Runtimes;

/// <summary>Which harness and session an operation of the runtime family means. Pure.</summary>
internal static partial class SessionTarget
{
    /// <summary>Everything wrong with what a request names. A member that is null is absent; whether it may be is for the request's shape.</summary>
    public static IEnumerable<FieldProblem> Problems(string? label, string? accountId, string? sessionId)
    {
        // The runtime behind a harness is no target; that answer is the same for every runtime, whether it exists or not.
        if (label is not null && label.Contains(":runtime/", StringComparison.Ordinal))
        {
            yield return new("agentRuntimeArn", "names a runtime that is managed by a harness and cannot be invoked directly. Use the ARN of the harness.");
        }
        else if (label is not null && !HarnessArnPattern().IsMatch(label) && !(HarnessIdPattern().IsMatch(label) && accountId is not null))
        {
            yield return new("agentRuntimeArn", "must be the ARN of a harness, or its id together with accountId.");
        }

        // The request's shape lets through more than sessions do.
        if (sessionId is not null && !SessionIdPattern().IsMatch(sessionId))
        {
            yield return new("runtimeSessionId", "must be 33 to 100 letters, digits, '-' or '_' and begin with a letter or digit.");
        }
    }

    /// <summary>ARN of the harness that a label without problems names: its own ARN, or its id together with an account.</summary>
    public static string HarnessArnOf(Scope caller, string label, string? accountId) =>
        HarnessArnPattern().IsMatch(label) ? label : new HarnessArn(caller with { Account = accountId! }, label).ToString();

    [GeneratedRegex($"^{Patterns.HarnessArn}\\z")]
    private static partial Regex HarnessArnPattern();

    [GeneratedRegex($"^{Patterns.HarnessId}\\z")]
    private static partial Regex HarnessIdPattern();

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9-_]{32,99}\\z")]
    private static partial Regex SessionIdPattern();
}
