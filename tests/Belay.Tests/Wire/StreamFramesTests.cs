using System.Text.Json;
using Belay.Contracts;
using Belay.Contracts.EventStream;
using Belay.Contracts.Invocations;
using Belay.Server.Invocations;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;

namespace Belay.Tests.Wire;

/// <summary>Frames that are written by hand, beside the serialiser.</summary>
public sealed class StreamFramesTests
{
    private const string Awkward = "\"quoted\" \\ \n \u0001 <b>&'+ é 🧗 \u2028";

    public static TheoryData<InvocationEvent> Events() =>
    [
        new HarnessMessageStartEvent { Role = HarnessConversationRole.Assistant },
        new HarnessContentBlockStartEvent { ContentBlockIndex = 3, Start = new() { ToolUse = new() { ToolUseId = "t-1", Name = "shell" } } },
        new HarnessContentBlockStartEvent { ContentBlockIndex = 3, Start = new() { ToolUse = new() { ToolUseId = "t-1", Name = "shell", Type = HarnessToolUseType.ToolUse, ServerName = Awkward } } },
        new HarnessContentBlockStartEvent { ContentBlockIndex = 3, Start = new() { ToolUse = new() { ToolUseId = "t-1", Name = "shell", Type = HarnessToolUseType.McpToolUse } } },
        new HarnessContentBlockStartEvent { ContentBlockIndex = 0, Start = new() { ToolResult = new() { ToolUseId = "t-1" } } },
        new HarnessContentBlockStartEvent { ContentBlockIndex = 0, Start = new() { ToolResult = new() { ToolUseId = "t-1", Status = HarnessToolUseStatus.Success } } },
        new HarnessContentBlockStartEvent { ContentBlockIndex = 0, Start = new() { ToolResult = new() { ToolUseId = "t-1", Status = HarnessToolUseStatus.Error } } },
        new HarnessContentBlockDeltaEvent { ContentBlockIndex = 1, Delta = new() { Text = Awkward } },
        new HarnessContentBlockDeltaEvent { ContentBlockIndex = 1, Delta = new() { ToolUse = new() { Input = Awkward } } },
        new HarnessContentBlockDeltaEvent { ContentBlockIndex = 1, Delta = new() { ToolResult = [new() { Text = Awkward }] } },
        new HarnessContentBlockDeltaEvent { ContentBlockIndex = 1, Delta = new() { ToolResult = [new() { Text = "a" }, new() { Text = "b" }] } },
        new HarnessContentBlockDeltaEvent { ContentBlockIndex = 1, Delta = new() { ReasoningContent = new() { Text = Awkward } } },
        new HarnessContentBlockStopEvent { ContentBlockIndex = 7 },
        new HarnessMessageStopEvent { StopReason = HarnessStopReason.ToolUse },
    ];

    [Theory]
    [MemberData(nameof(Events))]
    public async Task Frame_HasTheBytesOfTheSerialiser(InvocationEvent item)
    {
        using var payload = new MemoryStream();
        using (var json = new Utf8JsonWriter(payload, OperationCall.WriterOptions))
        {
            JsonSerializer.Serialize(json, item, BelayJson.Default.GetTypeInfo(item.GetType())!);
        }

        var http = new DefaultHttpContext();
        using var body = new MemoryStream();
        http.Response.Body = body;
        var stream = new EventStreamResponse(http.Response, TimeSpan.FromSeconds(30), TimeProvider.System);

        await StreamFrames.WriteAsync(stream, item, default);
        await stream.FlushAsync(default);

        var frame = body.ToArray();
        var headers = EventStreamWriter.EventHeaders(item.EventType).Length;
        Assert.Equal(payload.ToArray(), frame[(EventStreamWriter.PreludeBytes + headers)..^sizeof(uint)]);
    }
}
