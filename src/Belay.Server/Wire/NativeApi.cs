using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Belay.Server.Auth;

namespace Belay.Server.Wire;

/// <summary>Where the native API is. No route of the AWS wire begins like it.</summary>
public static class NativeApi
{
    /// <summary>What every path of it begins with.</summary>
    public const string Root = "/belay/v1";

    private const int MostProblems = 20;
    private const int LongestName = 100;

    /// <summary>Whether a request's path is one of it, served or not.</summary>
    public static bool Covers(RequestTarget target) => Covers(target.RawPath);

    /// <summary>Whether a path, or the template of one, is one of it.</summary>
    public static bool Covers(string path) => path == Root || path.StartsWith(Root + "/", StringComparison.Ordinal);

    /// <summary>
    /// The members of a query that no operation's input has, as problems. On the AWS wire they are ignored, as AWS ignores them; here a filter
    /// that is misspelt would answer more than was asked for, and nobody would know.
    /// </summary>
    public static IEnumerable<FieldProblem> UnknownMembers(Shape input, RequestTarget target)
    {
        var known = input.Members.Where(member => member.BoundTo?.Place == Place.Query).Select(member => member.BoundTo!.Name).Order(StringComparer.Ordinal).ToList();
        var allowed = known.Count == 0 ? "this operation has none" : $"there are: {string.Join(", ", known)}";
        return target.Query.Keys
            .Where(name => !known.Contains(name) && name != RequestAuthenticator.TicketParameter)
            .Take(MostProblems)
            .Select(name => new FieldProblem(name.Length <= LongestName ? name : name[..LongestName] + "…", $"is no member of the query; {allowed}"));
    }
}
