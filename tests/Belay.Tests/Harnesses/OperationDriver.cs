using System.Text.Json.Nodes;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;
using Belay.Server.Wire;
using Belay.Storage;
using Belay.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Belay.Tests.Harnesses;

/// <summary>Calls the handlers of operations as the server does, without a socket.</summary>
internal static class OperationDriver
{
    /// <summary>Serves one call. Each member travels in every place where it could be looked for.</summary>
    public static async Task<OperationAnswer> CallAsync(Operation operation, Scope scope, JsonObject members)
    {
        var http = new DefaultHttpContext();
        var answer = new MemoryStream();
        http.Response.Body = answer;
        http.Request.Method = operation.Method;
        http.Request.ContentType = "application/json";
        var query = QueryString.Create(members
            .Where(member => member.Value is JsonValue or JsonArray && InQuery(operation, member.Key))
            .SelectMany(member => (member.Value is JsonArray list ? list.Select(item => item!.ToString()) : [member.Value!.ToString()])
                .Select(value => KeyValuePair.Create(member.Key, (string?)value))));
        http.Features.Get<IHttpRequestFeature>()!.RawTarget = Path(operation.Template, members) + query;
        var labels = members.Where(member => operation.Template.Contains('{' + member.Key + '}', StringComparison.Ordinal))
            .ToDictionary(member => member.Key, member => member.Value!.ToString());
        foreach (var (name, value) in members.Where(member => member.Key.StartsWith("X-Amzn-", StringComparison.Ordinal) || member.Key.StartsWith("X-Belay-", StringComparison.Ordinal)))
        {
            http.Request.Headers[name] = value!.ToString();
        }

        var body = System.Text.Encoding.UTF8.GetBytes(members.ToJsonString());
        var call = new OperationCall(http, operation, new Caller(scope, "BELAYTEST"), "request", labels, body) { Trace = TraceContext.Begin(IdSource.System) };
        try
        {
            await operation.HandleAsync(call, default);
        }
        catch (ServiceException fault)
        {
            return new(0, null, fault);
        }

        return new(http.Response.StatusCode, http.Response.ContentType != "application/json" ? null : JsonNode.Parse(answer.ToArray()), null);
    }

    // The native API refuses what it does not know in a query.
    private static bool InQuery(Operation operation, string name) =>
        operation.About?.Invoke().Input is not { } input || Shape.Of(input).Members.Any(member => member.BoundTo?.Place == Place.Query && member.BoundTo.Name == name);

    private static string Path(string template, JsonObject members) => members.Aggregate(
        template, (path, member) => path.Replace('{' + member.Key + '}', Uri.EscapeDataString(member.Value?.ToString() ?? ""), StringComparison.Ordinal));

    /// <summary>Tokens that are the position, bound to the operation and its parameters.</summary>
    public sealed class PlainPageTokens : IPageTokens
    {
        public string Issue(Scope scope, string operation, string parameters, string position) => $"{scope.Account}|{operation}|{parameters}|{Uri.EscapeDataString(position)}";

        public string Read(Scope scope, string operation, string parameters, string token) =>
            token.StartsWith($"{scope.Account}|{operation}|{parameters}|", StringComparison.Ordinal)
                ? Uri.UnescapeDataString(token[(token.LastIndexOf('|') + 1)..])
                : throw ServiceException.Invalid([new FieldProblem("nextToken", "is not one of ours for this request")]);
    }
}

/// <summary>What a call was answered.</summary>
internal sealed record OperationAnswer(int Status, JsonNode? Body, ServiceException? Fault);
