using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Auth;

/// <summary>
/// Finds out who calls, in two steps: everything that can be refused without the body is refused before the body is read. Implementations
/// are safe for concurrent use.
/// </summary>
public interface IAuthenticator
{
    /// <summary>Checks what needs no body. Complete it with the hash of the body that arrived.</summary>
    /// <exception cref="Contracts.Faults.ServiceException">403, with what is wrong.</exception>
    ValueTask<IPendingCaller> BeginAsync(HttpRequest request, RequestTarget target, CancellationToken cancellationToken);

    /// <summary>Whether what a caller presented has not been taken away since: its key, and the token if there was one.</summary>
    ValueTask<bool> IsStillGoodAsync(Caller caller, CancellationToken cancellationToken);
}

/// <summary>A caller who is known up to the request's body.</summary>
public interface IPendingCaller
{
    /// <summary>Whether what was presented is known to be good before the body has been read; only the body itself may still be another.</summary>
    bool IsVerified { get; }

    /// <summary>The caller, when what was presented covers this body.</summary>
    /// <param name="bodyHash">SHA-256 of the body in lower-case hex.</param>
    /// <exception cref="Contracts.Faults.ServiceException">403, with what is wrong.</exception>
    Caller Complete(string bodyHash);
}
