using System.Globalization;

namespace Belay.Server.Wire;

/// <summary>The paging of one list call. A token is good for the parameters that it was issued for.</summary>
/// <param name="call">The call.</param>
/// <param name="tokens">What makes and reads tokens.</param>
/// <param name="parameters">What has to be the same on every page.</param>
internal sealed class Paging(OperationCall call, IPageTokens tokens, string parameters)
{
    /// <summary>Parameters of their parts, of which some may be absent.</summary>
    public static string Of(params IEnumerable<string?> parts) => string.Join('&', parts.Select(part => part is null ? "" : "=" + Uri.EscapeDataString(part)));

    /// <summary>A time as a part.</summary>
    public static string? Of(DateTimeOffset? time) => time?.UtcTicks.ToString(CultureInfo.InvariantCulture);

    /// <summary>The position behind the token of a request; null for the first page.</summary>
    public string? After(string? token) => token is null ? null : tokens.Read(call.Caller.Scope, call.Operation.Name, parameters, token);

    /// <summary>The token of a position; null after the last page.</summary>
    public string? Next(string? position) => position is null ? null : tokens.Issue(call.Caller.Scope, call.Operation.Name, parameters, position);
}
