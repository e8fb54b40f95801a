using Belay.Storage;

namespace Belay.Server.Wire;

/// <summary>Turns positions in a list into opaque, signed tokens that expire, and back.</summary>
public interface IPageTokens
{
    /// <summary>A token that is good for the same operation and parameters of the same scope.</summary>
    string Issue(Scope scope, string operation, string parameters, string position);

    /// <summary>The position behind a token; a validation fault on <c>nextToken</c> when it is not one of ours for this request.</summary>
    string Read(Scope scope, string operation, string parameters, string token);
}
