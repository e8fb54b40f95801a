using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts.Invocations;
using Belay.Sandboxes;
using Belay.Testing.Sandboxes;
using Belay.Tools;

namespace Belay.Testing.Tools;

/// <summary>What every tool does that runs here, whatever it is for. Its sandbox is the one in memory.</summary>
public abstract partial class ToolContract : IAsyncDisposable
{
    private const int MuchOutput = 32 * 1024 * 1024;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private readonly InMemoryDisk _disk = new();
    private readonly InMemorySandbox _sandbox;

    protected ToolContract() => _sandbox = new("sandbox", _disk, TimeProvider.System);

    /// <summary>The tool; the same one for the whole test.</summary>
    protected abstract ITool Tool { get; }

    /// <summary>Arguments with which it succeeds.</summary>
    protected abstract string Works { get; }

    /// <summary>Arguments with which it runs until it is stopped; null when only its sandbox can keep it waiting.</summary>
    protected virtual string? Endless => null;

    /// <summary>Arguments that make its sandbox say or hold as many bytes as asked, and what the answer must say of that; null when it brings nothing back.</summary>
    protected virtual (string Input, string Says)? Much(int bytes, InMemoryDisk disk) => null;

    /// <summary>Wrong arguments, and what the answer must name; none when it takes whatever comes.</summary>
    protected virtual IReadOnlyList<(string Input, string[] Names)> Mistakes => [];

