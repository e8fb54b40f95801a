using System.Text.Json;
using Belay.Contracts.Faults;

namespace Belay.Models;

/// <summary>What rides in <c>additionalParams</c>: members for the provider, and our own under <c>belay</c>.</summary>
/// <param name="Members">Members for the provider; null when there are none.</param>
/// <param name="Belay">Our own.</param>
internal sealed record AdditionalParameters(JsonElement? Members, BelayParameters Belay)
{
    private const string Own = "belay";

    /// <summary>Reads and checks, naming every problem at once.</summary>
    /// <param name="additional">As configured.</param>
    /// <param name="reserved">Members that would replace what we write.</param>
    /// <param name="path">Where it stands, for messages.</param>
    public static AdditionalParameters Read(JsonElement? additional, IReadOnlyList<string> reserved, string path)
    {
        if (additional is not { } given || given.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
        {
            return new AdditionalParameters(null, BelayParameters.None);
        }

        if (given.ValueKind is not JsonValueKind.Object)
        {
            throw ServiceException.Invalid([new FieldProblem(path, "must be a JSON object.")]);
        }

        var problems = new List<FieldProblem>();
        var belay = BelayParameters.None;
        var count = 0;
        foreach (var member in given.EnumerateObject())
        {
            if (member.NameEquals(Own))
            {
                belay = BelayParameters.Read(member.Value, $"{path}.{Own}", problems);
                continue;
            }

            count++;
            if (reserved.Contains(member.Name))
            {
                problems.Add(new FieldProblem($"{path}.{member.Name}", "would replace what the harness writes itself; remove it."));
            }
        }

        return problems.Count > 0 ? throw ServiceException.Invalid(problems)
            : new AdditionalParameters(count == 0 ? null : Without(given), belay);
    }

    private static JsonElement Without(JsonElement given)
    {
        if (!given.TryGetProperty(Own, out _))
        {
            return given;
        }

        var body = RequestJson.Write(json =>
        {
            json.WriteStartObject();
            RequestJson.WriteAdditional(json, given, new HashSet<string>(StringComparer.Ordinal) { Own });
            json.WriteEndObject();
        });
        return JsonElement.Parse(body.Span, new JsonDocumentOptions { MaxDepth = Contracts.BelayJson.MaxDepth });
    }
}

/// <summary>Our own parameters of a model.</summary>
/// <param name="Caching">Whether cache points are set; null for the server's default.</param>
internal sealed record BelayParameters(bool? Caching)
{
    /// <summary>Nothing of ours.</summary>
    public static readonly BelayParameters None = new(Caching: null);

    /// <summary>Reads and checks. What is not known is refused, since ignoring it would promise what does not happen.</summary>
    public static BelayParameters Read(JsonElement value, string path, List<FieldProblem> problems)
    {
        if (value.ValueKind is not JsonValueKind.Object)
        {
            problems.Add(new FieldProblem(path, "must be a JSON object."));
            return BelayParameters.None;
        }

        bool? caching = null;
        foreach (var member in value.EnumerateObject())
        {
            if (!member.NameEquals("caching"))
            {
                problems.Add(new FieldProblem($"{path}.{member.Name}", "is not known; known is caching."));
            }
            else if (member.Value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            {
                caching = member.Value.GetBoolean();
            }
            else
            {
                problems.Add(new FieldProblem($"{path}.caching", "must be true or false."));
            }
        }

        return new BelayParameters(caching);
    }
}
