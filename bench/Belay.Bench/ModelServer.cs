using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Belay.Bench;

/// <summary>
/// A provider that thinks for no time: an OpenAI-compatible streaming server on loopback, in a process of its own, so that
/// its garbage and its threads are charged to nobody.
/// </summary>
internal static class ModelServer
{
    private const int AnswerTokens = 16;

    /// <summary>Serves until standard input ends. The first line that it prints is its base address.</summary>
    public static async Task RunAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
        });
        await using var app = builder.Build();
        app.Run(AnswerAsync);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Console.WriteLine($"{address}/v1");
        await Console.In.ReadToEndAsync();
        await app.StopAsync();
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        var script = ModelScript.Parse(body.RootElement.GetProperty("model").GetString()!);
        var (done, said) = (0, 0);
        foreach (var message in body.RootElement.GetProperty("messages").EnumerateArray())
        {
            var role = message.GetProperty("role").GetString();
            done = role == "user" ? 0 : role == "tool" ? done + 1 : done;
            said++;
        }

        context.Response.ContentType = "text/event-stream";
        var reply = done < script.ToolCalls ? ToolCall(script, said) : Text();
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(reply), context.RequestAborted);
    }

    // The number of messages before makes the call's id unique in its session.
    private static string ToolCall(ModelScript script, int said)
    {
        var (name, arguments) = script.Call;
        var reply = new StringBuilder();
        Append(
            reply,
            string.Create(
                CultureInfo.InvariantCulture,
                $$$"""{"role":"assistant","tool_calls":[{"index":0,"id":"call_{{{said}}}","type":"function","function":{"name":"{{{name}}}","arguments":""}}]}"""),
            "null");
        Append(reply, $$$"""{"tool_calls":[{"index":0,"function":{"arguments":"{{{arguments}}}"}}]}""", "null");
        Append(reply, "{}", "\"tool_calls\"");
        return End(reply);
    }

    private static string Text()
    {
        var reply = new StringBuilder();
        for (var i = 0; i < AnswerTokens; i++)
        {
            Append(reply, string.Create(CultureInfo.InvariantCulture, $$$"""{"content":"word{{{i}}} "}"""), "null");
        }

        Append(reply, "{}", "\"stop\"");
        return End(reply);
    }

    private static void Append(StringBuilder reply, string delta, string finishReason) =>
        reply.Append("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":")
            .Append(delta).Append(",\"finish_reason\":").Append(finishReason).Append("}]}\n\n");

    private static string End(StringBuilder reply) =>
        reply.Append("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[],")
            .Append("\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":16,\"total_tokens\":116}}\n\ndata: [DONE]\n\n")
            .ToString();
}
