using System.Text;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Models.OpenAiResponses;
using Belay.Testing.Models;
using Belay.Testing.Providers;
using Belay.Tests.Models.Gemini;
using Belay.Tests.Models.OpenAi;
using Belay.Tests.Models.OpenAiResponses;

namespace Belay.Tests.Models;

/// <summary>A reply is the same wherever the network cuts it. Replies of which each parser has its own are cut in its own tests.</summary>
public sealed class ReplyCutTests
{
    private const string Script = "!think Hm — ä.\n!say Ich sehe nach: 🙂, «ä», \"quoted\"\\ and\ttabs.\n!call shell {\"command\":\"echo 'ä'\"}\n!call shell {\"command\":\"pwd\"}\n!usage 11 5";

    public static TheoryData<string> Models { get; } = [.. ScriptedProviders.Formats.Select(model => model.Name)];

    [Theory]
    [MemberData(nameof(Models))]
    public async Task ScriptedReply_CutAtEveryByte_IsWhatTheModelSaid(string name)
    {
        var model = ScriptedProviders.Find(name);
        var bytes = await ReplyAsync(model, Script);

        var printed = ReplyCuts.Print(ParserOf(model.Format), bytes);

        Assert.Contains(" reasoning Hm — ä.", printed, StringComparison.Ordinal);
        Assert.Contains(" text Ich sehe nach: 🙂, «ä», \"quoted\"\\ and\ttabs.", printed, StringComparison.Ordinal);
        Assert.Contains("""{"command":"echo 'ä'"}""", printed, StringComparison.Ordinal);
        Assert.EndsWith("usage 11 5 0 0\nstopped tool_use", printed, StringComparison.Ordinal);
        ReplyCuts.AssertSame(() => ParserOf(model.Format), bytes);
    }

    [Fact]
    public void WholeAnswers_CutAtEveryByte_AreTheSame()
    {
        foreach (var row in OpenAiStreamTests.Streams())
        {
            ReplyCuts.AssertSame(() => new OpenAiStream(streamed: false), Encoding.UTF8.GetBytes(row.Data.Item2.Replace("data: ", "", StringComparison.Ordinal)));
        }

        foreach (var row in ResponsesStreamTests.Streams())
        {
            ReplyCuts.AssertSame(() => new ResponsesStream("here", streamed: false), Encoding.UTF8.GetBytes(row.Data.Item2.Replace("data: ", "", StringComparison.Ordinal)));
        }

        foreach (var row in GeminiStreamTests.Streams())
        {
            ReplyCuts.AssertSame(() => new GeminiStream(), Encoding.UTF8.GetBytes($"[{row.Data.Item2.Replace("data: ", ",", StringComparison.Ordinal).TrimStart(',')}]"));
        }
    }

    private static IReplyParser ParserOf(WireFormat format) => format switch
    {
        WireFormat.ChatCompletions => new OpenAiStream(),
        WireFormat.Responses => new ResponsesStream("here"),
        WireFormat.Messages => new AnthropicStream(),
        WireFormat.GenerateContent => new GeminiStream(),
        WireFormat.Converse => new BedrockStream(),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>The bytes with which a scripted provider answers a script, asked by the real client.</summary>
    private static async Task<byte[]> ReplyAsync(ScriptedProviderModel model, string script)
    {
        var replies = new ScriptedReplies(TimeProvider.System);
        using var transport = new Recorder(new ScriptedProviderHandler(replies));
        await foreach (var one in ScriptedClient.Of(model, transport, TimeProvider.System).StreamAsync(ModelContract.Request(script), CancellationToken.None))
        {
            Assert.NotNull(one);
        }

        Assert.Empty(replies.Problems);
        return transport.Reply;
    }

    /// <summary>Keeps the bytes of the last reply.</summary>
    private sealed class Recorder(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        public byte[] Reply { get; private set; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            Reply = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            var content = new ByteArrayContent(Reply);
            content.Headers.ContentType = response.Content.Headers.ContentType;
            response.Content = content;
            return response;
        }
    }
}
