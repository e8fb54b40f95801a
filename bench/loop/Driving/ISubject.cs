using Belay.Bench.Loop.Provider;

namespace Belay.Bench.Loop.Driving;

/// <summary>Something that runs turns: the raw loop, or a server that is driven over HTTP.</summary>
internal interface ISubject
{
    /// <summary>Name in the tables.</summary>
    string Name { get; }

    /// <summary>The process to account for, with its children; null for what runs inside the bench.</summary>
    int? ProcessId { get; }

    /// <summary>Runs one turn and checks that its answer is whole.</summary>
    /// <param name="session">Session id.</param>
    /// <param name="script">What the model does.</param>
    /// <param name="input">What the client sends.</param>
    /// <param name="cancellationToken">Ends it.</param>
    Task<TurnTimes> TurnAsync(string session, Script script, Input input, CancellationToken cancellationToken);
}

/// <summary>One turn.</summary>
/// <param name="FirstMs">Milliseconds to the first text.</param>
/// <param name="TotalMs">Milliseconds to the end.</param>
/// <param name="Seen">Messages that the model was shown in the last call.</param>
internal readonly record struct TurnTimes(double FirstMs, double TotalMs, int Seen);

/// <summary>An answer that is not what the script says.</summary>
internal sealed class WrongAnswerException(string message) : Exception(message);
