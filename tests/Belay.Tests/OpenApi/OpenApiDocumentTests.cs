using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts.Validation;
using Belay.Server.OpenApi;
using Belay.Server.Wire;
using Belay.Tests.Cli;
using Belay.Tests.Wire;
using Microsoft.OpenApi.Reader;
using OpenApiDocument = Belay.Server.OpenApi.OpenApiDocument;

namespace Belay.Tests.OpenApi;

public sealed class OpenApiDocumentTests : IAsyncLifetime
{
    private NativeServer _server = null!;

    private IEnumerable<Operation> Native => _server.Parts.Operations.Where(operation => NativeApi.Covers(operation.Template));

    public async ValueTask InitializeAsync() => _server = await NativeServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Document_IsTheGoldenText_AndAnybodyMayReadIt()
    {
        var answer = await _server.SendAsync(HttpMethod.Get, OpenApiDocument.Path);

        Assert.Equal(200, answer.Status);
        GoldenFile.Matches("openapi", answer.Body, ".json");
    }

    [Fact]
    public async Task Document_IsValid_AndHasEveryNativeOperationAndNoOther()
    {
        var answer = await _server.SendAsync(HttpMethod.Get, OpenApiDocument.Path);
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(answer.Body));

        var read = await OpenApiDocumentReader(stream);

        Assert.Empty(read.Diagnostic!.Errors);
        Assert.Empty(read.Diagnostic.Warnings);
        var parameters = read.Document!.Paths.SelectMany(path => path.Value.Operations!.SelectMany(
            operation => (operation.Value.Parameters ?? []).Select(parameter => $"{operation.Value.OperationId} {parameter.In} {parameter.Name}")));
        Assert.Empty(parameters.GroupBy(parameter => parameter).Where(group => group.Count() > 1).Select(group => group.Key));
        var documented = read.Document!.Paths.SelectMany(path => path.Value.Operations!.Select(operation => $"{operation.Key} {path.Key} {operation.Value.OperationId}"));
        var served = Native.Select(operation => $"{operation.Method} {operation.Template} {operation.Name}").Append($"GET {OpenApiDocument.Path} GetOpenApiDocument");
        Assert.Equal(served.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task EveryPathOfTheDocument_IsServed()
    {
        var paths = (await _server.SendAsync(HttpMethod.Get, OpenApiDocument.Path)).Json.GetProperty("paths");
        foreach (var path in paths.EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                // With what is wrong in it, so that nothing is changed; what counts is that somebody answers.
                var answer = await _server.SignedAsync(new HttpMethod(operation.Name.ToUpperInvariant()), path.Name.Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal), "[]");
                Assert.NotEqual("UnknownOperationException", answer.ErrorType);
                Assert.True(answer.Status is not (500 or 501), $"{operation.Name} {path.Name}: {answer.Body}");
            }
        }
    }

    [Fact]
    public void EveryOperation_HasWords_AndEveryMemberADescription()
    {
        var document = JsonNode.Parse(OpenApiDocument.Of(_server.Parts.Operations))!;

        foreach (var schema in document["components"]!["schemas"]!.AsObject().Where(schema => schema.Key != "Fault"))
        {
            Assert.True(schema.Value!["description"] is not null, schema.Key);
            Assert.All(schema.Value["enum"]?.AsArray() ?? [], value => Assert.False(char.IsAsciiDigit(((string)value!)[0]), $"{schema.Key} travels as a number"));
            foreach (var member in schema.Value["properties"]?.AsObject() ?? [])
            {
                Assert.True(member.Value!["description"] is not null, $"{schema.Key}.{member.Key}");
            }
        }
    }

    [Fact]
    public void EveryExample_KeepsTheRulesOfItsRecord()
    {
        foreach (var operation in Native)
        {
            var about = operation.About!();
            if (about.Output is { } output)
            {
                AssertValid(operation.Name, output, Examples.Of(Shape.Of(output)));
            }

            if (about.Input is { } input)
            {
                var example = (JsonObject)Examples.Of(Shape.Of(input));
                foreach (var member in Shape.Of(input).Members.Where(member => member.BoundTo is not null))
                {
                    example[member.Name] = Examples.Of(member);
                }

                AssertValid(operation.Name, input, example);
            }
        }

        static void AssertValid(string operation, System.Text.Json.Serialization.Metadata.JsonTypeInfo type, JsonNode example)
        {
            var problems = ShapeValidator.Validate(type, JsonSerializer.SerializeToElement(example));
            Assert.True(problems.Count == 0, $"{operation}: {string.Join("; ", problems)}");
        }
    }

    private static Task<ReadResult> OpenApiDocumentReader(Stream stream) =>
        Microsoft.OpenApi.OpenApiDocument.LoadAsync(stream, "json", null, TestContext.Current.CancellationToken);
}
