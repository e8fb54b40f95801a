using System.Text.Json;

namespace Belay.Tests.ServiceModels;

/// <summary>The published service models, where they are: in the folder that BELAY_MODELS names, else in a folder
/// <c>shared/spec/aws/models</c> beside the repository or above it.</summary>
internal sealed class ServiceModel
{
    private static readonly Lazy<string?> Folder = new(FindFolder);

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

    public JsonElement Operation(string name) => Root.GetProperty("operations").GetProperty(name);

    public JsonElement Shape(string name) => Root.GetProperty("shapes").GetProperty(name);

    private static ServiceModel? Load(string service)
    {
        var file = Folder.Value is { } folder && Directory.Exists(Path.Combine(folder, service))
            ? Directory.GetFiles(Path.Combine(folder, service), "service-2.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).LastOrDefault()
            : null;
        return file is null ? null : new(JsonDocument.Parse(File.ReadAllBytes(file)).RootElement);
    }

    private static string? FindFolder()
    {
#pragma warning disable RS0030 // Where the models are is known to who runs the tests, not to the code.
        if (Environment.GetEnvironmentVariable("BELAY_MODELS") is { Length: > 0 } named)
#pragma warning restore RS0030
        {
            return Directory.Exists(named) ? named : null;
        }

        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var candidate = Path.Combine(directory.FullName, "shared", "spec", "aws", "models");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}
