using System.Text.Json;

namespace Belay.Tests.ServiceModels;

/// <summary>The published service models, where they are there.</summary>
internal sealed class ServiceModel
{
    private static readonly Lazy<string?> Folder = new(Vectors.FindModels);

    private ServiceModel(JsonElement root) => Root = root;

    public JsonElement Root { get; }

    public static ServiceModel? Control { get; } = Load("bedrock-agentcore-control");

    public static ServiceModel? Data { get; } = Load("bedrock-agentcore");

    /// <summary>What newer clients know beyond the models; null when it is not there.</summary>
    public static JsonElement? Delta { get; } = Folder.Value is { } folder
        && Directory.GetParent(Path.TrimEndingDirectorySeparator(folder)) is { } parent
        && Path.Combine(parent.FullName, "delta-2026-10.json") is var file && File.Exists(file)
            ? JsonDocument.Parse(File.ReadAllBytes(file)).RootElement
            : null;

    /// <summary>The model, or a skipped test that says how many operations it does not check.</summary>
    public static ServiceModel Require(ServiceModel? model, int operations)
    {
        Assert.SkipWhen(model is null, $"The service models are not there; {operations} operations unchecked. Name their folder in BELAY_MODELS.");
        return model!;
    }

    public JsonElement Operation(string name) => Root.GetProperty("operations").GetProperty(name);

    public JsonElement Shape(string name) => Root.GetProperty("shapes").GetProperty(name);

    private static ServiceModel? Load(string service)
    {
        var file = Folder.Value is { } folder && Directory.Exists(Path.Combine(folder, service))
            ? Directory.GetFiles(Path.Combine(folder, service), "service-2.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).LastOrDefault()
            : null;
        return file is null ? null : new(JsonDocument.Parse(File.ReadAllBytes(file)).RootElement);
    }
}