    /// <summary>Results that are shown in part; null when the tool knows none.</summary>
    protected virtual OffloadedResults? Offloads(ISandboxSource source, InMemoryDisk disk) => null;

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _sandbox.DisposeAsync();
    }

    [Fact]
    public void Spec_IsOneThatEveryProviderTakes_AndStaysTheSame()
    {
        AssertValid(Tool.Spec);

        Assert.Same(Tool.Spec, Tool.Spec);
    }

    [Fact]
    public async Task Result_IsReadable()
    {
        var result = await RunAsync(Works);

        Assert.Equal(HarnessToolUseStatus.Success, result.Status);
        AssertReadable(result);
    }

    [Fact]
    public async Task WrongArguments_AreAllNamed_AndNothingRuns()
    {
        foreach (var (input, names) in Mistakes)
        {
            var result = await RunAsync(input, new Source(() => throw new InvalidOperationException($"{input} asked for the sandbox.")));

            Assert.Equal(HarnessToolUseStatus.Error, result.Status);
            var text = Assert.IsType<ToolContent.Text>(Assert.Single(result.Content)).Value;
            Assert.All(names, name => Assert.Contains(name, text, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("\"text\"")]
    [InlineData("[]")]
    [InlineData("[{\"command\":\"x\"}]")]
    [InlineData("{}")]
    [InlineData("{\"\":\"\",\"__proto__\":{}}")]
    public async Task ArgumentsThatAreNone_AreAnswered(string input)
    {
        var result = await RunAsync(input);

        AssertReadable(result);
        Assert.True(Mistakes.Count == 0 || result.Status == HarnessToolUseStatus.Error, "It worked.");
    }

    [Fact]
    public async Task ArgumentsThatAreDeepOrUnknown_AreAnswered()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 60)) + "1" + new string('}', 60);
        foreach (var name in Names().Append("unknown"))
        {
            AssertReadable(await RunAsync(Works[..^1] + $",\"{name}\":{deep}}}"));
        }
    }

    [Fact]
    public async Task MuchOutput_IsBounded()
    {
        if (Much(MuchOutput, _disk) is { } much)
        {
            var result = await RunAsync(much.Input);

            AssertReadable(result);
            Assert.InRange(result.Content.Sum(Size), 1, 2 * 1024 * 1024);

            // A model that takes a part for the whole decides wrongly.
            Assert.Contains(result.Content, item => TextOf(item).Contains(much.Says, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task CancelledBefore_RunsNothing()
    {
        await EndsAsync(Tool.RunAsync(Call(Works), Context(new Source(() => _sandbox)), new CancellationToken(canceled: true)));

        Assert.Empty(_disk.Files);
        Assert.Empty(_disk.Effects);
    }

    [Fact]
    public async Task CancelledDuring_EndsAtOnce_AndLeavesNothingRunning()
    {
        using var cancellation = new CancellationTokenSource();
        if (Endless is { } endless)
        {
            var running = Tool.RunAsync(Call(endless), Context(new Source(() => _sandbox)), cancellation.Token);
            await _disk.Slept.Task.WaitAsync(Soon);
            await cancellation.CancelAsync();
            await EndsAsync(running);
        }

        Assert.Equal(0, _sandbox.Running);
    }

    [Fact]
    public async Task CancelledWhileTheSandboxStarts_EndsAtOnce()
    {
        using var cancellation = new CancellationTokenSource();

        var running = Tool.RunAsync(Call(Works), Context(new Never()), cancellation.Token);
        await cancellation.CancelAsync();

        await EndsAsync(running);
    }

    [Fact]
    public async Task CancelledAfter_ChangesNothing()
    {
        using var cancellation = new CancellationTokenSource();

        var result = await Tool.RunAsync(Call(Works), Context(new Source(() => _sandbox)), cancellation.Token);
        await cancellation.CancelAsync();

        AssertReadable(result);
        Assert.Equal(HarnessToolUseStatus.Success, (await RunAsync(Works)).Status);
    }

    [Fact]
    public async Task SideBySide_CallsKeepApart()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Mistakes.Count > 0 && i % 2 == 1 ? RunAsync(Mistakes[0].Input) : RunAsync(Works)));

        Assert.All(results, (result, i) => Assert.Equal(Mistakes.Count > 0 && i % 2 == 1 ? HarnessToolUseStatus.Error : HarnessToolUseStatus.Success, result.Status));
        Assert.Equal(0, _sandbox.Running);
    }

    [Fact]
    public async Task SandboxThatCannotStart_IsNoOtherFailure()
    {
        var refusal = new SandboxException("No room.");

        var failure = await Record.ExceptionAsync(() => RunAsync(Works, new Source(() => throw refusal)));

        Assert.True(failure is null || failure == refusal, $"{failure}");
    }

    /// <summary>Checks what providers demand of a tool.</summary>
    public static void AssertValid(ToolSpec spec)
    {
        Assert.Matches(NamePattern(), spec.Name);
        Assert.InRange(spec.Description.Trim().Length, 1, 4096);
        Assert.NotEmpty(spec.Server);
        Assert.Equal("object", spec.InputSchema.GetProperty("type").GetString());
        Assert.InRange(spec.InputSchema.GetRawText().Length, 1, 16 * 1024);
        var properties = spec.InputSchema.TryGetProperty("properties", out var known) ? known.EnumerateObject().ToList() : [];
        Assert.All(properties, property => Assert.NotEmpty(property.Value.GetProperty("type").GetString()!));
        Assert.All(properties.Where(property => property.Value.GetProperty("type").GetString() == "integer"), property => Assert.True(property.Value.TryGetProperty("minimum", out _)));
        var required = spec.InputSchema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(name => name.GetString()!) : [];
        Assert.Subset(properties.Select(property => property.Name).ToHashSet(), required.ToHashSet());
    }

    private static void AssertReadable(ToolResult result)
    {
        Assert.NotEmpty(result.Content);
        Assert.All(result.Content, item =>
        {
            var text = TextOf(item);
            Assert.Equal(text, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)));
            Assert.NotEmpty(text);
        });
    }

    // A tool may answer a cancellation with a result or with the exception; it may not go on.
    private static async Task EndsAsync(Task<ToolResult> running)
    {
        try
        {
            AssertReadable(await running.WaitAsync(Soon));
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static string TextOf(ToolContent item) => item switch { ToolContent.Text one => one.Value, ToolContent.Json one => one.Value.GetRawText(), _ => "image" };

    private static int Size(ToolContent item) => item switch
    {
        ToolContent.Text text => Encoding.UTF8.GetByteCount(text.Value),
        ToolContent.Json json => Encoding.UTF8.GetByteCount(json.Value.GetRawText()),
        ToolContent.Image image => image.Bytes.Length,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private IEnumerable<string> Names() =>
        Tool.Spec.InputSchema.TryGetProperty("properties", out var properties) ? properties.EnumerateObject().Select(property => property.Name) : [];

    private Task<ToolResult> RunAsync(string input, ISandboxSource? source = null) =>
        Tool.RunAsync(Call(input), Context(source ?? new Source(() => _sandbox)), CancellationToken.None).WaitAsync(Soon);

    private static ToolCall Call(string input) => new("call", JsonElement.Parse(input));

    private ToolContext Context(ISandboxSource source) => new(source, TimeSpan.FromMinutes(5)) { Offloads = Offloads(source, _disk) };

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$")]
    private static partial Regex NamePattern();

    private sealed class Source(Func<ISandbox> get) : ISandboxSource
    {
        public ValueTask<ISandbox> GetAsync(CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return ValueTask.FromResult(get());
        }
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
