namespace Belay.Tools;

/// <summary>
/// Which tools a model may see: a union of patterns, without negation. <c>*</c> is every tool; a bare glob names built-ins only;
/// <c>@server</c> is every tool of the servers that match; <c>@server/tool</c> is some of them. Globs know <c>*</c> and <c>?</c>,
/// are case-sensitive and match the whole name.
/// </summary>
public sealed class AllowedTools(IReadOnlyList<string> patterns)
{
    /// <summary>Server name of the built-in tools.</summary>
    public const string BuiltIn = "builtin";

    /// <summary>Whether a tool of a server may be shown and called.</summary>
    public bool Permits(string server, string tool)
    {
        foreach (var pattern in patterns)
        {
            if (Permits(pattern, server, tool))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether any tool of a server could match; a server of which none can is never contacted.</summary>
    public bool CanPermitServer(string server)
    {
        foreach (var pattern in patterns)
        {
            if (pattern == "*" || (pattern.StartsWith('@') && Glob(ServerPart(pattern), server)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool Permits(string pattern, string server, string tool)
    {
        if (pattern == "*")
        {
            return true;
        }

        if (!pattern.StartsWith('@'))
        {
            return server == BuiltIn && Glob(pattern, tool);
        }

        if (!Glob(ServerPart(pattern), server))
        {
            return false;
        }

        var slash = pattern.IndexOf('/', StringComparison.Ordinal);
        // A tool whose name collided is known as <server>_<tool>; both forms of its name match.
        return slash < 0 || Glob(pattern.AsSpan(slash + 1), tool) || Glob(pattern.AsSpan(slash + 1), $"{server}_{tool}");
    }

    private static ReadOnlySpan<char> ServerPart(string pattern)
    {
        var slash = pattern.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? pattern.AsSpan(1) : pattern.AsSpan(1, slash - 1);
    }

    // Linear apart from the last star, so that no pattern of a caller can make it slow.
    private static bool Glob(ReadOnlySpan<char> glob, ReadOnlySpan<char> text)
    {
        int g = 0, t = 0, star = -1, resume = 0;
        while (t < text.Length)
        {
            if (g < glob.Length && (glob[g] == '?' || glob[g] == text[t]) && glob[g] != '*')
            {
                g++;
                t++;
            }
            else if (g < glob.Length && glob[g] == '*')
            {
                star = g++;
                resume = t;
            }
            else if (star >= 0)
            {
                g = star + 1;
                t = ++resume;
            }
            else
            {
                return false;
            }
        }

        while (g < glob.Length && glob[g] == '*')
        {
            g++;
        }

        return g == glob.Length;
    }
}
