using System.Collections;
using System.Runtime.InteropServices;
using System.Text;
using Belay.Cli.CommandLine;
using Belay.Cli.Serving;
using Belay.Storage;

// The only place that reads the process's environment, its console and its signals; everything else gets them as values.
var environment = Environment.GetEnvironmentVariables()
    .Cast<DictionaryEntry>()
    .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "");
using var stop = new CancellationTokenSource();
using var hurry = new CancellationTokenSource();
var serving = false;
Action? interrupted = null;
var colour = !environment.TryGetValue("NO_COLOR", out var noColor) || noColor.Length == 0;
var dumb = environment.TryGetValue("TERM", out var term) && term == "dumb";

await using var output = Writer(Console.OpenStandardOutput());
await using var error = Writer(Console.OpenStandardError());
var outputIsTerminal = !Console.IsOutputRedirected;
var host = new CliHost
{
    Terminal = new Terminal(output, error)
    {
        OutputIsTerminal = outputIsTerminal,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Colour = colour && !dumb,
        Width = Terminal.WidthOf(outputIsTerminal ? Console.WindowWidth : 0, environment),
        Glyphs = outputIsTerminal && !dumb && Terminal.WritesUtf8(environment),
    },
    Input = Console.In,
    InputIsTerminal = !Console.IsInputRedirected,
    OnInterrupt = Console.IsInputRedirected || !outputIsTerminal ? null : instead =>
    {
        interrupted = instead;
        return new Undo(() => interrupted = null);
    },
    Environment = environment,
    WorkingDirectory = Environment.CurrentDirectory,
    Time = TimeProvider.System,
    Ids = IdSource.System,
    Http = () => new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) },
    StartServer = (settings, cancellationToken) =>
    {
        serving = true;
        return Composition.StartAsync(settings, hurry.Token, cancellationToken);
    },
    SandboxDrivers = Composition.SandboxDrivers,
};

// The first signal asks, the second asks a server to hurry, and whatever comes after it has its usual effect.
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return await BelayProgram.RunAsync(args, host, stop.Token);

void Stop(PosixSignalContext signal)
{
    if (signal.Signal == PosixSignal.SIGINT && Interlocked.Exchange(ref interrupted, null) is { } instead)
    {
        signal.Cancel = true;
        instead();
        return;
    }

    var source = stop.IsCancellationRequested ? hurry : stop;
    if (!source.IsCancellationRequested && (source == stop || serving))
    {
        signal.Cancel = true;
        source.Cancel();
    }
}

static StreamWriter Writer(Stream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };
