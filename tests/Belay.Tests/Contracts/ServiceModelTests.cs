using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Contracts.Runtimes;
using Belay.Contracts.Validation;
using Belay.Server;
using Belay.Storage;
using Belay.Testing.Sessions;
using Belay.Tests.Harnesses;

namespace Belay.Tests.ServiceModels;

/// <summary>
/// Compares every contract record, member by member and in both directions, with the published service models: names, types,
/// required, enum values, bounds, where members travel, unions and what is sensitive.
/// </summary>
public sealed class ServiceModelTests
{
    private static readonly string[] ControlOperations =
    [
        "CreateHarness", "GetHarness", "UpdateHarness", "DeleteHarness", "ListHarnesses", "ListHarnessVersions",
        "CreateHarnessEndpoint", "GetHarnessEndpoint", "UpdateHarnessEndpoint", "DeleteHarnessEndpoint", "ListHarnessEndpoints",
        "TagResource", "UntagResource", "ListTagsForResource", "PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy",
        "CreateApiKeyCredentialProvider", "GetApiKeyCredentialProvider", "UpdateApiKeyCredentialProvider", "DeleteApiKeyCredentialProvider", "ListApiKeyCredentialProviders",
        "GetTokenVault", "SetTokenVaultCMK",
        "CreateWorkloadIdentity", "GetWorkloadIdentity", "UpdateWorkloadIdentity", "DeleteWorkloadIdentity", "ListWorkloadIdentities",
    ];

    private static readonly string[] DataOperations =
    [
        "InvokeHarness", "InvokeAgentRuntimeCommand", "StopRuntimeSession",
        "GetWorkloadAccessToken", "GetWorkloadAccessTokenForJWT", "GetWorkloadAccessTokenForUserId", "GetResourceApiKey",
    ];

    /// <summary>Members that newer clients send and the models do not know yet.</summary>
    private static readonly string[] NewerMembers = ["CreateHarnessRequest.hooks", "UpdateHarnessRequest.hooks", "HarnessOpenAiModelConfig.apiBase"];

    /// <summary>
    /// In what we deliberately differ from the models: images of every registry are accepted; the ARN of a credential provider is the one
    /// that the models of a harness take, not one of another service, and may have the underscores that its name may have.
    /// </summary>
    private static readonly string[] Relaxed =
    [
        "ContainerConfiguration.containerUri: pattern",
        "HarnessOpenAiModelConfig.apiKeyArn: pattern",
        "HarnessGeminiModelConfig.apiKeyArn: pattern",
        "HarnessLiteLlmModelConfig.apiKeyArn: pattern",
        "HarnessSkillGitAuth.credentialArn: pattern",
        "CreateApiKeyCredentialProviderResponse.credentialProviderArn: pattern",
        "GetApiKeyCredentialProviderResponse.credentialProviderArn: pattern",
        "UpdateApiKeyCredentialProviderResponse.credentialProviderArn: pattern",
        "ApiKeyCredentialProviderItem.credentialProviderArn: pattern",
    ];

    public static TheoryData<string> Operations => [.. ControlOperations, .. DataOperations];

