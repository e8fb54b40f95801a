using System.Text.Json;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Sandboxes;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing.Sandboxes;
using Belay.Testing.Tools;
using Belay.Tools;
using Belay.Tools.BuiltIn;

namespace Belay.Tests.Tools;

public sealed class ShellToolTests : ToolContract
{
    protected override ITool Tool { get; } = new ShellTool();

    protected override string Works => """{"command":"effect ran; echo hi"}""";

    protected override string Endless => """{"command":"sleep"}""";

    protected override IReadOnlyList<(string Input, string[] Names)> Mistakes { get; } =
    [
        ("{}", ["'command'"]),
        ("""{"command":7,"timeout":"soon"}""", ["'command'", "'timeout'"]),
        ("""{"command":"","timeout":3601}""", ["'command'", "'timeout'"]),
        ("""{"command":[[[[{}]]]],"timeout":0.5}""", ["'command'", "'timeout'"]),
    ];

    protected override (string Input, string Says)? Much(int bytes, InMemoryDisk disk) => ($$"""{"command":"flood {{bytes}}"}""", "bytes of output left out here");
}

public sealed class FileOperationsToolTests : ToolContract
{
    protected override ITool Tool { get; } = new FileOperationsTool();

    protected override string Works => """{"command":"create","path":"a.txt","file_text":"one"}""";

    protected override IReadOnlyList<(string Input, string[] Names)> Mistakes { get; } =
    [
        ("{}", ["'command'", "'path'"]),
        ("""{"command":7,"path":[]}""", ["'command'", "'path'"]),
        ("""{"command":"fly","path":""}""", ["'command'", "'path'"]),
        ("""{"command":"insert","path":"a"}""", ["'new_str'", "'insert_line'"]),
        ("""{"command":"insert","path":7,"new_str":{},"insert_line":-1}""", ["'path'", "'new_str'", "'insert_line'"]),
        ("""{"command":"view","path":7,"view_range":[[]]}""", ["'path'", "'view_range'"]),
    ];

    protected override (string Input, string Says)? Much(int bytes, InMemoryDisk disk)
    {
        disk.Write("much", new byte[bytes]);
        return ("""{"command":"view","path":"much"}""", "files over 1 MiB are not opened here");
    }
}

public sealed class RetrieveOffloadedContentToolTests : ToolContract
{
    private const string Path = ".belay/results/a.txt";
    private static readonly Block.ToolResult Whole = new("a", HarnessToolUseStatus.Success, [new ToolContent.Text(new string('x', 32 * 1024 * 1024))]);

    protected override ITool Tool { get; } = new RetrieveOffloadedContentTool();

    protected override string Works => $$"""{"path":"{{Path}}","offset":7}""";

    protected override IReadOnlyList<(string Input, string[] Names)> Mistakes { get; } =
    [
        ("{}", ["'path'"]),
        ("""{"path":7,"offset":-1,"length":0,"pattern":[]}""", ["'path'", "'offset'", "'length'", "'pattern'"]),
        ("""{"path":"a","length":24001,"pattern":""}""", ["'length'", "'pattern'"]),
        ("""{"path":"a","pattern":"two\nlines"}""", ["'pattern'"]),
    ];

    protected override (string Input, string Says)? Much(int bytes, InMemoryDisk disk) => ($$"""{"path":"{{Path}}","length":24000}""", "go on with offset 24000");

    protected override OffloadedResults Offloads(ISandboxSource source, InMemoryDisk disk)
    {
        var conversation = new Conversation();
        conversation.Apply(new ToolOutcome("i", Whole, 0, Offloaded: new(Path, 32 * 1024 * 1024, 400)));
        return new(null, source, conversation, (_, _) => Task.FromResult<Block.ToolResult?>(Whole), IdSource.System, TimeProvider.System);
    }
}

public sealed class SandboxShellTests : ToolContract
{
    protected override ITool Tool { get; } = new SandboxShell();

    protected override string Works => """{"command":"effect ran; echo hi"}""";

    protected override string Endless => """{"command":"sleep"}""";

    protected override IReadOnlyList<(string Input, string[] Names)> Mistakes { get; } = [("{}", ["'command'"]), ("""{"command":7}""", ["'command'"])];

    protected override (string Input, string Says)? Much(int bytes, InMemoryDisk disk) => ($$"""{"command":"flood {{bytes}}"}""", "bytes of output left out here");
}

public sealed class FakeToolTests : ToolContract
{
    protected override ITool Tool { get; } = new FakeTool("fake", (_, _, _) => Task.FromResult(new ToolResult(HarnessToolUseStatus.Success, [new ToolContent.Text("Done.")])));

    protected override string Works => """{"any":1}""";
}

/// <summary>An inline function runs at the caller's, so of the contract only what a model is told holds for it.</summary>
public sealed class InlineFunctionSpecTests
{
    [Fact]
    public void Spec_IsWhatTheHarnessSays()
    {
        var schema = JsonElement.Parse("""{"type":"object","properties":{"amount":{"type":"number"}},"required":["amount"]}""");

        var spec = new InlineFunction("approve", new() { Description = "Asks.", InputSchema = schema }).Spec;

        ToolContract.AssertValid(spec);
        Assert.True(spec.HandedToClient);
    }
}
