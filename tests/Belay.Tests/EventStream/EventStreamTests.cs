using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Belay.Contracts.EventStream;
using FsCheck;
using FsCheck.Fluent;

namespace Belay.Tests.EventStream;

public sealed class EventStreamTests
{
    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("123456789", 0xCBF43926u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void Crc32_IsZlibs(string text, uint sum) => Assert.Equal(sum, Crc32.Compute(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Crc32_InPieces_IsTheSame()
    {
        var bytes = new byte[257];
        new System.Random(1).NextBytes(bytes);

        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            Assert.Equal(Crc32.Compute(bytes), Crc32.Append(Crc32.Compute(bytes.AsSpan(0, cut)), bytes.AsSpan(cut)));
        }
    }

    [Fact]
    public void MessageStart_IsByteExact()
    {
        var frame = Frame(EventStreamWriter.EventHeaders("messageStart"), """{"role":"assistant"}""");

        Assert.Equal(
            "0000007600000052" + "96d5fade"
            + "0d3a6d6573736167652d74797065" + "070005" + "6576656e74"
            + "0b3a6576656e742d74797065" + "07000c" + "6d6573736167655374617274"
            + "0d3a636f6e74656e742d74797065" + "070010" + "6170706c69636174696f6e2f6a736f6e"
            + "7b22726f6c65223a22617373697374616e74227d" + "1cc6be18",
            Convert.ToHexStringLower(frame));
    }

    [Fact]
    public void RuntimeClientError_IsByteExact()
    {
        var frame = Frame(EventStreamWriter.ExceptionHeaders("runtimeClientError"), """{"message":"boom"}""");

        Assert.Equal(130, frame.Length);
        Assert.Equal("0000008200000060" + "e3b65dc3", Convert.ToHexStringLower(frame.AsSpan(0, 12)));
        Assert.Equal("27a19748", Convert.ToHexStringLower(frame.AsSpan(126)));
    }

    [Fact]
    public void PositiveVectors_DecodeAndEncode()
    {
        var folder = Vectors.Require("event-stream", 5);
        var files = Directory.GetFiles(Path.Combine(folder, "encoded/positive"));
        foreach (var file in files)
        {
            var bytes = File.ReadAllBytes(file);
            using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "decoded/positive", Path.GetFileName(file))));

            var message = Assert.Single(Decode(bytes, bytes.Length));

            Assert.Equal(expected.RootElement.GetProperty("headers").EnumerateArray().Select(ToHeader), message.Headers);
            Assert.Equal(expected.RootElement.GetProperty("payload").GetBytesFromBase64(), message.Payload.ToArray());
            Assert.Equal(bytes, EventStreamWriter.Encode(message.Headers, message.Payload.Span));
        }

