using System.Text;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Harnesses;

/// <summary>
/// The header <c>X-Belay-Settings</c> of CreateHarness and UpdateHarness: the settings document of the version that the request makes, as a JSON
/// object. The AWS shapes have no place for it, and a second request would make a second version. Other servers ignore it.
/// </summary>
internal static class SettingsHeader
{
    /// <summary>Its name. A signature must cover it, as everything that decides what is done.</summary>
    public const string Name = "X-Belay-Settings";

    private const int MaxSettings = 50;

    /// <summary>The document; null when the request has no such header.</summary>
    public static IReadOnlyDictionary<string, JsonElement>? Read(HttpRequest request)
    {
        var values = request.Headers[Name];
        if (values.Count == 0)
        {
            return null;
        }

        if (values.Count > 1)
        {
            throw Refused("must be given once");
        }

        var utf8 = Encoding.UTF8.GetBytes(values[0] ?? "");
        try
        {
            JsonText.Check(utf8);
        }
        catch (ServiceException problem)
        {
            throw Refused("must be a JSON object in ASCII", problem);
        }

        var json = JsonElement.Parse(utf8);
        if (json.ValueKind != JsonValueKind.Object || json.GetPropertyCount() > MaxSettings)
        {
            throw Refused($"must be a JSON object of at most {MaxSettings} members");
        }

        // Of names given twice the last counts, as in bodies.
        var document = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var setting in json.EnumerateObject())
        {
            document[setting.Name] = setting.Value;
        }

        return document;
    }

    private static ServiceException Refused(string why, ServiceException? cause = null) =>
        ServiceException.Invalid([new FieldProblem(Name, why + (cause is null ? "" : $". {cause.Message}"))]);
}
