using System.Text;
using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Harnesses;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Sessions;
using Belay.Testing.Models;
using Belay.Testing.Sessions;
using Belay.Testing.Tools;
using Belay.Tools;
using Belay.Tools.BuiltIn;

namespace Belay.Tests.Sessions;

/// <summary>Large results: the client and the journal have them whole, the model a part, the workspace a file.</summary>
public sealed class OffloadTests
{
    private const string Large = """{"command":"echo begin;flood 5000;echo end"}""";
    private const string Fork = "fork-00000000000000000000000000000001";
    private static readonly string Whole = $"begin\n{new string('x', 5000)}end\n";

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LargeResult_IsAFileAndAPreview_AndTheClientSeesAllOfIt()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", Large)).Say("Done.");

        var events = await world.InvokeAsync(EngineWorld.User("Go"));

        var outcome = Assert.Single((await world.EntriesAsync()).OfType<ToolOutcome>());
        var file = outcome.Offloaded!;
        Assert.Equal((Whole.Length, 400), (file.Characters, file.Preview));
        Assert.Matches(@"^\.belay/results/[-0-9a-f]{36}\.txt$", file.Path);
        Assert.Equal(Whole, TextOf(outcome.Result));
        Assert.Equal(Whole, Encoding.UTF8.GetString(world.Disk.Files["/workspace/" + file.Path]));
        Assert.Equal(Whole, string.Concat(events.OfType<HarnessContentBlockDeltaEvent>().SelectMany(delta => delta.Delta.ToolResult ?? []).Select(item => item.Text)));
        var shown = TextOf(Results(world.Model.Requests[1])[0]);
        Assert.StartsWith($"[5010 characters in {file.Path}; beginning and end follow. retrieve_offloaded_content reads more.]\nbegin\nxxx", shown, StringComparison.Ordinal);
        Assert.EndsWith("\n[… 4610 characters left out, from offset 200 …]\n" + Whole[^200..], shown, StringComparison.Ordinal);
        Assert.All(world.Model.Requests, request => Assert.Contains(request.Tools, tool => tool.Name == RetrieveOffloadedContentTool.Name));
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task ResultAtTheBound_StaysWhole_AndWithoutTheSettingThereIsNoTool()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", """{"command":"flood 800"}""")).Call(("a2", "shell", """{"command":"flood 801"}""")).Say("Done.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        Assert.Equal([true, false], (await world.EntriesAsync()).OfType<ToolOutcome>().Select(outcome => outcome.Offloaded is null));

        await using var without = World(tokens: null);
        without.Model.Call(("a1", "shell", Large)).Call(("a2", RetrieveOffloadedContentTool.Name, """{"path":"x"}""")).Say("Done.");
        await without.InvokeAsync(EngineWorld.User("Go"));
        Assert.Equal(Whole, TextOf(Results(without.Model.Requests[1])[0]));
        Assert.Equal("Unknown tool: retrieve_offloaded_content", TextOf(Results(without.Model.Requests[2])[^1]));
        Assert.All(without.Model.Requests, request => Assert.Equal(["shell"], request.Tools.Select(tool => tool.Name)));
        Assert.All(await without.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    // A model that may not read more is not shown less.
    [Fact]
    public async Task ToolThatIsExcluded_MeansNothingIsOffloaded()
    {
        await using var world = World();
        world.Harness = world.Harness with { AllowedTools = ["shell"] };
        world.Model.Call(("a1", "shell", Large)).Say("Done.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal(Whole, TextOf(Results(world.Model.Requests[1])[0]));
        Assert.Empty(world.Disk.Files);
    }

    [Fact]
    public async Task SandboxThatCannotStoreIt_LeavesTheResultWhole()
    {
        await using var world = World();
        world.Disk.Write(".belay", "a file"u8.ToArray());
        world.Model.Call(("a1", "shell", Large)).Say("Done.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        Assert.Equal(Whole, TextOf(Results(world.Model.Requests[1])[0]));
        Assert.Null(Assert.Single((await world.EntriesAsync()).OfType<ToolOutcome>()).Offloaded);
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task Model_ReadsMore_ByOffsetAndByPattern()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", Large))
            .Reply((request, token) => Read(request, "a2", ",\"offset\":4990,\"length\":20", token))
            .Reply((request, token) => Read(request, "a3", ",\"pattern\":\"END\"", token))
            .Reply((request, token) => Read(request, "a4", ",\"offset\":5010", token))
            .Say("Done.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        var results = Results(world.Model.Requests[^1]).Select(TextOf).ToList();
        Assert.Equal("[characters 4990 to 5010 of 5010]\nxxxxxxxxxxxxxxxxend\n", results[1]);
        Assert.StartsWith("6: …xxx", results[2], StringComparison.Ordinal);
        Assert.EndsWith("xxxend\n", results[2], StringComparison.Ordinal);
        Assert.Equal("Error: 'offset' must be less than 5010, the length of the result, but is 5010", results[3]);
        Assert.All((await world.EntriesAsync()).OfType<ToolOutcome>().Skip(1), outcome => Assert.Null(outcome.Offloaded));
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FileThatIsGoneOrChanged_IsWrittenAgainFromTheJournal(bool changed)
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", Large)).Say("Done.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        var path = Assert.Single(world.Disk.Files).Key;
        world.Crash();
        world.Disk.Clear();
        if (changed)
        {
            world.Disk.Write(path, "something else"u8.ToArray());
        }

        world.Model.Reply((request, token) => Read(request, "a2", ",\"offset\":5000", token)).Say("Read.");
        await world.InvokeAsync(EngineWorld.User("Read it"));

        Assert.Equal("[characters 5000 to 5010 of 5010]\nxxxxxxend\n", TextOf(Results(world.Model.Requests[^1])[^1]));
        Assert.Equal(Whole, Encoding.UTF8.GetString(world.Disk.Files[path]));
        Assert.All(await world.ReplayAsync(), replayed => Assert.Null(replayed.Divergence));
    }

    [Fact]
    public async Task Fork_IsShownTheSamePart_AndReadsTheWholeFromItsPast()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", Large)).Say("Done.");
        await world.InvokeAsync(EngineWorld.User("Go"));
        await world.Forks.ForkAsync(world.Key, new(Fork, null, null, null), CancellationToken);
        world.Disk.Clear();

        // The harness offloads nothing any more; what was offloaded can still be read.
        world.Belay = new();
        world.Model.Reply((request, token) => Read(request, "a2", ",\"length\":10", token)).Say("Read.");
        await using var accepted = await world.Host.InvokeAsync(
            world.Key with { SessionId = Fork }, world.Resolver.Resolve(new(world.Harness, "DEFAULT", world.Belay), world.Request(EngineWorld.User("Read it"))), CancellationToken);
        await EngineWorld.ReadAsync(accepted);

        Assert.Equal(TextOf(Results(world.Model.Requests[1])[0]), TextOf(Results(world.Model.Requests[2])[0]));
        Assert.StartsWith("[characters 0 to 10 of 5010]\nbegin\nxxxx", TextOf(Results(world.Model.Requests[3])[^1]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task JsonAndImages_AreReadableText_AndStayImages()
    {
        await using var world = World();
        var json = JsonElement.Parse($$"""{"stdout":"{{string.Concat(Enumerable.Repeat("line \\\"one\\\"\\n", 200))}}","exit_code":0,"list":[1]}""");
        ToolContent image = new ToolContent.Image("image/png", [1, 2, 3]);
        world.BuiltIns.Add(new FakeTool("look", (_, _, _) => Task.FromResult(new ToolResult(HarnessToolUseStatus.Error, [new ToolContent.Json(json), image, new ToolContent.Text("done 😀")]))));
        world.Model.Call(("a1", "look", "{}")).Say("Done.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        var text = Encoding.UTF8.GetString(Assert.Single(world.Disk.Files).Value);
        Assert.StartsWith("stdout:\nline \"one\"\nline \"one\"\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\nexit_code: 0\nlist: [1]\ndone 😀", text, StringComparison.Ordinal);
        var shown = Results(world.Model.Requests[1])[0];
        Assert.Equal((HarnessToolUseStatus.Error, 2), (shown.Status, shown.Content.Count));
        Assert.Same(image, Assert.IsType<ToolContent.Image>(shown.Content[1]));
    }

    [Fact]
    public void Preview_CutsNoCharacterInTwo()
    {
        for (var length = 500; length < 520; length++)
        {
            var whole = string.Concat(Enumerable.Repeat("😀", length));
            for (var start = 0; start < 2; start++)
            {
                var text = new string('a', start) + whole;
                Block.ToolResult result = new("a", HarnessToolUseStatus.Success, [new ToolContent.Text(text)]);
                var shown = TextOf(OffloadedText.Preview(result, new(".belay/results/a.txt", text.Length, 402)));
                Assert.Equal(shown, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(shown)));
            }
        }
    }

    // Shortening on overflow keeps the first 200 characters, and with them the name.
    [Fact]
    public async Task PreviewThatIsShortened_StillNamesItsFile()
    {
        await using var world = World();
        world.Model.Call(("a1", "shell", Large)).Fail(ModelFailure.ContextTooLong).Say("Done.");

        await world.InvokeAsync(EngineWorld.User("Go"));

        var path = Assert.Single((await world.EntriesAsync()).OfType<ToolOutcome>()).Offloaded!.Path;
        var shown = TextOf(Results(world.Model.Requests[2])[0]);
        Assert.InRange(shown.Length, 400, 450);
        Assert.Contains($"{path}; beginning and end follow. retrieve_offloaded_content reads more.]", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnswersOfTheCaller_StayWhole()
    {
        await using var world = World();
        world.Harness = world.Harness with { Tools = [EngineWorld.Inline("ask")] };
        world.Model.Call(("a1", "ask", "{}")).Say("Done.");
        await world.InvokeAsync(EngineWorld.User("Go"));

        await world.InvokeAsync(EngineWorld.Results(("a1", Whole)));

        Assert.Equal(Whole, TextOf(Results(world.Model.Requests[1])[0]));
        Assert.Empty(world.Disk.Files);
    }

    [Fact]
    public async Task WriteThatHangs_IsGivenUp()
    {
        await using var world = World();
        var results = new OffloadedResults(200, new Never(), new(), (_, _) => Task.FromResult<Block.ToolResult?>(null), Belay.Storage.IdSource.System, world.Time);

        var storing = results.StoreAsync(new ShellTool().Spec, new("a", HarnessToolUseStatus.Success, [new ToolContent.Text(Whole)]), CancellationToken);
        world.Time.Advance(TimeSpan.FromSeconds(10));

        Assert.Null(await storing);
    }

    private static EngineWorld World(int? tokens = 200)
    {
        var settings = new BelaySettings();
        var world = new EngineWorld
        {
            Belay = tokens is { } above ? settings with { Document = new Dictionary<string, JsonElement> { ["offloadToolResultsAbove"] = JsonElement.Parse($"{above}") } } : settings,
        };
        world.BuiltIns.Add(new RetrieveOffloadedContentTool());
        return world;
    }

    private static List<Block.ToolResult> Results(ModelRequest request) => [.. request.Messages.SelectMany(message => message.Blocks).OfType<Block.ToolResult>()];

    private static string TextOf(Block.ToolResult result) => Assert.IsType<ToolContent.Text>(result.Content[0]).Value;

    // The model takes the path from what it is shown.
    private static IAsyncEnumerable<ModelEvent> Read(ModelRequest request, string id, string more, CancellationToken cancellationToken)
    {
        var path = TextOf(Results(request)[0]).Split(" in ")[1].Split(';')[0];
        return FakeModel.Yield(FakeModel.Calls((id, RetrieveOffloadedContentTool.Name, $$"""{"path":"{{path}}"{{more}}}""")), cancellationToken);
    }

    private sealed class Never : ISandboxSource
    {
        public async ValueTask<ISandbox> GetAsync(CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw new System.Diagnostics.UnreachableException();
        }
    }
}