        Assert.Equal(5, files.Length);
    }

    [Fact]
    public void NegativeVectors_AreRefused()
    {
        var files = Directory.GetFiles(Vectors.Require("event-stream/encoded/negative", 4));
        foreach (var file in files)
        {
            var bytes = File.ReadAllBytes(file);
            Assert.Throws<EventStreamException>(() => Decode(bytes, bytes.Length));
        }

        Assert.Equal(4, files.Length);
    }

    [Fact]
    public void EveryFrame_ReadsBack() => Prop.ForAll(
        Frames().ToArbitrary(),
        frames =>
        {
            var bytes = frames.SelectMany(frame => EventStreamWriter.Encode(frame.Headers, frame.Payload.Span)).ToArray();
            return Same(frames, Decode(bytes, 7)) && Same(frames, Decode(bytes, bytes.Length));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void StreamCutAtEveryByte_GivesTheSameFrames()
    {
        byte[] bytes =
        [
            .. EventStreamWriter.Encode([], default),
            .. EventStreamWriter.Encode([new("n", new EventStreamValue.Number64(-1)), new("u", new EventStreamValue.Uuid(Guid.Empty))], new byte[40]),
            .. Frame(EventStreamWriter.EventHeaders("messageStop"), """{"stopReason":"end_turn"}"""),
        ];
        var whole = Decode(bytes, bytes.Length);

        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var reader = new EventStreamReader();
            var got = new List<EventStreamMessage>();
            reader.Append(bytes.AsSpan(0, cut));
            Drain(reader, got);
            Assert.Equal(cut < bytes.Length, got.Count < whole.Count);
            reader.Append(bytes.AsSpan(cut));
            Drain(reader, got);
            Assert.True(Same(whole, got));
            Assert.False(reader.InFrame);
        }
    }

    [Fact]
    public void AnySingleByteChanged_IsRefusedOrIncomplete()
    {
        var frame = Frame(EventStreamWriter.EventHeaders("messageStart"), """{"role":"assistant"}""");
        var random = new System.Random(7);
        for (var round = 0; round < 5000; round++)
        {
            var broken = frame.ToArray();
            broken[random.Next(broken.Length)] ^= (byte)random.Next(1, 256);

            Assert.Throws<EventStreamException>(() => Decode(broken, broken.Length));
        }
    }

    [Fact]
    public void RandomBytes_NeverCrashTheReader()
    {
        var random = new System.Random(11);
        for (var round = 0; round < 5000; round++)
        {
            // A valid prelude and valid sums around garbage headers reach every branch behind the checks.
            var headers = new byte[random.Next(0, 40)];
            random.NextBytes(headers);
            if (headers.Length > 0)
            {
                headers[0] = (byte)random.Next(0, 12);
            }

            var output = new ArrayBufferWriter<byte>();
            EventStreamWriter.Write(output, headers, "{}"u8);
            try
            {
                Assert.Single(Decode(output.WrittenSpan.ToArray(), 13));
            }
            catch (EventStreamException)
            {
            }
        }
    }

    [Theory]
    [InlineData(16 + EventStreamReader.MaxHeaderBytes + 1, EventStreamReader.MaxHeaderBytes + 1)]
    [InlineData(16 + EventStreamReader.MaxPayloadBytes + 1, 0)]
    [InlineData(int.MaxValue, 0)]
    [InlineData(uint.MaxValue, uint.MaxValue)]
    [InlineData(20, int.MaxValue)]
    [InlineData(20, 5)]
    [InlineData(3, 0)]
    public void LengthsOutOfBounds_AreRefusedFromThePrelude(uint total, uint headers)
    {
        var prelude = new byte[EventStreamWriter.PreludeBytes];
        BinaryPrimitives.WriteUInt32BigEndian(prelude, total);
        BinaryPrimitives.WriteUInt32BigEndian(prelude.AsSpan(4), headers);
        BinaryPrimitives.WriteUInt32BigEndian(prelude.AsSpan(8), Crc32.Compute(prelude.AsSpan(0, 8)));

        Assert.Throws<EventStreamException>(() => Decode(prelude, prelude.Length));
    }

    [Fact]
    public async Task StreamThatEndsInsideAFrame_IsAnError()
    {
        var frame = Frame(EventStreamWriter.EventHeaders("messageStart"), "{}");
        using var stream = new MemoryStream([.. frame, .. frame[..^1]]);
        var seen = 0;

        await Assert.ThrowsAsync<EventStreamException>(async () =>
        {
            await foreach (var message in EventStreamReader.ReadAllAsync(stream, CancellationToken.None))
            {
                Assert.Equal(("event", "messageStart"), (message.MessageType, message.EventType));
                seen++;
            }
        });
        Assert.Equal(1, seen);
    }

    private static byte[] Frame(ReadOnlyMemory<byte> headers, string payload)
    {
        var output = new ArrayBufferWriter<byte>();
        EventStreamWriter.Write(output, headers.Span, Encoding.UTF8.GetBytes(payload));
        return output.WrittenSpan.ToArray();
    }

    private static List<EventStreamMessage> Decode(byte[] bytes, int step)
    {
        var reader = new EventStreamReader();
        var messages = new List<EventStreamMessage>();
        for (var i = 0; i < bytes.Length; i += step)
        {
            reader.Append(bytes.AsSpan(i, Math.Min(step, bytes.Length - i)));
            Drain(reader, messages);
        }

        return messages;
    }

    private static void Drain(EventStreamReader reader, List<EventStreamMessage> messages)
    {
        while (reader.TryRead(out var message))
        {
            messages.Add(message);
        }
    }

    private static bool Same(List<EventStreamMessage> left, List<EventStreamMessage> right) =>
        left.Count == right.Count && left.Zip(right).All(pair =>
            pair.First.Headers.SequenceEqual(pair.Second.Headers) && pair.First.Payload.Span.SequenceEqual(pair.Second.Payload.Span));

    private static Gen<List<EventStreamMessage>> Frames()
    {
        var bytes = ArbMap.Default.GeneratorFor<byte[]>();
        var text = ArbMap.Default.GeneratorFor<string>().Where(value => value is not null && !value.Any(char.IsSurrogate));
        var value = Gen.OneOf(
            ArbMap.Default.GeneratorFor<bool>().Select(EventStreamValue (item) => new EventStreamValue.Bool(item)),
            ArbMap.Default.GeneratorFor<sbyte>().Select(EventStreamValue (item) => new EventStreamValue.Number8(item)),
            ArbMap.Default.GeneratorFor<short>().Select(EventStreamValue (item) => new EventStreamValue.Number16(item)),
            ArbMap.Default.GeneratorFor<int>().Select(EventStreamValue (item) => new EventStreamValue.Number32(item)),
            ArbMap.Default.GeneratorFor<long>().Select(EventStreamValue (item) => new EventStreamValue.Number64(item)),
            bytes.Select(EventStreamValue (item) => new EventStreamValue.Binary(item)),
            text.Select(EventStreamValue (item) => new EventStreamValue.Text(item)),
            ArbMap.Default.GeneratorFor<long>().Select(EventStreamValue (item) => new EventStreamValue.Time(item)),
            ArbMap.Default.GeneratorFor<Guid>().Select(EventStreamValue (item) => new EventStreamValue.Uuid(item)));
        var name = text.Select(item => item.Length == 0 ? "x" : item[..Math.Min(item.Length, 60)]);
        var header = name.SelectMany(key => value.Select(item => new EventStreamHeader(key, item)));
        return header.ListOf().SelectMany(headers => bytes.Select(payload => new EventStreamMessage(headers.ToList(), payload)))
            .ListOf().Select(frames => frames.ToList());
    }

    private static EventStreamHeader ToHeader(JsonElement header)
    {
        var value = header.GetProperty("value");
        return new(header.GetProperty("name").GetString()!, header.GetProperty("type").GetInt32() switch
        {
            0 or 1 => new EventStreamValue.Bool(value.GetBoolean()),
            2 => new EventStreamValue.Number8(value.GetSByte()),
            3 => new EventStreamValue.Number16(value.GetInt16()),
            4 => new EventStreamValue.Number32(value.GetInt32()),
            5 => new EventStreamValue.Number64(value.GetInt64()),
            6 => new EventStreamValue.Binary(value.GetBytesFromBase64()),
            7 => new EventStreamValue.Text(Encoding.UTF8.GetString(value.GetBytesFromBase64())),
            8 => new EventStreamValue.Time(value.GetInt64()),
            _ => new EventStreamValue.Uuid(new Guid(value.GetBytesFromBase64(), bigEndian: true)),
        });
    }
}
