using System.Text.Json;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Invocations;

/// <summary>What an invocation cost. The stream of the wire has no place for it, so the session is asked once it has ended.</summary>
internal static class InvocationCost
{
    /// <summary>What the server says of one invocation of a session; null when it does not say, which takes nothing from the invocation.</summary>
    /// <param name="client">The server.</param>
    /// <param name="harnessId">The harness.</param>
    /// <param name="sessionId">The session.</param>
    /// <param name="isMeant">Which of its invocations; the newest that fits.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<JsonElement?> ReadAsync(BelayClient client, string harnessId, string sessionId, Func<JsonElement, bool> isMeant, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await client.GetSessionAsync(harnessId, sessionId, cancellationToken);
            return answer.Items("invocations").Where(isMeant).Select(invocation => (JsonElement?)invocation).FirstOrDefault();
        }
        catch (CliException)
        {
            return null;
        }
    }

    /// <summary>In a line with other facts; empty when nothing is known.</summary>
    public static string Words(JsonElement? invocation) => Amounts.CostAndWhy(invocation) is { Length: > 0 } cost
        ? cost.StartsWith("unknown", StringComparison.Ordinal) ? $"cost {cost}" : cost
        : "";
}
