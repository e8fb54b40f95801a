using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;

namespace Belay.Models;

/// <summary>What rides in <c>additionalParams</c>: members for the provider, and our own under <c>belay</c>.</summary>
/// <param name="Members">Members for the provider; null when there are none.</param>
/// <param name="Belay">Our own.</param>
internal sealed record AdditionalParameters(JsonElement? Members, BelayModelParameters Belay)
{
    /// <summary>Reads and checks, naming every problem at once.</summary>
    /// <param name="additional">As configured.</param>
    /// <param name="reserved">Members that would replace what we write.</param>
    /// <param name="path">Where it stands, for messages.</param>
    public static AdditionalParameters Read(JsonElement? additional, IReadOnlyList<string> reserved, string path)
    {
        if (additional is not { } given || given.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined)
        {
            return new AdditionalParameters(null, BelayModelParameters.None);
        }

        if (given.ValueKind is not JsonValueKind.Object)
        {
            throw ServiceException.Invalid([new FieldProblem(path, "must be a JSON object.")]);
        }

        var problems = new List<FieldProblem>();
        var belay = BelayModelParameters.None;
        var count = 0;
        foreach (var member in given.EnumerateObject())
        {
            if (member.NameEquals(BelayModelParameters.Member))
            {
                belay = ModelFallbacks.ReadParameters(member.Value, $"{path}.{BelayModelParameters.Member}", problems);
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
        if (!given.TryGetProperty(BelayModelParameters.Member, out _))
        {
            return given;
        }

        var body = RequestJson.Write(json =>
        {
            json.WriteStartObject();
            RequestJson.WriteAdditional(json, given, new HashSet<string>(StringComparer.Ordinal) { BelayModelParameters.Member });
            json.WriteEndObject();
        });
        return JsonElement.Parse(body.Span, new JsonDocumentOptions { MaxDepth = Contracts.BelayJson.MaxDepth });
    }
}
