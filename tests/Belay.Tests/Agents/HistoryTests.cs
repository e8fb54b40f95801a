using Belay.Agents;
using static Belay.Tests.Models.Conversations;

namespace Belay.Tests.Agents;

public sealed class HistoryTests
{
    [Fact]
    public void WhatIsShown_BeginsWithTheUser_AndHoldsNoBlankMessage()
    {
        Message[] messages = [Assistant(Text(" "), Text("Hello.")), User(Text(""), Text("\n")), Assistant(Text("")), User(Text(""), Text("Hi"))];

        var shown = History.ForModel(messages);

        Assert.Equal(
            ["User: [start of the conversation]", "Assistant: Hello.", "User: [blank text]", "Assistant: [blank text]", "User: |Hi"],
            shown.Select(message => $"{message.Role}: {string.Join('|', message.Blocks.Cast<Block.Text>().Select(text => text.Value))}"));
        Assert.Same(shown[0], History.ForModel(messages)[0]);
        Assert.Same(messages[3], shown[4]);
    }

    [Fact]
    public void BlankTextThatItsProviderSigned_Stays()
    {
        var signed = Assistant(Text("") with { State = State("gemini", "m", """{"thoughtSignature":"s"}""") });
        Message[] messages = [User(Text("Hi")), signed, User(Text("Go on."))];

        Assert.Same(messages, History.ForModel(messages));
    }
}
