using System.Text;
using Belay.Agents;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Models.OpenAiResponses;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Models;

/// <summary>One conversation goes on with another provider: what one has written or signed is nothing to the next.</summary>
public sealed class SwitchedProviderTests
{
    private static readonly Action<RequestBuffer, ModelRequest>[] Writers =
    [
        (output, request) => AnthropicRequest.Write(output, "claude-x", request, caching: true),
        (output, request) => BedrockRequest.Write(output, "amazon.nova-pro-v1:0", request, caching: true),
        (output, request) => GeminiRequest.Write(output, "gemini-x", request),
        (output, request) => OpenAiRequest.Write(output, "gpt-x", OpenAiDialect.Plain, request),
        (output, request) => OpenAiRequest.Write(output, "gpt-x", new(IdLength: 9), request),
        (output, request) => OpenAiRequest.Write(output, "claude-x", OpenAiDialect.Plain, request),
        (output, request) => ResponsesRequest.Write(output, "gpt-x", "here", request),
    ];

    [Fact]
    public void WhatOneHasWritten_AnotherDoesNotSend()
    {
        var random = new Random(1);
        for (var day = 0; day < 200; day++)
        {
            var written = new WrittenMessages();
            var messages = new List<Message>();
            for (var turn = 0; turn < 12; turn++)
            {
                messages.AddRange([User(Text($"Question {turn}")), Assistant(Call($"t{turn}")), User(Result($"t{turn}", new ToolContent.Text("one"))), Assistant(Text("Answer"))]);
                var request = Request(tools: true, [.. messages, User(Text("And?"))]);
                var write = Writers[random.Next(Writers.Length)];

                Assert.Equal(Body(write, request), Body(write, request with { Written = written }));
            }
        }
    }

    [Fact]
    public void WhatOneHasSigned_AnotherIsNotShown()
    {
        var signed = Assistant(new Block.Reasoning("Hm.", "signature-canary") { State = State("anthropic", "claude-x") }, Text("Yes.") with { State = State("anthropic", "claude-x", """{"s":"state-canary"}""") });
        var request = Request(tools: true, User(Text("Well?")), signed, User(Text("And?")));

        Assert.Contains("signature-canary", Body(Writers[0], request), StringComparison.Ordinal);
        Assert.All(Writers.Skip(1), write => Assert.DoesNotContain("canary", Body(write, request), StringComparison.Ordinal));
    }

    private static string Body(Action<RequestBuffer, ModelRequest> write, ModelRequest request)
    {
        using var body = new RequestBuffer();
        write(body, request);
        return Encoding.UTF8.GetString(body.Written);
    }
}
