using Belay.Tools;

namespace Belay.Models.Gemini;

/// <summary>Names of tools as the provider takes them: they begin with a letter or an underscore.</summary>
internal static class GeminiToolNames
{
    private const int MaxLength = 64;

    /// <summary>The name itself where it fits, else one that is made of it, the same every time and no other tool's.</summary>
    public static string Fit(string name) =>
        name.Length > 0 && (char.IsAsciiLetter(name[0]) || name[0] == '_') ? ToolUseId.Fit(name, MaxLength)
        : ToolUseId.Fit($"_{name}.", MaxLength); // The dot does not fit, so that a hash follows.

    /// <summary>Names that are sent in place of others, with the others; null when there are none.</summary>
    public static IReadOnlyDictionary<string, string>? Renamed(IReadOnlyList<ToolSpec> tools)
    {
        Dictionary<string, string>? renamed = null;
        foreach (var tool in tools)
        {
            var fitted = Fit(tool.Name);
            if (fitted != tool.Name)
            {
                (renamed ??= new(StringComparer.Ordinal))[fitted] = tool.Name;
            }
        }

        return renamed;
    }
}
