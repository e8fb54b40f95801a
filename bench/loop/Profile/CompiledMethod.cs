namespace Belay.Bench.Loop.Profile;

/// <summary>A generic method, or one of a generic type, as the runtime names what it compiled.</summary>
/// <param name="Owner">Its type, with arguments in brackets.</param>
/// <param name="Name">Its name.</param>
/// <param name="Arguments">Its own type arguments; empty for a plain method of a generic type.</param>
/// <param name="Parameters">How many parameters it has.</param>
internal sealed record CompiledMethod(string Owner, string Name, string Arguments, int Parameters)
{
    private const string Dynamic = "dynamicClass";

    /// <summary>A line of the hook, which names types exactly but no arguments of methods; null when it is of no use.</summary>
    public static CompiledMethod? OfEvent(string line)
    {
        if (line.Split('\t') is not [var owner, var name, var signature] || owner == Dynamic || !owner.EndsWith(']'))
        {
            return null;
        }

        // "instance generic void  (class X,int32)": what is generic itself comes from the other source.
        var begins = signature.IndexOf('(', StringComparison.Ordinal);
        return begins < 0 || signature[..begins].Split(' ').Contains("generic")
            ? null
            : new(owner, name, "", TypeNames.Split(signature[(begins + 1)..signature.LastIndexOf(')')]).Count);
    }

    /// <summary>A line of the compiler's own summary, which has the arguments of methods but writes enumerations as numbers; null as above.</summary>
    public static CompiledMethod? OfSummary(string line)
    {
        // " 12: JIT compiled Owner`1[int]:Name[Argument](int,int):this [Tier0, IL size=7, code size=9]"
        const string Compiled = "JIT compiled ";
        var begins = line.IndexOf(Compiled, StringComparison.Ordinal);
        var ends = line.LastIndexOf(" [", StringComparison.Ordinal);
        if (begins < 0 || ends < begins)
        {
            return null;
        }

        var text = line[(begins + Compiled.Length)..ends];
        var colon = TypeNames.Find(text, ':', 0);
        var parenthesis = colon < 0 ? -1 : TypeNames.Find(text, '(', colon);
        if (parenthesis < 0 || text[parenthesis - 1] != ']')
        {
            return null;
        }

        var name = text[(colon + 1)..parenthesis];
        var bracket = name.IndexOf('[', StringComparison.Ordinal);
        var closes = text.IndexOf(')', parenthesis);
        return new(text[..colon], name[..bracket], name[(bracket + 1)..^1], TypeNames.Split(text[(parenthesis + 1)..closes]).Count);
    }
}
