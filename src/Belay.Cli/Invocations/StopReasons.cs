namespace Belay.Cli.Invocations;

/// <summary>Which stop reasons mean that the agent did what it was asked.</summary>
internal static class StopReasons
{
    /// <summary>Whether an invocation that ended like this counts as done; a limit, a filter or an interruption does not.</summary>
    public static bool IsNormal(string reason) => reason is "end_turn" or "tool_use" or "tool_result" or "stop_sequence";
}
