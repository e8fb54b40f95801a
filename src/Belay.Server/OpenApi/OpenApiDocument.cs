using System.Net.Mime;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Belay.Server.Auth;
using Belay.Server.Wire;

namespace Belay.Server.OpenApi;

/// <summary>
/// The OpenAPI 3.1 document of the native API, made from the operations that are registered and from their contract records: routes, members,
/// bounds and words have one source each, so that it cannot say what the server does not do.
/// </summary>
public static class OpenApiDocument
{
    /// <summary>Where it is. Anybody may read it: it tells what a server of this version can be asked, nothing of what it has.</summary>
    public const string Path = NativeApi.Root + "/openapi.json";

    private const string Json = MediaTypeNames.Application.Json;
    private const string Description = """
        What a self-hosted server answers beyond the AWS wire. Members that are absent are left out, never null; members of a body that nobody
        knows are ignored, those of a query refused; times are UTC in ISO 8601. Errors have one shape, `Fault`, with its code in the header `x-amzn-ErrorType`, too. A request that
        breaks several rules is refused once, naming all of them. Lists that have `nextToken` are read page by page.
        """;

    private static readonly JsonSerializerOptions Written = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly FaultCode[] EveryOperations =
        [FaultCode.ValidationException, FaultCode.AccessDeniedException, FaultCode.ThrottlingException, FaultCode.InternalServerException];

    /// <summary>The endpoint that serves the document of those operations that say something about themselves: the native ones.</summary>
    public static OpenEndpoint Endpoint(IEnumerable<Operation> operations)
    {
        // Made when somebody asks: a start waits for nothing that few will read.
        var document = new Lazy<byte[]>(() => System.Text.Encoding.UTF8.GetBytes(Of(operations)));
        return new(Path, async http =>
        {
            var bytes = document.Value;
            http.Response.ContentType = Json;
            http.Response.ContentLength = bytes.Length;
            await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
        });
    }

    /// <summary>The document as JSON text.</summary>
    public static string Of(IEnumerable<Operation> operations)
    {
        var documentation = ContractDocumentation.Read();
        var schemas = new Schemas(documentation);
        schemas.Add("Fault", Fault());
        var paths = new JsonObject { [Path] = new JsonObject { ["get"] = Self() } };
        foreach (var group in operations.Where(operation => operation.About is not null).GroupBy(operation => operation.Template).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            paths[group.Key] = new JsonObject(group
                .OrderBy(operation => operation.Method, StringComparer.Ordinal)
                .Select(operation => KeyValuePair.Create(operation.Method.ToLowerInvariant(), (JsonNode?)Describe(operation, schemas, documentation))));
        }

        var document = new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "Belay native API",
                ["version"] = typeof(OpenApiDocument).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0],
                ["description"] = string.Join(' ', Description.Split('\n', StringSplitOptions.TrimEntries)),
                ["license"] = new JsonObject { ["name"] = "Apache-2.0", ["identifier"] = "Apache-2.0" },
            },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/" }),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = schemas.Named,
                ["responses"] = new JsonObject(Enum.GetValues<FaultCode>().Select(code => KeyValuePair.Create(code.ToString(), (JsonNode?)Refusal([code], documentation)))),
                ["securitySchemes"] = SecuritySchemes(),
            },
        };
        return document.ToJsonString(Written) + "\n";
    }

    private static JsonObject Describe(Operation operation, Schemas schemas, ContractDocumentation documentation)
    {
        var about = operation.About!(); // Only those that have it are described.
        var description = new JsonObject
        {
            ["operationId"] = operation.Name,
            ["tags"] = new JsonArray(Noun(operation.Template)),
            ["summary"] = about.Summary,
        };
        if (about.Input is { } type)
        {
            var input = Shape.Of(type);
            if (documentation.Of(input.Type.Type) is { } words)
            {
                description["description"] = words;
            }

            AddInput(description, input, schemas);
        }

        if (operation.File is { } file)
        {
            description["requestBody"] = new JsonObject
            {
                ["required"] = true,
                ["content"] = new JsonObject { [file.MediaType] = new JsonObject { ["schema"] = new JsonObject { ["type"] = "string", ["format"] = "binary", ["maxLength"] = file.MaxBytes } } },
            };
        }

        description["responses"] = Responses(about, schemas, documentation);
        description["security"] = Security(operation);
        return description;
    }

    private static void AddInput(JsonObject description, Shape input, Schemas schemas)
    {
        var elsewhere = input.Members.Where(member => member.BoundTo is not null).ToList();
        if (elsewhere.Count > 0)
        {
            description["parameters"] = new JsonArray([.. elsewhere.Select(member => Parameter(input, member, schemas))]);
        }

        var body = input.Members.Where(member => member.BoundTo is null).ToList();
        if (body.Count > 0)
        {
            description["requestBody"] = new JsonObject
            {
                ["required"] = body.Exists(member => member.Required),
                ["content"] = new JsonObject { [Json] = new JsonObject { ["schema"] = schemas.Of(input), ["example"] = Examples.Of(input) } },
            };
        }
    }

    private static JsonObject Parameter(Shape input, Shape.Member member, Schemas schemas)
    {
        var schema = schemas.Of(input, member);
        var words = schema["description"]?.DeepClone();
        schema.Remove("description");
        var parameter = new JsonObject
        {
            ["name"] = member.BoundTo!.Name,
            ["in"] = member.BoundTo.Place switch
            {
                Place.Label => "path",
                Place.Query => "query",
                Place.Header => "header",
                _ => throw new InvalidOperationException($"The member {member.Name} of {input.Type.Type.Name} travels where no parameter does."),
            },
            ["required"] = member.Required,
        };
        if (words is not null)
        {
            parameter["description"] = words;
        }

        parameter["schema"] = schema;
        if (member.Required)
        {
            parameter["example"] = Examples.Of(member);
        }

        return parameter;
    }

    private static JsonObject Responses(OperationAbout about, Schemas schemas, ContractDocumentation documentation)
    {
        var success = new JsonObject { ["description"] = about.Output is { } type && documentation.Of(type.Type) is { } words ? words : "Done." };
        if (about.Output is { } output)
        {
            var shape = Shape.Of(output);
            success["content"] = new JsonObject { [Json] = new JsonObject { ["schema"] = schemas.Of(shape), ["example"] = Examples.Of(shape) } };
        }

        if (about.Event is { } happening)
        {
            var shape = Shape.Of(happening);
            schemas.Of(shape);
            var content = (JsonObject?)success["content"] ?? [];
            success["content"] = content;
            content["text/event-stream"] = new JsonObject
            {
                ["schema"] = new JsonObject
                {
                    ["type"] = "string",
                    ["description"] = $"With `Accept: text/event-stream`: server-sent events. The data of each is one `{shape.Type.Type.Name}` as JSON.",
                },
            };
        }

        var responses = new JsonObject { [$"{about.Status}"] = success };
        foreach (var status in EveryOperations.Concat(about.Faults).Distinct().GroupBy(FaultResponse.Status).OrderBy(group => group.Key))
        {
            responses[$"{status.Key}"] = status.ToList() is [var only]
                ? new JsonObject { ["$ref"] = $"#/components/responses/{only}" }
                : Refusal([.. status], documentation);
        }

        return responses;
    }

    private static JsonObject Refusal(IReadOnlyList<FaultCode> codes, ContractDocumentation documentation)
    {
        // The words begin with the status, which stands beside them here.
        var words = codes.Select(code => $"`{code}`: {documentation.Of(code)?.Split(": ", 2)[^1]}");
        var example = new JsonObject { ["__type"] = codes[0].ToString(), ["message"] = "What was attempted, what was wrong with it, and what to do." };
        if (codes[0] == FaultCode.ValidationException)
        {
            example["reason"] = nameof(ValidationReason.FieldValidationFailed);
            example["fieldList"] = new JsonArray(new JsonObject { ["name"] = "document.detach", ["message"] = "must be true or false" });
        }

        return new()
        {
            ["description"] = string.Join(" ", words),
            ["content"] = new JsonObject { [Json] = new JsonObject { ["schema"] = Schemas.Reference("Fault"), ["example"] = example } },
        };
    }

    private static JsonObject Fault() => (JsonObject)JsonNode.Parse($$"""
        {
          "type": "object",
          "description": "Why a request was not served; the same shape as on the AWS wire.",
          "required": ["__type", "message"],
          "properties": {
            "__type": { "type": "string", "enum": [{{Quoted(Enum.GetNames<FaultCode>())}}] },
            "message": { "type": "string" },
            "reason": { "type": "string", "enum": [{{Quoted(Enum.GetNames<ValidationReason>())}}], "description": "Of a ValidationException." },
            "fieldList": {
              "type": "array",
              "description": "Of a ValidationException: every field that breaks a rule.",
              "items": {
                "type": "object",
                "required": ["name", "message"],
                "properties": {
                  "name": { "type": "string", "description": "Dotted path with indices." },
                  "message": { "type": "string" }
                }
              }
            }
          }
        }
        """)!;

    private static string Quoted(IEnumerable<string> names) => string.Join(", ", names.Select(name => $"\"{name}\""));

    private static JsonArray Security(Operation operation)
    {
        IEnumerable<string> ways = (operation.NeedsAccessKey, operation.Method) switch
        {
            (true, _) => ["sigv4"],
            (false, "GET") => ["sigv4", "bearer", "ticket"],
            _ => ["sigv4", "bearer"],
        };
        return new([.. ways.Select(way => new JsonObject { [way] = new JsonArray() })]);
    }

    private static JsonObject SecuritySchemes() => new()
    {
        ["sigv4"] = new JsonObject
        {
            ["type"] = "apiKey",
            ["in"] = "header",
            ["name"] = "Authorization",
            ["description"] = $"AWS Signature Version 4 with an access key of this server, service name `{SigV4Verifier.Service}`, any region: `curl --aws-sigv4 aws:amz:us-west-2:{SigV4Verifier.Service} --user ID:SECRET`.",
        },
        ["bearer"] = new JsonObject
        {
            ["type"] = "http",
            ["scheme"] = "bearer",
            ["description"] = "A token that CreateToken or `belay keys token` made. It speaks for the account of the key that made it, in the native API only, and cannot make or end access.",
        },
        ["ticket"] = new JsonObject
        {
            ["type"] = "apiKey",
            ["in"] = "query",
            ["name"] = RequestAuthenticator.TicketParameter,
            ["description"] = "A ticket that CreateTicket made, for clients that cannot set headers: good for one GET request, within 30 seconds.",
        },
    };

    private static JsonObject Self() => new()
    {
        ["operationId"] = "GetOpenApiDocument",
        ["tags"] = new JsonArray("document"),
        ["summary"] = "This document.",
        ["responses"] = new JsonObject
        {
            ["200"] = new JsonObject
            {
                ["description"] = "The document.",
                ["content"] = new JsonObject { [Json] = new JsonObject { ["schema"] = new JsonObject { ["type"] = "object" }, ["example"] = new JsonObject { ["openapi"] = "3.1.0" } } },
            },
        },
        ["security"] = new JsonArray(),
    };

    /// <summary>The last fixed segment of a path: what it is about.</summary>
    private static string Noun(string template) => template[(NativeApi.Root.Length + 1)..].Split('/').Last(segment => !segment.StartsWith('{'));
}
