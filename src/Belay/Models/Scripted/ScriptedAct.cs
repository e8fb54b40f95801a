using Belay.Contracts.Invocations;

namespace Belay.Models.Scripted;

/// <summary>Something that the scripted model does within one reply. The set is closed.</summary>
internal abstract record ScriptedAct
{
    private ScriptedAct()
    {
    }

    /// <summary>Says text.</summary>
    public sealed record Say(string Text) : ScriptedAct;

    /// <summary>Thinks text.</summary>
    public sealed record Think(string Text) : ScriptedAct;

    /// <summary>Says the answers of the tools that ran last.</summary>
    public sealed record Quote : ScriptedAct;

    /// <summary>Says a number of tokens, one delta each.</summary>
    public sealed record Tokens(int Count) : ScriptedAct;

    /// <summary>Asks for a tool; the arguments go out as they are, JSON or not.</summary>
    public sealed record Call(string Tool, string Id, string Input) : ScriptedAct;

    /// <summary>Waits once.</summary>
    public sealed record Delay(TimeSpan Time) : ScriptedAct;

    /// <summary>Waits before every delta that follows.</summary>
    public sealed record Pace(TimeSpan Time) : ScriptedAct;

    /// <summary>Reports these tokens instead of counting.</summary>
    public sealed record Usage(int Input, int Output) : ScriptedAct;

    /// <summary>Stops for this reason instead of the natural one.</summary>
    public sealed record Stop(HarnessStopReason Reason) : ScriptedAct;

    /// <summary>Fails, the first times that it is tried or always.</summary>
    public sealed record Fail(ModelFailure Failure, int? Times) : ScriptedAct;
}
