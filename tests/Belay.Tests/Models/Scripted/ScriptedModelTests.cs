using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Invocations;
using Belay.Models;
using Belay.Testing;
using Belay.Testing.Models;
using Belay.Testing.Sessions;

namespace Belay.Tests.Models.Scripted;

public sealed class ScriptedModelTests
{
    /// <summary>Every example of the how-to, run as it is printed.</summary>
    [Fact]
    public async Task HowTo_TellsTheTruth()
    {
        var path = Path.Combine(Root(), "docs", "how-to", "scripted-model.md");
        using var catalog = Catalog(TimeProvider.System);
        Conversation? conversation = null;
        var replies = 0;
        foreach (var (kind, text) in Fences(await File.ReadAllTextAsync(path)))
        {
            switch (kind)
            {
                case "message":
                    conversation = new Conversation(catalog, text);
                    break;
                case "reply":
                    var printed = await conversation!.ReplyAsync();
                    Assert.Equal(text, text.Contains("\nusage", StringComparison.Ordinal) ? printed : string.Join('\n', printed.Split('\n').Where(line => !line.StartsWith("usage", StringComparison.Ordinal))));
                    replies++;
                    break;
                case "answer":
                    conversation!.Answer(text);
                    break;
                default:
                    break;
            }
        }

        Assert.InRange(replies, 15, 100);
    }

    [Theory]
    [InlineData("Run ls -la", """shell {"command":"ls -la"}""")]
    [InlineData("please run the command `pwd`.", """shell {"command":"pwd"}""")]
    [InlineData("Execute: uname -a", """shell {"command":"uname -a"}""")]
    [InlineData("run echo \"a b\" in the shell", """shell {"command":"echo \"a b\""}""")]
    [InlineData("Can you run `ls -la` and tell me the result?", """shell {"command":"ls -la"}""")]
    [InlineData("Use the shell to list the files and tell me what you see", """shell {"command":"ls -la"}""")]
    [InlineData("What is in your working directory?", """shell {"command":"ls -la"}""")]
    [InlineData("Use the shell to print the working directory.", """shell {"command":"pwd"}""")]
    [InlineData("use the shell to run `date`", """shell {"command":"date"}""")]
    [InlineData("Use a shell to echo hello", """shell {"command":"echo hello"}""")]
    [InlineData("What is the date?", """shell {"command":"date"}""")]
    [InlineData("List the files in /tmp/x", """shell {"command":"ls -la '/tmp/x'"}""")]
    [InlineData("How many files are in /tmp/?", """shell {"command":"find '/tmp/' -maxdepth 1 -type f | wc -l"}""")]
    [InlineData("count the lines of notes.txt", """shell {"command":"wc -l 'notes.txt'"}""")]
    [InlineData("Count the words in `cat a.txt b.txt`", """shell {"command":"cat a.txt b.txt | wc -w"}""")]
    [InlineData("Create a file with \"x\"", """file_operations {"command":"create","path":"notes.txt","file_text":"x\n"}""")]
    [InlineData("Create a file named /tmp/a.txt containing hello world", """file_operations {"command":"create","path":"/tmp/a.txt","file_text":"hello world\n"}""")]
    [InlineData("Save the text 'run and hide' in out.md", """file_operations {"command":"create","path":"out.md","file_text":"run and hide\n"}""")]
    [InlineData("write hello to notes.txt", """file_operations {"command":"create","path":"notes.txt","file_text":"hello\n"}""")]
    [InlineData("Show me notes.txt", """file_operations {"command":"view","path":"notes.txt"}""")]
    [InlineData("call add with {\"a\":1}", """add {"a":1}""")]
    [InlineData("Use the tool `add` with {\"a\": [1, 2]}.", """add {"a": [1, 2]}""")]
    public async Task PlainRequest_CallsTheTool(string text, string call)
    {
        using var catalog = Catalog(TimeProvider.System);

        var reply = (await new Conversation(catalog, text).ReplyAsync()).Split('\n');

        Assert.Equal(call, $"{reply[1]["1 tool ".Length..]} {reply[2]["1 input ".Length..]}");
    }

