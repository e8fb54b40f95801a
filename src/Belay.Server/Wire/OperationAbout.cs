using System.Text.Json.Serialization.Metadata;
using Belay.Contracts.Faults;

namespace Belay.Server.Wire;

/// <summary>What the OpenAPI document says about an operation beyond its route; the rest follows from the contract records.</summary>
/// <param name="Summary">What it does, in one sentence.</param>
/// <param name="Input">Record of the request; null when nothing of it is read.</param>
/// <param name="Output">Record of the response; null when it has no body.</param>
public sealed record OperationAbout(string Summary, JsonTypeInfo? Input, JsonTypeInfo? Output)
{
    /// <summary>HTTP status when all is well.</summary>
    public int Status { get; init; } = 200;

    /// <summary>Data of each server-sent event, where <c>Accept: text/event-stream</c> gets a stream; null where there is none.</summary>
    public JsonTypeInfo? Event { get; init; }

    /// <summary>Faults of its own, beside those that every operation has: validation, access, rate and our own mistakes.</summary>
    public IReadOnlyList<FaultCode> Faults { get; init; } = [];
}
