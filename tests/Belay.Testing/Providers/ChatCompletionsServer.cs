using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Belay.Testing.Providers;

/// <summary>
/// An OpenAI-compatible chat-completions server on loopback whose replies the test decides, and which keeps the requests
/// that it received.
/// </summary>
public sealed class ChatCompletionsServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ChatRequest> _requests = new();
    private volatile Func<ChatRequest, ChatReply> _answer;
    private int _numbers;
    private int _callIds;

    private ChatCompletionsServer(Func<ChatRequest, ChatReply> answer)
    {
        _answer = answer;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
        });
        _app = builder.Build();
        _app.Run(HandleAsync);
    }

    /// <summary>Decides what the next requests are answered.</summary>
    public Func<ChatRequest, ChatReply> Answer
    {
        set => _answer = value;
    }

    /// <summary>The <c>apiBase</c> to configure.</summary>
    public Uri BaseUrl { get; private set; } = null!;

    /// <summary>Requests received so far, in order.</summary>
    public IReadOnlyList<ChatRequest> Requests => [.. _requests];

    /// <summary>The model configuration that leads here.</summary>
    public JsonObject Model(string name = "scripted") => new()
    {
        ["liteLlmModelConfig"] = new JsonObject { ["modelId"] = $"openai/{name}", ["apiBase"] = BaseUrl.ToString() },
    };

    /// <summary>Starts a server.</summary>
    public static async Task<ChatCompletionsServer> StartAsync(Func<ChatRequest, ChatReply> answer, CancellationToken cancellationToken)
    {
        var server = new ChatCompletionsServer(answer);
        await server._app.StartAsync(cancellationToken);
        var address = server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        server.BaseUrl = new Uri($"{address}/v1");
        return server;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
    }

    private static string Chunk(ChatRequest request, JsonObject? delta, string? finishReason, ChatUsage? usage)
    {
        var chunk = new JsonObject
        {
            ["id"] = $"chatcmpl-{request.Number}",
            ["object"] = "chat.completion.chunk",
            ["created"] = 1,
            ["model"] = request.Model,
            ["choices"] = delta is null
                ? new JsonArray()
                : new JsonArray(new JsonObject { ["index"] = 0, ["delta"] = delta, ["finish_reason"] = finishReason }),
        };
        if (usage is not null)
        {
            chunk["usage"] = new JsonObject
            {
                ["prompt_tokens"] = usage.Prompt,
                ["completion_tokens"] = usage.Completion,
                ["total_tokens"] = usage.Prompt + usage.Completion,
            };
        }

        return $"data: {chunk.ToJsonString()}\n\n";
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var text = await reader.ReadToEndAsync(context.RequestAborted);
        var request = new ChatRequest(
            Interlocked.Increment(ref _numbers),
            context.Request.Path.Value ?? "",
            context.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString()),
            JsonNode.Parse(text)!.AsObject());
        _requests.Enqueue(request);
        try
        {
            await ReplyAsync(context, request, _answer(request));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller of the model left; there is nobody to answer.
        }
    }

    private async Task ReplyAsync(HttpContext context, ChatRequest request, ChatReply reply)
    {
        switch (reply)
        {
            case ChatReply.Disconnect:
                context.Abort();
                break;
            case ChatReply.Error error:
                context.Response.StatusCode = error.Status;
                context.Response.ContentType = "application/json";
                var body = new JsonObject { ["error"] = new JsonObject { ["message"] = error.Message, ["type"] = "invalid_request_error" } };
                await context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
                break;
            case ChatReply.Raw raw:
                context.Response.ContentType = "text/event-stream";
                await context.Response.WriteAsync(raw.Body, context.RequestAborted);
                break;
            case ChatReply.Streamed stream:
                await StreamAsync(context, request, stream);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private async Task StreamAsync(HttpContext context, ChatRequest request, ChatReply.Streamed stream)
    {
        var response = context.Response;
        var left = context.RequestAborted;
        response.ContentType = "text/event-stream";
        await response.WriteAsync(Chunk(request, new JsonObject { ["role"] = "assistant", ["content"] = "" }, finishReason: null, usage: null), left);
        foreach (var piece in stream.Pieces)
        {
            switch (piece)
            {
                case ChatPiece.Text said:
                    await response.WriteAsync(Chunk(request, new JsonObject { ["content"] = said.Value }, finishReason: null, usage: null), left);
                    break;
                case ChatPiece.ToolCall call:
                    await WriteCallAsync(response, request, call, left);
                    break;
                case ChatPiece.Pause pause:
                    await response.Body.FlushAsync(left);
                    await pause.Until(left);
                    break;
                default:
                    throw new UnreachableException();
            }
        }

        if (stream.FinishReason is not null)
        {
            await response.WriteAsync(Chunk(request, [], stream.FinishReason, usage: null), left);
        }

        await response.Body.FlushAsync(left);
        if (stream.Abort)
        {
            context.Abort();
            return;
        }

        if (stream.Usage is not null)
        {
            await response.WriteAsync(Chunk(request, delta: null, finishReason: null, stream.Usage), left);
        }

        if (stream.FinishReason is not null)
        {
            await response.WriteAsync("data: [DONE]\n\n", left);
        }
    }

    private async Task WriteCallAsync(HttpResponse response, ChatRequest request, ChatPiece.ToolCall call, CancellationToken left)
    {
        var half = call.Arguments.Length / 2;
        var opening = new JsonObject
        {
            ["index"] = call.Index,
            ["id"] = $"call_{Interlocked.Increment(ref _callIds)}",
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = "" },
        };
        await response.WriteAsync(Chunk(request, Calls(opening), finishReason: null, usage: null), left);
        foreach (var fragment in (string[])[call.Arguments[..half], call.Arguments[half..]])
        {
            if (fragment.Length > 0)
            {
                var more = new JsonObject { ["index"] = call.Index, ["function"] = new JsonObject { ["arguments"] = fragment } };
                await response.WriteAsync(Chunk(request, Calls(more), finishReason: null, usage: null), left);
            }
        }

        static JsonObject Calls(JsonObject call) => new() { ["tool_calls"] = new JsonArray(call) };
    }
}