    [Theory]
    [InlineData("What is the meaning of life?", "I did not understand “What is the meaning of life”.\\n\\nI am Belay's scripted model, not a language model")]
    [InlineData("Hello!", "I am Belay's scripted model, not a language model")]
    [InlineData("", "I am Belay's scripted model, not a language model")]
    [InlineData("summarise", "There is no tool output that I could summarise.")]
    [InlineData("!frobnicate", "I am Belay's scripted model, not a language model. Line 1 of your script is no directive that I know")]
    [InlineData("!say a\n\n!tokens x", "Line 3 of your script needs a number")]
    [InlineData("!call shell {}\nloose", "Line 2 of your script is not a directive")]
    public async Task WhatIsNotUnderstood_IsSaid(string text, string says)
    {
        using var catalog = Catalog(TimeProvider.System);

        var reply = await new Conversation(catalog, text).ReplyAsync();

        Assert.Contains(says, reply, StringComparison.Ordinal);
        Assert.EndsWith("stopped end_turn", reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PartNotUnderstood_IsNamedAfterTheRestIsDone()
    {
        using var catalog = Catalog(TimeProvider.System);
        var conversation = new Conversation(catalog, "Run `ls`, then count the angels on it");

        await conversation.ReplyAsync();
        conversation.Answer("x");

        Assert.Contains("I did not understand this part: “count the angels on it”.", await conversation.ReplyAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ToolThatIsMissing_IsNamed()
    {
        using var catalog = Catalog(TimeProvider.System);

        Assert.Contains("I would need the tool `shell`", await new Conversation(catalog, "Run `ls`", "add").ReplyAsync(), StringComparison.Ordinal);
        Assert.Contains("printf %s 'it'\\\\''s", await new Conversation(catalog, "Write \"it's\" to a.txt", "shell").ReplyAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ErrorOfATool_EndsThePlan()
    {
        using var catalog = Catalog(TimeProvider.System);
        var conversation = new Conversation(catalog, "Read a.txt and count its lines");

        await conversation.ReplyAsync();
        conversation.Answer("no such file", HarnessToolUseStatus.Error);

        Assert.StartsWith("0 text Reading `a.txt` failed:\\n\\n```\\nno such file\\n```", await conversation.ReplyAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_AreOneEventEach_AndCounted()
    {
        using var catalog = Catalog(TimeProvider.System);

        var events = await new Conversation(catalog, "!tokens 500").EventsAsync();

        Assert.Equal(500, events.OfType<ModelEvent.Text>().Count());
        Assert.Equal(500, events.OfType<ModelEvent.Usage>().Single().Tokens.Output);
    }

    [Fact]
    public async Task MaxTokens_CutsTheReply()
    {
        using var catalog = Catalog(TimeProvider.System);

        var events = await new Conversation(catalog, "!tokens 500\n!say more", maxTokens: 10).EventsAsync();

        Assert.Equal(10, events.OfType<ModelEvent.Text>().Count());
        Assert.Equal(HarnessStopReason.MaxTokens, events.OfType<ModelEvent.Stopped>().Single().Reason);
    }

    [Fact]
    public async Task Delay_WaitsOnTheGivenClock()
    {
        var time = new ManualTime();
        using var catalog = Catalog(time);

        var run = new Conversation(catalog, "!delay 60000\n!say done").ReplyAsync();
        Assert.False(run.IsCompleted);
        time.Advance(TimeSpan.FromMinutes(1));

        Assert.StartsWith("0 text done", await run.WaitAsync(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failure_HappensSoManyTimesInARow_AndAgainForTheNextCall()
    {
        using var catalog = Catalog(TimeProvider.System);
        var conversation = new Conversation(catalog, "!fail throttled 2\n!say ok");

        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("! Throttled", await conversation.ReplyAsync());
            Assert.Equal("! Throttled", await conversation.ReplyAsync());
            Assert.StartsWith("0 text ok", await conversation.EventTextAsync(), StringComparison.Ordinal);
        }
    }

    private static ModelCatalog Catalog(TimeProvider time) => new(new ModelSettings(), time);

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Belay.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return folder;
    }

    private static IEnumerable<(string Kind, string Text)> Fences(string page)
    {
        string? kind = null;
        var text = new List<string>();
        foreach (var line in page.Split('\n'))
        {
            if (kind is null && line.StartsWith("```", StringComparison.Ordinal))
            {
                kind = line[3..];
                text.Clear();
            }
            else if (line == "```")
            {
                yield return (kind!, string.Join('\n', text));
                kind = null;
            }
            else
            {
                text.Add(line);
            }
        }
    }

    private sealed class Conversation
    {
        private readonly ResolvedModel _model;
        private readonly IReadOnlyList<string> _tools;
        private readonly List<Message> _messages;
        private List<ModelEvent> _last = [];

        public Conversation(ModelCatalog catalog, string text, string? onlyTool = null, int? maxTokens = null)
        {
            _model = catalog.Resolve(EngineWorld.Scope, new HarnessModelConfiguration { LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = "belay/scripted", MaxTokens = maxTokens } });
            _tools = onlyTool is null ? ["shell", "file_operations", "add"] : [onlyTool];
            _messages = [new Message(HarnessConversationRole.User, [new Block.Text(text)])];
        }

        public async Task<string> ReplyAsync()
        {
            try
            {
                var events = await EventsAsync();
                return ModelEventText.Print(events.Where(one => one is not ModelEvent.BlockClosed));
            }
            catch (ModelException exception)
            {
                return $"{ModelEventText.Print(_last.Where(one => one is not ModelEvent.BlockClosed))}\n! {exception.Failure}".TrimStart('\n');
            }
        }

        public async Task<string> EventTextAsync() => ModelEventText.Print(await EventsAsync());

        public async Task<List<ModelEvent>> EventsAsync()
        {
            var request = new ModelRequest
            {
                System = [],
                Messages = _messages,
                Tools = [.. _tools.Select(ModelContract.Tool)],
                Parameters = _model.Parameters,
            };
            _last = [];
            await foreach (var one in _model.Model.StreamAsync(request, CancellationToken.None))
            {
                _last.Add(one);
            }

            ModelContract.AssertWellFormed(_last);
            return _last;
        }

        /// <summary>Every call of the last reply is answered alike: the shell printed the text, other tools said it.</summary>
        public void Answer(string text, HarnessToolUseStatus status = HarnessToolUseStatus.Success)
        {
            var calls = _last.OfType<ModelEvent.ToolOpened>().Select((call, i) => (Id: $"t{i}", call.Name)).ToList();
            var output = Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(text.Length == 0 ? "" : text + "\n"));
            _messages.Add(new Message(HarnessConversationRole.Assistant, [.. calls.Select(call => Conversations.Call(call.Id))]));
            _messages.Add(new Message(HarnessConversationRole.User, [.. calls.Select(call => new Block.ToolResult(call.Id, status, [
                call.Name == "shell" && status is HarnessToolUseStatus.Success
                    ? Conversations.Json($$"""{"stdout":{{output}},"stderr":"","exit_code":0}""")
                    : new ToolContent.Text(text)]))]));
        }
    }
}
