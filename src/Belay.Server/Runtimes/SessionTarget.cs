using System.Text.RegularExpressions;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Belay.Harnesses;
using Belay.Storage;

namespace Belay.Server.Runtimes;

/// <summary>Which harness and session an operation of the runtime family means. Pure.</summary>
internal static partial class SessionTarget
{
    /// <summary>
    /// ARN of the harness that a label names: its own ARN, or its id together with an account. The runtime behind a harness is no target;
    /// that answer is the same for every runtime, whether it exists or not.
    /// </summary>
    public static string HarnessArnOf(Scope caller, string label, string? accountId)
    {
        if (label.Contains(":runtime/", StringComparison.Ordinal))
        {
            throw ServiceException.Invalid(
                [new FieldProblem("agentRuntimeArn", "names a runtime that is managed by a harness and cannot be invoked directly. Use the ARN of the harness.")]);
        }

        if (HarnessArnPattern().IsMatch(label))
        {
            return label;
        }

        if (HarnessIdPattern().IsMatch(label) && accountId is not null)
        {
            return new HarnessArn(caller with { Account = accountId }, label).ToString();
        }

        throw ServiceException.Invalid([new FieldProblem("agentRuntimeArn", "must be the ARN of a harness, or its id together with accountId.")]);
    }

    /// <summary>Refuses what the request's shape lets through and sessions do not.</summary>
    public static string Checked(string sessionId)
    {
        if (!SessionIdPattern().IsMatch(sessionId))
        {
            throw ServiceException.Invalid(
                [new FieldProblem("runtimeSessionId", "must be 33 to 100 letters, digits, '-' or '_' and begin with a letter or digit.")]);
        }

        return sessionId;
    }

    [GeneratedRegex($"^{Patterns.HarnessArn}\\z")]
    private static partial Regex HarnessArnPattern();

    [GeneratedRegex($"^{Patterns.HarnessId}\\z")]
    private static partial Regex HarnessIdPattern();

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9-_]{32,99}\\z")]
    private static partial Regex SessionIdPattern();
}
