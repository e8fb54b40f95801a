using System.Text;
using Belay.Contracts.EventStream;
using Belay.Models;
using Belay.Models.Anthropic;
using Belay.Models.Bedrock;
using Belay.Models.Gemini;
using Belay.Models.OpenAi;
using Belay.Models.OpenAiResponses;
using Belay.Testing;
using Belay.Tests.Models.Anthropic;
using Belay.Tests.Models.Bedrock;
using Belay.Tests.Models.Gemini;
using Belay.Tests.Models.OpenAi;
using Belay.Tests.Models.OpenAiResponses;

namespace Belay.Tests.Models;

public sealed class ReplyFuzzTests
{
    private const int Seed = 20261121;
    private const long MaxBytes = 4 * 1024 * 1024;

    /// <summary>Streams for each parser: <c>belay test --all</c> tries a million.</summary>
    private static int Mutations => BelayTestSettings.All ? 1_000_000 : 20_000;

    private static readonly byte[][] Words =
    [
        "null"u8.ToArray(), "{}"u8.ToArray(), "[]"u8.ToArray(), "\"\""u8.ToArray(), "-1"u8.ToArray(), "1e999"u8.ToArray(), "\\ud800"u8.ToArray(),
        "\"\\u0000\""u8.ToArray(), "[[[[[[[["u8.ToArray(), "data:"u8.ToArray(), "\n\n"u8.ToArray(), "\r"u8.ToArray(), [0xFF], [0xC3], [0], "true"u8.ToArray(),
    ];

    [Fact]
    public void OpenAi_MutatedStreams_FailOnlyAsTheyMay() =>
        Fuzz([.. OpenAiStreamTests.Streams().Select(row => Encoding.UTF8.GetBytes(row.Data.Item2))], () => new OpenAiStream());

    [Fact]
    public void OpenAi_MutatedWholeAnswers_FailOnlyAsTheyMay() =>
        Fuzz([.. OpenAiStreamTests.Streams().Select(row => Encoding.UTF8.GetBytes(row.Data.Item2.Replace("data: ", "", StringComparison.Ordinal)))], () => new OpenAiStream(streamed: false));

    [Fact]
    public void Responses_MutatedStreams_FailOnlyAsTheyMay() =>
        Fuzz([.. ResponsesStreamTests.Streams().Select(row => Encoding.UTF8.GetBytes(row.Data.Item2))], () => new ResponsesStream("here"));

    [Fact]
    public void Responses_MutatedWholeAnswers_FailOnlyAsTheyMay() =>
        Fuzz([.. ResponsesStreamTests.Streams().Select(row => Encoding.UTF8.GetBytes(row.Data.Item2.Replace("data: ", "", StringComparison.Ordinal)))], () => new ResponsesStream("here", streamed: false));

    [Fact]
    public void Anthropic_MutatedStreams_FailOnlyAsTheyMay() =>
        Fuzz([.. AnthropicStreamTests.Streams().Select(row => Encoding.UTF8.GetBytes(row.Data.Item2))], () => new AnthropicStream());

    [Fact]
    public void Gemini_MutatedStreams_FailOnlyAsTheyMay() =>
        Fuzz([.. GeminiStreamTests.Streams().Select(row => Encoding.UTF8.GetBytes(row.Data.Item2))], () => new GeminiStream());

    [Fact]
    public void Gemini_MutatedArrays_FailOnlyAsTheyMay() =>
        Fuzz([.. GeminiStreamTests.Streams().Select(row => Encoding.UTF8.GetBytes($"[{row.Data.Item2.Replace("data: ", ",", StringComparison.Ordinal).TrimStart(',')}]"))], () => new GeminiStream());

    [Fact]
    public void Bedrock_MutatedStreams_FailOnlyAsTheyMay() =>
        Fuzz([.. BedrockStreamTests.Streams().Select(row => row.Data.Item2)], () => new BedrockStream());

    /// <summary>Mutating the payloads and framing them anew reaches what the checksums otherwise shield.</summary>
    [Fact]
    public void Bedrock_MutatedEvents_FailOnlyAsTheyMay()
    {
        var random = new Random(Seed);
        string[] types = ["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
        var payloads = BedrockStreamTests.Streams().SelectMany(row => Payloads(row.Data.Item2)).ToList();
        for (var i = 0; i < Mutations; i++)
        {
            var frames = Enumerable.Range(0, 4).SelectMany(_ =>
            {
                var payload = Mutate(random, payloads[random.Next(payloads.Count)], payloads[random.Next(payloads.Count)]);
                return Testing.Models.ProviderBytes.Frame("event", ":event-type", types[random.Next(types.Length)], Encoding.Latin1.GetString(payload));
            });
            Feed(random, new BedrockStream(), [.. frames], i);
        }
    }

    private static void Fuzz(IReadOnlyList<byte[]> corpus, Func<IReplyParser> parser)
    {
        var random = new Random(Seed);
        for (var i = 0; i < Mutations; i++)
        {
            var bytes = Mutate(random, corpus[random.Next(corpus.Count)], corpus[random.Next(corpus.Count)]);
            Feed(random, parser(), bytes, i);
        }
    }

    private static void Feed(Random random, IReplyParser parser, byte[] bytes, int mutation)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            var events = new List<ModelEvent>();
            for (var at = 0; at < bytes.Length && !parser.Ended;)
            {
                var count = Math.Min(random.Next(1, 200), bytes.Length - at);
                parser.Feed(bytes.AsSpan(at, count), events);
                at += count;
            }

            parser.End(events);
            Testing.Models.ModelContract.AssertWellFormed(events);
        }
        catch (ModelException)
        {
            // The one way to fail.
        }
        catch (Exception exception)
        {
            Assert.Fail($"Seed {Seed}, mutation {mutation}: {exception}\n{Convert.ToBase64String(bytes)}");
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxBytes);
    }

    private static byte[] Mutate(Random random, byte[] bytes, byte[] other)
    {
        var mutated = new List<byte>(bytes);
        for (var rounds = random.Next(1, 5); rounds > 0; rounds--)
        {
            var at = random.Next(mutated.Count + 1);
            var count = Math.Min(random.Next(1, 30), mutated.Count - at);
            switch (random.Next(6))
            {
                case 0 when at < mutated.Count:
                    mutated[at] = (byte)random.Next(256);
                    break;
                case 1:
                    mutated.RemoveRange(at, count);
                    break;
                case 2:
                    mutated.InsertRange(at, mutated.GetRange(at, count));
                    break;
                case 3:
                    mutated.InsertRange(at, Words[random.Next(Words.Length)]);
                    break;
                case 4 when other.Length > 0:
                    var from = random.Next(other.Length);
                    mutated.InsertRange(at, other.Skip(from).Take(random.Next(1, 100)));
                    break;
                default:
                    mutated.RemoveRange(at, mutated.Count - at);
                    break;
            }
        }

        return [.. mutated];
    }

    private static IEnumerable<byte[]> Payloads(byte[] stream)
    {
        var frames = new EventStreamReader();
        frames.Append(stream);
        var payloads = new List<byte[]>();
        try
        {
            while (frames.TryRead(out var frame))
            {
                payloads.Add(frame.Payload.ToArray());
            }
        }
        catch (EventStreamException)
        {
            // Some streams of the corpus are broken on purpose.
        }

        return payloads.Where(payload => payload.Length > 0);
    }
}
