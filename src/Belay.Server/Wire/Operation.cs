namespace Belay.Server.Wire;

/// <summary>One operation of the AWS wire or of the native API: its name, its route and what serves it.</summary>
/// <param name="Name">Name, of the AWS wire as in the service model, such as <c>CreateHarness</c>.</param>
/// <param name="Method">HTTP method.</param>
/// <param name="Template">Path with labels in braces, such as <c>/harnesses/{harnessId}/endpoints</c>.</param>
/// <param name="MaxBodyBytes">Largest body.</param>
/// <param name="HandleAsync">Serves one call; faults are thrown as <see cref="Contracts.Faults.ServiceException"/>.</param>
public sealed record Operation(
    string Name,
    string Method,
    string Template,
    int MaxBodyBytes,
    Func<OperationCall, CancellationToken, Task> HandleAsync)
{
    /// <summary>Body limit of control-plane operations.</summary>
    public const int ControlBodyBytes = 1_000_000;

    /// <summary>Body limit of InvokeHarness.</summary>
    public const int InvokeBodyBytes = 100_000_000;

    /// <summary>
    /// What the OpenAPI document says about it; every operation of the native API has it. Asked for when somebody reads that document, since
    /// it knows the JSON forms of its records, and making those of all operations takes longer than everything else that a server is made of.
    /// </summary>
    public Func<OperationAbout>? About { get; init; }

    /// <summary>How the body becomes a file; null when it is held in memory.</summary>
    public RequestFile? File { get; init; }

    /// <summary>Whether the request must be signed with an access key: a bearer token or a ticket is not enough.</summary>
    public bool NeedsAccessKey { get; init; }
}