    [Theory]
    [MemberData(nameof(Operations))]
    public void Records_MatchTheModel(string operation)
    {
        var model = Model(operation);
        var comparison = new Comparison(model);
        var declared = model.Operation(operation);

        comparison.Structure(RecordNamed(operation + "Request"), declared.GetProperty("input").GetProperty("shape").GetString()!);
        var output = declared.GetProperty("output").GetProperty("shape").GetString()!;
        if (RecordOrNull(operation + "Response") is { } response)
        {
            comparison.Structure(response, output);
        }
        else if (operation == "InvokeHarness")
        {
            comparison.Events(output);
        }
        else
        {
            Assert.Empty(model.Shape(output).GetProperty("members").EnumerateObject());
        }

        if (operation == "InvokeAgentRuntimeCommand")
        {
            comparison.Event(typeof(ResponseChunk), output, "chunk");
        }

        var differences = comparison.Differences.Except(Relaxed).ToList();
        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [Fact]
    public void Delta_KnowsTheNewerMembers()
    {
        var delta = ServiceModel.Delta;
        Assert.SkipWhen(delta is null, $"The list of newer members is not there; {NewerMembers.Length} members unchecked. Name the models' folder in BELAY_MODELS.");

        var known = delta!.Value.GetProperty("planes").EnumerateObject()
            .SelectMany(plane => plane.Value.GetProperty("shapes").GetProperty("changed").EnumerateObject())
            .ToLookup(shape => shape.Name, shape => shape.Value.GetRawText());
        foreach (var member in NewerMembers)
        {
            var (shape, name) = (member.Split('.')[0], member.Split('.')[1]);
            Assert.Contains(known[shape], text => text.Contains($"\"{name}\"", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Operations_HaveTheModelsRoutes()
    {
        var world = new TestCatalog();
        await using var engine = new EngineWorld();
        var operations = ServerComposition.Published(world.Catalog, world.Identity, new OperationDriver.PlainPageTokens(), engine.Resolver, engine.Host, IdSource.System);

        Assert.Equal(ControlOperations.Concat(DataOperations).Order(StringComparer.Ordinal), operations.Select(operation => operation.Name).Order(StringComparer.Ordinal));
        foreach (var operation in operations)
        {
            var http = Model(operation.Name).Operation(operation.Name).GetProperty("http");
            Assert.Equal((http.GetProperty("method").GetString(), http.GetProperty("requestUri").GetString()), (operation.Method, operation.Template));
        }
    }

    private static ServiceModel Model(string operation) => ServiceModel.Require(
        DataOperations.Contains(operation) ? ServiceModel.Data : ServiceModel.Control, ControlOperations.Length + DataOperations.Length);

    private static Type RecordNamed(string name) => RecordOrNull(name) ?? throw new InvalidOperationException($"There is no record {name}.");

    private static Type? RecordOrNull(string name) => typeof(Harness).Assembly.GetTypes().SingleOrDefault(type => type.IsPublic && type.Name == name);

    private sealed class Comparison(ServiceModel model)
    {
        private readonly HashSet<(Type, string)> _seen = [];

        public List<string> Differences { get; } = [];

        public void Events(string output)
        {
            var stream = model.Shape(output).GetProperty("members").EnumerateObject().Single(member => model.Shape(ShapeOf(member.Value)).TryGetProperty("eventstream", out _));
            var expected = new Dictionary<string, string>();
            foreach (var member in model.Shape(ShapeOf(stream.Value)).GetProperty("members").EnumerateObject())
            {
                if (!model.Shape(ShapeOf(member.Value)).TryGetProperty("exception", out _))
                {
                    expected[member.Name] = ShapeOf(member.Value);
                }
            }

            var events = typeof(InvocationEvent).Assembly.GetTypes().Where(type => type is { IsAbstract: false } && type.BaseType == typeof(InvocationEvent))
                .ToDictionary(type => ((InvocationEvent)RuntimeHelpers.GetUninitializedObject(type)).EventType);
            Same("events", string.Join(' ', expected.Keys.Order()), string.Join(' ', events.Keys.Order()));
            foreach (var (name, shape) in expected.Where(pair => events.ContainsKey(pair.Key)))
            {
                Structure(events[name], shape);
            }
        }

        public void Event(Type record, string output, string name)
        {
            var stream = model.Shape(output).GetProperty("members").EnumerateObject().Single(member => model.Shape(ShapeOf(member.Value)).TryGetProperty("eventstream", out _));
            Structure(record, ShapeOf(model.Shape(ShapeOf(stream.Value)).GetProperty("members").GetProperty(name)));
        }

        public void Structure(Type record, string shapeName)
        {
            if (!_seen.Add((record, shapeName)))
            {
                return;
            }

            var shape = model.Shape(shapeName);
            Same($"{shapeName}: union", Flag(shape, "union"), record.IsDefined(typeof(UnionAttribute)));
            var properties = record.GetProperties()
                .Where(property => property.GetCustomAttribute<JsonIgnoreAttribute>() is null && property.GetMethod!.GetBaseDefinition().DeclaringType == record)
                .ToDictionary(property => property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(property.Name));
            var required = shape.TryGetProperty("required", out var list) ? list.EnumerateArray().Select(item => item.GetString()).ToHashSet() : [];
            foreach (var member in shape.GetProperty("members").EnumerateObject())
            {
                if (model.Shape(ShapeOf(member.Value)).TryGetProperty("eventstream", out _))
                {
                    continue;
                }

                var path = $"{shapeName}.{member.Name}";
                if (!properties.Remove(member.Name, out var property))
                {
                    Differences.Add($"{path}: missing in {record.Name}");
                    continue;
                }

                Same($"{path}: required", required.Contains(member.Name), property.IsDefined(typeof(RequiredMemberAttribute)));
                Same($"{path}: place", PlaceOf(member), PlaceOf(property));
                Member(path, property, ShapeOf(member.Value));
            }

            foreach (var extra in properties.Keys.Where(name => !NewerMembers.Contains($"{shapeName}.{name}")))
            {
                Differences.Add($"{shapeName}.{extra}: only in {record.Name}");
            }
        }

        private void Member(string path, PropertyInfo property, string shapeName)
        {
            var shape = model.Shape(shapeName);
            var kind = TypeOf(shape);
            var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            var inner = new Dictionary<Part, string>();
            if (kind == "list")
            {
                inner[Part.Item] = ShapeOf(shape.GetProperty("member"));
            }
            else if (kind == "map")
            {
                inner[Part.Key] = ShapeOf(shape.GetProperty("key"));
                inner[Part.Item] = ShapeOf(shape.GetProperty("value"));
            }

            var sensitive = Flag(shape, "sensitive") || inner.Values.Any(name => Flag(model.Shape(name), "sensitive") && TypeOf(model.Shape(name)) == "string");
            Same($"{path}: sensitive", sensitive, property.IsDefined(typeof(SensitiveAttribute)));
            Bounds(path, shape, property, Part.Self);
            foreach (var part in new[] { Part.Item, Part.Key })
            {
                if (inner.TryGetValue(part, out var name))
                {
                    Bounds($"{path}.{part}", model.Shape(name), property, part);
                }
                else if (property.GetCustomAttributes<BoundAttribute>().Any(bound => bound.Of == part))
                {
                    Differences.Add($"{path}: bounds on a {part} that is not there");
                }
            }

            if (kind == "list" && type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
            {
                Value($"{path}[]", type.GetGenericArguments()[0], inner[Part.Item]);
            }
            else if (kind == "map" && type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>) && type.GetGenericArguments()[0] == typeof(string))
            {
                Value($"{path}{{}}", type.GetGenericArguments()[1], inner[Part.Item]);
            }
            else
            {
                Value(path, type, shapeName);
            }
        }

        private void Value(string path, Type type, string shapeName)
        {
            var shape = model.Shape(shapeName);
            if (TypeOf(shape) == "structure" && !Flag(shape, "document"))
            {
                if (type.IsClass && type != typeof(string))
                {
                    Structure(type, shapeName);
                }
                else
                {
                    Differences.Add($"{path}: {type.Name} instead of a record");
                }

                return;
            }

            if (shape.TryGetProperty("enum", out var values))
            {
                var ours = type.IsEnum
                    ? type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? field.Name)
                    : [type.Name];
                Same($"{path}: values", string.Join(' ', values.EnumerateArray().Select(value => value.GetString()).Order()), string.Join(' ', ours.Order()));
                return;
            }

            var expected = TypeOf(shape) switch
            {
                "string" => typeof(string),
                "integer" => typeof(int),
                "long" => typeof(long),
                "float" or "double" => typeof(double),
                "boolean" => typeof(bool),
                "timestamp" => typeof(DateTimeOffset),
                "blob" => typeof(byte[]),
                "structure" => typeof(JsonElement),
                var other => throw new InvalidOperationException($"{path}: the test does not know the type {other}."),
            };
            Same($"{path}: type", expected.Name, type.Name);
        }

        private void Bounds(string path, JsonElement shape, PropertyInfo property, Part part)
        {
            var bound = property.GetCustomAttributes<BoundAttribute>().SingleOrDefault(bound => bound.Of == part) ?? new BoundAttribute { Of = part };
            var isEnum = shape.TryGetProperty("enum", out _);
            foreach (var (name, ours) in new[] { ("min", bound.Min), ("max", bound.Max) })
            {
                var theirs = !isEnum && shape.TryGetProperty(name, out var value) ? value.GetDouble() : double.NaN;
                Same($"{path}: {name}", theirs.ToString(CultureInfo.InvariantCulture), ours.ToString(CultureInfo.InvariantCulture));
            }

            Same($"{path}: pattern", shape.TryGetProperty("pattern", out var pattern) ? pattern.GetString() : null, bound.Pattern);
        }

        private void Same<T>(string what, T theirs, T ours)
        {
            if (!EqualityComparer<T>.Default.Equals(theirs, ours))
            {
                Differences.Add(Relaxed.Contains(what) ? what : $"{what}: the model has {theirs}, the record {ours}");
            }
        }

        private static string PlaceOf(JsonProperty member) => member.Value.TryGetProperty("location", out var location)
            ? $"{location.GetString()} {(member.Value.TryGetProperty("locationName", out var name) ? name.GetString() : member.Name)}"
            : "body";

        private static string PlaceOf(PropertyInfo property) => property.GetCustomAttribute<BoundToAttribute>() is { } bound
            ? bound.Place switch
            {
                Place.Label => "uri",
                Place.Query => "querystring",
                Place.Header => "header",
                Place.StatusCode => "statusCode",
                _ => "body",
            } is var place && place == "body" ? place : $"{place} {bound.Name}"
            : "body";

        private static string ShapeOf(JsonElement reference) => reference.GetProperty("shape").GetString()!;

        private static string TypeOf(JsonElement shape) => shape.GetProperty("type").GetString()!;

        private static bool Flag(JsonElement shape, string name) => shape.TryGetProperty(name, out var flag) && flag.ValueKind == JsonValueKind.True;
    }
}
