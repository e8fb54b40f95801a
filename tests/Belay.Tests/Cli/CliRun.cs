using System.Globalization;
using Belay.Cli.CommandLine;
using Belay.Cli.Serving;
using Belay.Sandboxes;
using Belay.Storage;

namespace Belay.Tests.Cli;

/// <summary>Runs command lines against a fake service, with the clock, the ids, the environment and the directory of the test.</summary>
internal sealed class CliRun : IDisposable
{
    private readonly StringWriter _output = new(CultureInfo.InvariantCulture);
    private readonly StringWriter _error = new(CultureInfo.InvariantCulture);

    public FakeService Service { get; } = new();

    public Dictionary<string, string> Environment { get; } = [];

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("belay-cli-").FullName;

    public SkippingTime Time { get; } = new();

    public string Input { get; init; } = "";

    /// <summary>Whether both streams go to one place, as on a screen.</summary>
    public bool Together { get; init; }

    public bool IsTerminal { get; init; }

    /// <summary>What an interrupt does first; nobody interrupts when null.</summary>
    public Func<Action, IDisposable>? OnInterrupt { get; init; }

    public bool Colour { get; init; }

    /// <summary>Columns of the terminal.</summary>
    public int Width { get; init; } = 160;

    /// <summary>Whether the terminal shows characters for drawing.</summary>
    public bool Glyphs { get; init; }

    public IReadOnlyList<ISandboxDriver> Drivers { get; init; } = [];

    public Func<ServeSettings, RunningServer>? StartServer { get; init; }

    public ServeSettings? Started { get; private set; }

    public string Output => _output.ToString();

    public string Error => _error.ToString();

    /// <summary>With the environment that <c>belay env</c> prints.</summary>
    public CliRun WithKey()
    {
        Environment["AWS_ACCESS_KEY_ID"] = "BELAYTESTTESTTESTTES";
        Environment["AWS_SECRET_ACCESS_KEY"] = "a-secret-that-must-not-be-shown";
        return this;
    }

    public async Task<int> RunAsync(params string[] arguments) => await RunAsync(TestContext.Current.CancellationToken, arguments);

    public async Task<int> RunAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        var host = new CliHost
        {
            Terminal = new Terminal(_output, Together ? _output : _error) { OutputIsTerminal = IsTerminal, ErrorIsTerminal = IsTerminal, Colour = Colour, Width = Width, Glyphs = Glyphs },
            Input = new StringReader(Input),
            InputIsTerminal = IsTerminal,
            OnInterrupt = OnInterrupt,
            Environment = Environment,
            WorkingDirectory = Directory,
            Time = Time,
            Ids = new CountingIds(),
            Http = () => Service,
            StartServer = (settings, _) =>
            {
                Started = settings;
                return Task.FromResult(StartServer!(settings));
            },
            SandboxDrivers = _ => Drivers,
        };
        return await BelayProgram.RunAsync(arguments, host, cancellationToken);
    }

    public void Dispose()
    {
        Service.Dispose();
        _output.Dispose();
        _error.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    /// <summary>A clock on which short waits are over at once, and long ones never.</summary>
    internal sealed class SkippingTime : TimeProvider
    {
        private static readonly TimeSpan Short = TimeSpan.FromSeconds(5);
        private DateTimeOffset _now = new(2026, 11, 21, 8, 0, 0, TimeSpan.Zero);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => _now;

        public override long GetTimestamp() => _now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var skip = dueTime > TimeSpan.Zero && dueTime <= Short;
            _now += skip ? dueTime : TimeSpan.Zero;
            return base.CreateTimer(callback, state, skip ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Ids that are the same in every run.</summary>
    private sealed class CountingIds : IdSource
    {
        private byte _next;

        public override void Fill(Span<byte> bytes)
        {
            foreach (ref var one in bytes)
            {
                one = _next++;
            }
        }
    }
}
