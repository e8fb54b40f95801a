using System.Security.Cryptography;
using System.Text;

namespace Belay.Models;

/// <summary>
/// Names and ids of tool calls as a provider takes them. History may hold what another provider or the caller made; the same
/// input always gives the same output, so that a result still finds its call.
/// </summary>
internal static class ToolUseId
{
    private const int HashLength = 8;

    /// <summary>The id itself where it fits, else its legal beginning and a hash of the whole.</summary>
    public static string Fit(string id, int maxLength)
    {
        if (id.Length > 0 && id.Length <= maxLength && id.All(IsLegal))
        {
            return id;
        }

        var legal = new StringBuilder(maxLength);
        foreach (var one in id.AsSpan(0, Math.Min(id.Length, maxLength - HashLength - 1)))
        {
            legal.Append(IsLegal(one) ? one : '_');
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)));
        return legal.Append('_').Append(hash.AsSpan(0, HashLength)).ToString();
    }

    /// <summary>The id itself where it has exactly so many letters and digits and nothing else, else so much of its hash.</summary>
    public static string OfLength(string id, int length) =>
        id.Length == length && id.All(char.IsAsciiLetterOrDigit)
            ? id
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)))[..length];

    private static bool IsLegal(char one) => char.IsAsciiLetterOrDigit(one) || one is '_' or '-';
}
